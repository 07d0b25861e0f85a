/** What the gateway is given by the composition root. */
import type { WorkerLink } from '../link/types.js';
import type { PromptService } from '../prompt/service.js';
import type { PreparedPrompt } from '../prompt/types.js';
import type { Continuation } from '../request/continuation.js';
import type { CommonRequest, StreamEvent } from '../request/types.js';
import type { RouterService } from '../router/types.js';
import type { MetricsFormat } from '../telemetry/metrics/exposition.js';
import type { MissReport } from '../telemetry/miss-cause.js';
import type { RunReport } from '../telemetry/run-report.js';
import type { Snapshot, StampedEvent, TelemetryEvent } from '../telemetry/types.js';
import type { KeyPolicy } from './key-policy.js';

export interface ServedModel {
  name: string;
  aliases: string[];
  contextTokens: number;
  /** Unix seconds the stack started. */
  created: number;
  /** Accept any model name (agents insist on their own) and serve this model. */
  acceptAnyName: boolean;
  /** Mark tools `strict`: this engine holds arguments to their schema only where it is told so. */
  strictTools?: boolean;
  defaults: {
    temperature?: number;
    topP?: number;
    topK?: number;
    repetitionPenalty?: number;
    maxTokens?: number;
  };
}

export interface GatewayConfig {
  host: string;
  port: number;
  /** Keys that may do everything. Without these and `keyPolicies` no key is needed. */
  apiKeys: string[];
  keyPolicies?: KeyPolicy[];
  bodyBytes: number;
  /** For tests: the times of `LIMITS` by which a request must have arrived. */
  arrival?: { headersMs: number; bodyMs: number; checkMs: number };
  /** Times one answer may go on at another worker when its own is lost; 0 = never. Absent: `LIMITS.continuations`. */
  continuations?: number;
  /** Folder for answers of `/v1/responses` that are to survive a restart; absent: they are kept in memory only. */
  responsesDir?: string;
}

/** Prefixes computed before they are asked for. */
export interface WarmSettings {
  /** Of all computed prompt tokens; 0 = none without being asked. */
  share: number;
  /** Tokens that may be computed ahead before the first request. */
  headStart: number;
  /** When a conversation's next turn is prepared: where it is certain or hinted at, only with the hint, never. */
  nextTurn: 'certain' | 'hinted' | 'never';
  /** One request slows all others of the same worker: nothing is computed ahead beside one. */
  needsIdle: boolean;
  /** Body fields of the lowest priority the worker's engine knows. */
  fields(worker: string): Record<string, unknown>;
  /** KV blocks of a worker; 0 = unknown. */
  kvBlocks(worker: string): number;
  /** Body field that says how long ranges of a prompt are worth keeping; absent = the engine decides. */
  retentionField?: string;
}

/** The engine's own parsers have no part in what it says. */
export interface RawOutput {
  /** The prompt ends within reasoning: the answer begins with it. */
  isOpened: boolean;
}

export interface GatewayDeps {
  config: GatewayConfig;
  served: ServedModel;
  prompt: PromptService;
  router: RouterService;
  /** Link of a ready worker; undefined when it is gone. */
  link(worker: string): WorkerLink | undefined;
  /**
   * Body fields of this worker's engine, merged into the engine body: the priority in its polarity, and, where it
   * takes them beside the messages, the token ids we have already and how long they are worth keeping (`prompt` is
   * null for anything but a chat).
   */
  engineFields(
    worker: string,
    request: CommonRequest,
    prompt: PreparedPrompt | null,
  ): Record<string, unknown>;
  /** How an answer that another worker began goes on at this one; null or absent = it cannot. */
  continuation?(worker: string): Continuation | null;
  /** Whether this request's answer is asked for as a whole instead of a stream; absent = never. */
  answersWhole?(worker: string, request: CommonRequest): boolean;
  /** Reads raw output of an engine whose own parsers are missing; null = its events pass as they are. */
  outputFilter?(
    worker: string,
    request: CommonRequest,
    raw?: RawOutput,
  ): ((event: StreamEvent) => StreamEvent[]) | null;
  /** Text of tokens of the model, special ones included; null where its tokens are not known here. */
  textOf?(tokens: ArrayLike<number>): string | null;
  /** A request's prompt is known; must return at once. */
  onPrompt?(request: CommonRequest, prompt: PreparedPrompt): void;
  /** Why a request that has ended was not read from a cache; null when that is not known. */
  explainMiss?(requestId: string): MissReport | null;
  /** Tokens of KV that can be kept in all; 0 or absent = unknown, and no key is bounded by it. */
  pinnableTokens?(): number;
  /** What may be computed ahead; absent = only what a client asks for. */
  warm?: WarmSettings;
  emit(event: TelemetryEvent): void;
  snapshot(): Snapshot;
  /** The run so far, in steps. */
  report(): RunReport;
  /** The text of `/metrics`. */
  metrics(format: MetricsFormat): string;
  /** Calls back for each event from now on; returns the unsubscribe function. */
  subscribe(listener: (event: StampedEvent) => void): () => void;
  /** False while starting or draining. */
  isReady(): boolean;
}
