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
  /** Time an admin or health call to a worker may take. */
  probeTimeoutMs: 2_000,
  /** Tokens of one block for engines that do not say. */
  blockTokensDefault: 64,
  /** Bytes of tokenized prompt segments kept. A 200k-token conversation needs 0.8 MB. */
  segmentCacheBytes: 64 * 1024 * 1024,
  /** Decisions kept for `dynamo explain`. */
  decisionsKept: 2_000,
  /** Sessions remembered, least recently used dropped. */
  sessionsKept: 4_096,
  /** Requests shown on the screen. */
  recentRequests: 50,
  /** Lines of each worker's log kept in memory for error messages. */
  logTailLines: 200,
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
  /** Time running requests have to finish when the stack drains. */
  drainMs: 30_000,
  /** Events buffered for one slow listener of the event stream before it is dropped. */
  eventBacklog: 10_000,
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
  /** Size of a recipe file. */
  recipeBytes: 256 * 1024,
} as const;

if (LIMITS.pingIntervalMs >= 10_000) throw new Error('limits: pings must be under ten seconds apart');
if (LIMITS.workersMax > 64) throw new Error('limits: the index has 64 lanes');
