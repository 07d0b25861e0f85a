/** Every bound, with its unit and reason. Relations between bounds are asserted when this file loads. */

export const LIMITS = {
  /** Body of a request. A 1 M-token conversation is about 6 MB of JSON; images need more. */
  bodyBytes: 64 * 1024 * 1024,
  /** All header bytes of a request; node's own default is 16 KiB, agents send long beta lists. */
  headerBytes: 32 * 1024,
  /** Time for a whole body to arrive: a slow sender may not hold a connection for ever. */
  bodyTimeoutMs: 30_000,
  /** Silence after which a stream gets a ping; clients give up at 10-15 s. */
  pingIntervalMs: 8_000,
  /** Silence of an engine after which a request fails. A cold 8k prompt takes about a minute on one core. */
  engineSilenceMs: 600_000,
  /** One SSE line of an engine: a tool call may come in one piece. */
  sseLineBytes: 16 * 1024 * 1024,
  /** Requests held by the gateway at once, queued ones included. */
  requestsMax: 2_048,
  /** Times one answer may go on at another worker when its own is lost: a request that kills workers must end. */
  continuations: 3,
  /** Answers (`n`) of one request, as in OpenAI's API. */
  choicesMax: 128,
  /** Answers of `/v1/responses` kept for `previous_response_id`. */
  keptResponses: 1_000,
  /** Bytes of those answers, as JSON. */
  keptResponseBytes: 256 * 1024 * 1024,
  /** Answers kept on disk, where that is asked for. */
  keptFiles: 10_000,
  /** Bytes of those files. */
  keptFilesBytes: 1024 * 1024 * 1024,
  /** Bytes of one of them; a larger answer stays in memory. */
  keptFileBytes: 64 * 1024 * 1024,
  /** Answers waiting to be written; with more, the disk does not keep up and they stay in memory. */
  keptWritesWaiting: 64,
  /** WebSocket connections open at once: one per running agent. */
  socketsMax: 512,
  /** Messages of one WebSocket connection that wait while a response is in flight. */
  socketQueueMax: 8,
  /** Time without a message after which a WebSocket connection is closed, as in OpenAI's API. */
  socketIdleMs: 3_600_000,
  /** Pings in a row a WebSocket client may leave unanswered before it counts as gone. */
  socketPongsMissed: 4,
  /** Bytes of a message still arriving on a WebSocket that are let be; more must be whole within `bodyTimeoutMs`. */
  socketPartialBytes: 64 * 1024,
  /** Bytes not yet sent to a WebSocket client at which its engine is paused. */
  socketBufferBytes: 64 * 1024,
  /** Responses one WebSocket connection can go on from without `store`: the chain in work and its warm-up. */
  socketResponses: 8,
  /** Characters of the user's own turns that a compaction keeps word for word: some 20k tokens, as Codex keeps itself. */
  compactKeptChars: 80_000,
  /** Output bound of a summary when the client gives none. */
  compactSummaryTokens: 8_192,
  /** Requests whose traces wait for a collector that is slow or away: ten seconds of 200 a second, under 10 MB. */
  tracesWaiting: 2_048,
  /** Requests in one post to it: its JSON is written in one step of about a millisecond. */
  tracesPerPost: 32,
  /** Time a collector may take to answer. */
  tracePostMs: 10_000,
  /** Time a stop waits for it. */
  traceCloseMs: 2_000,
  /** Idle time after which a client's connection is closed; agents pause for minutes between turns. */
  keepAliveMs: 75_000,
  /** Time a client may leave an answer unread before its connection is cut; agents that are suspended come back within. */
  clientStallMs: 300_000,
  /** Keys of one stack: each is compared with every request's. */
  keysMax: 1_000,
  /** Size of a key file. */
  keyFileBytes: 1024 * 1024,
  /** Connections open at once; each agent holds a few. */
  connectionsMax: 8_192,
  /** Headers of one request. Agents send under 60. */
  headersMax: 256,
  /** How often requests that arrive too slowly are looked for. */
  slowRequestCheckMs: 2_000,
  /** Time for the headers of a request to arrive. */
  headersTimeoutMs: 15_000,
  /** Longest pause between telemetry reports of a stream's tokens. */
  tokenReportMs: 250,
  /** Made-up requests that get a fresh gateway's code compiled; more would gain little. */
  warmUpRequests: 600,
  /** Different warnings about ignored fields remembered, so that each is told once. */
  warningsRemembered: 1_000,
  /** Bytes of a session or parent id in a header, as in NVIDIA Dynamo. */
  sessionIdBytes: 256,
  /** Time an admin or health call to a worker may take. */
  probeTimeoutMs: 2_000,
  /** Tokens of one block for engines that do not say. */
  blockTokensDefault: 64,
  /** Bytes of tokenized prompt segments kept. A 200k-token conversation needs 0.8 MB. */
  segmentCacheBytes: 64 * 1024 * 1024,
  /** Long chats that wait for a thread to tokenize them; more are tokenized beside the answering. */
  threadChatsWaiting: 64,
  /** Bodies remembered so that a next turn's is parsed from where it differs, and their bytes; parsed they take as much again. */
  bodiesKept: 1_024,
  bodyMemoBytes: 64 * 1024 * 1024,
  /** Conversations remembered so that their next turn costs what is new; bytes bound them before their number does. */
  conversationsKept: 1_024,
  /** Bytes of those: JSON, texts, tokens and hashes; a 200k-token conversation needs about 4 MB. */
  conversationBytes: 192 * 1024 * 1024,
  /** Decisions kept for `dynamo explain`. */
  decisionsKept: 2_000,
  /** Sessions remembered, least recently used dropped. */
  sessionsKept: 4_096,
  /** Requests shown on the screen. */
  recentRequests: 100,
  /** Lines of each worker's log kept in memory for error messages. */
  logTailLines: 200,
  /** Characters of one line of a worker's output; the rest is cut. */
  logLineChars: 8_192,
  /** Bytes of one worker's log file before it is rotated. */
  logFileBytes: 20 * 1024 * 1024,
  /** Restarts of one worker within `restartWindowMs` before it counts as failed for good. */
  restartsMax: 5,
  restartWindowMs: 300_000,
  /** First pause before a restart, doubled each time. */
  restartBackoffMs: 250,
  restartBackoffMaxMs: 15_000,
  /** Time a stopped worker has to end by itself before it is killed. */
  stopGraceMs: 5_000,
  /** The same when nobody wants to wait: long enough to remove shared memory. */
  stopNowMs: 750,
  /** Time running requests have to finish when the stack drains. */
  drainMs: 30_000,
  /** Events buffered for one slow listener of the event stream before it is dropped. */
  eventBacklog: 10_000,
  /** Heads of prompts (system text, tools, first user turn) whose places are remembered, each some 100 kB. */
  promptHeads: 32,
  /** Prompts whose regions are still to be told to telemetry. */
  regionTallies: 256,
  /** Tokens of a prompt above which its regions are told by the share of its text: finding them takes 20 ms and more. */
  regionTallyTokens: 8_192,
  /** Workers of one stack: lanes of the index. */
  workersMax: 64,
  /** Metadata head of a GGUF file; a 256k-token vocabulary with merges needs about 20 MB. */
  ggufHeadBytes: 256 * 1024 * 1024,
  /** Metadata entries of a GGUF file; real ones have under 100. */
  ggufEntries: 65_536,
  /** Time to reach the model hub: a machine without it must not wait long before the next source is tried. */
  modelConnectMs: 5_000,
  /** Silence of a model download after which it counts as cut. */
  modelSilenceMs: 30_000,
  /** Connections tried for one model file of one source; each resumes where the one before was cut. */
  modelAttempts: 6,
  modelRetryMs: 500,
  modelRedirects: 5,
  /** A pull that has not touched its lock for this long is dead. */
  modelLockStaleMs: 30_000,
  /** Disk left free beside a model file. */
  modelDiskMarginBytes: 64 * 1024 * 1024,
  /** Time to open a connection to a worker: loopback or a near host. */
  connectTimeoutMs: 5_000,
  /** One JSON exchange with a worker; tokenizing a prompt that fills the context takes seconds. */
  exchangeTimeoutMs: 30_000,
  /** Output bound up to which an answer may be asked for as a whole: it has `engineSilenceMs` to be finished. */
  wholeAnswerTokens: 8_192,
  /** Answer of one JSON exchange: token ids of a 1 M-token prompt are 7 MB. */
  exchangeBytes: 64 * 1024 * 1024,
  /** Prometheus text read of one worker; vLLM's is 75 kB. */
  metricsBytes: 4 * 1024 * 1024,
  /** One batch of KV events; a larger message ends the connection. A prompt of a million tokens is told in 5 MB. */
  eventBatchBytes: 64 << 20,
  /** Silence of a replay socket after which a gap counts as not fillable; vLLM answers within 100 ms. */
  replaySilenceMs: 2_000,
  /** Live event batches held back while a replay runs, before the worker is dropped and resynced. */
  replayBacklog: 100_000,
  /** Time a feed works off what has arrived before requests get their turn. */
  feedSliceMs: 5,
  /** Pause between two questions to an engine that tells its events only when asked (TensorRT-LLM). */
  eventPollMs: 100,
  /** Salted blocks remembered per worker, to know the salt of the blocks that continue them. */
  saltedBlocksKept: 262_144,
  /** Time a user's own router may take for a decision: it runs beside every stream of the stack. */
  policyMs: 5,
  /** Decisions in a row that took longer, after which it is not asked for `policyRestMs`. */
  policySlowMax: 3,
  policyRestMs: 60_000,
  /** Size of a user's router module. */
  policyFileBytes: 1024 * 1024,
  /** One file of a recording; the next one stands for itself. */
  recordFileBytes: 64 * 1024 * 1024,
  /** All files of a recording folder; the oldest are removed. */
  recordBytes: 2 * 1024 * 1024 * 1024,
  /** Recorded lines that wait for the disk; more are lost and counted. */
  recordBufferBytes: 32 * 1024 * 1024,
  /** Block hashes of sessions kept to write only what a prompt adds; 0.1 MB for 800k tokens. */
  recordMemoryBytes: 32 * 1024 * 1024,
  /** Requests waiting for a worker. */
  queueMax: 1_024,
  /** Time a request waits for a free worker. */
  queueWaitMs: 600_000,
  /** Time a request waits for a worker that is starting or restarting. */
  readyWaitMs: 60_000,
  /** Time a request waits when each ready worker has failed it already: the supervisor notices a crash within this. */
  failedWaitMs: 2_000,
  /** Requests sent to one worker at once; its own queue orders them. Above this they wait here, by priority. */
  activePerWorker: 256,
  /** Time a prompt counts as held by its worker after its first token, until the worker's events say so. */
  predictedMs: 2_000,
  /** Lifetime of blocks we believe a worker without events holds, after their last use (NVIDIA Dynamo's value). */
  approximateMs: 120_000,
  /** Shortest such lifetime, after the engine proved us wrong again and again. */
  approximateMinMs: 5_000,
  /** Blocks believed held per worker without events. */
  approximateBlocks: 262_144,
  /** Block hashes per generation of the set of everything seen; two generations of 8 bytes each are kept. */
  reachableBlocks: 1_048_576,
  /** Engine block hashes per generation whose place in the prefix is remembered; 16 bytes each. */
  parentBlocks: 524_288,
  /** Removed blocks per generation remembered to explain misses; 16 bytes each. */
  evictionsKept: 131_072,
  /** Tokens of sessions' last prompts kept to find where the next one differs. */
  missMemoryBytes: 64 * 1024 * 1024,
  /** Prompts kept per session: its sub-agents and side questions take turns. */
  missPromptsPerSession: 4,
  /** Memory of the block index; at about 20 bytes a block this is 50 M blocks. Past it stores are refused. */
  indexBytes: 1024 * 1024 * 1024,
  /** Idle time after which a session's context no longer counts as live on its worker (`kv` policy). */
  sessionLiveMs: 60_000,
  /** Jobs the embedded engine holds waiting for a slot; the gateway's own queue comes first. */
  coreWaitingMax: 1_024,
  /** GBNF text of one job: the largest tool schemas compile to some 100 kB. */
  grammarBytes: 1024 * 1024,
  /** Nesting of a JSON schema given to the embedded engine; tools of real agents stay under 12. */
  schemaDepth: 64,
  /** Rules of the grammar a JSON schema becomes: some 1,500 properties. */
  schemaRules: 4_000,
  /** Sub-schemas visited on the way; references with keywords beside them count once per use. */
  schemaParts: 20_000,
  /** Times one part of a grammar may repeat: libllama refuses more. */
  grammarRepeat: 2_000,
  /** Repetitions of a whole grammar: libllama copies what repeats as often as it may. */
  grammarRepeats: 10_000,
  /** Functions of one request; the largest agents bring some 100. */
  toolsMax: 512,
  /** Stop strings of one request to the embedded engine, and characters of each. */
  stopsMax: 64,
  stopChars: 1_024,
  /** Characters of a client's `request_id` that the embedded engine puts into its answer's id. */
  requestIdChars: 256,
  /** Batches of KV events a worker of ours keeps for replay: vLLM's default `buffer_steps`. */
  keptEventBatches: 10_000,
  /** Nested groups of a grammar: libllama parses by recursion. */
  grammarDepth: 256,
  /** Alternatives returned per token, as in vLLM. */
  logprobsTop: 20,
  /** Time for converting a model file to another tensor type: 0.5 s for 135 M parameters, minutes for 8 B. */
  requantizeMs: 1_800_000,
  /** Time for converting a model file to the form of another engine: 30 s for 135 M parameters, minutes for 8 B. */
  convertMs: 1_800_000,
  /** Output of one installer kept to find its complaint. */
  installOutputChars: 4 * 1024 * 1024,
  /** Tokens one request may bias. */
  logitBiasMax: 1_024,
  /** Bytes of pages that wait to be written to one tier; more are dropped and counted. */
  pageQueueBytes: 192 * 1024 * 1024,
  /** What a worker that stops still has to write down may take so long; less than it has until it is killed. */
  pageCloseMs: 2_000,
  /** One page read from a tier: a disk takes milliseconds, an object store a second; computing it takes less than this. */
  pageReadMs: 3_000,
  /** Page reports a worker keeps while the stack's catalogue is not there; its next scan finds the rest. */
  pageReportsKept: 100_000,
  /** Characters of one page report. */
  pageReportChars: 4 * 1024 * 1024,
  /** Pages of a remote store a worker knows of; 40 bytes each. */
  remotePages: 1_000_000,
  /** Characters of one tool call read from raw text; a longer one is text. A whole file as an argument is some 100 kB. */
  toolCallChars: 4 * 1024 * 1024,
  /** Ranges of one prompt with a retention of their own: two per message of a long conversation. */
  retentionSpans: 4_096,
  /** Prefixes that wait to be computed ahead: a few conversations' next turns per worker. */
  warmJobs: 64,
  /** Lifetimes looked after at once on engines that keep none; each holds the tokens of its prefix. */
  warmPromises: 256,
  /** Beginnings of conversations told apart, and tokens of each: an agent's system prompt and tools are 10,000 to 30,000. */
  warmPrefixes: 32,
  warmPrefixTokens: 65_536,
  /** Size of a recipe file. */
  recipeBytes: 256 * 1024,
} as const;

if (LIMITS.pingIntervalMs >= 10_000) throw new Error('limits: pings must be under ten seconds apart');
if (LIMITS.workersMax > 64) throw new Error('limits: the index has 64 lanes');
