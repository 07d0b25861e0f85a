/** A recipe's variant resolved for one host. */
import type { RooflineFacts } from '../engines/simulator/timing.js';

export type EngineName = 'vllm' | 'trtllm' | 'sglang' | 'embedded' | 'simulator' | 'external';

export interface GpuInfo {
  index: number;
  name: string;
  /** Family name used in recipes: `h100`, `h200`, `b200`, …; empty when unknown. */
  family: string;
  memoryBytes: number;
  freeBytes: number;
  /** `GPU-…`, where the driver tells it. */
  uuid?: string;
  /** Cut into parts (MIG): nobody can have it whole. */
  isSplit?: true;
}

/** What this machine has, probed once. Unknown facts are null, never invented. */
export interface HostSnapshot {
  platform: NodeJS.Platform;
  arch: string;
  cpus: number;
  /** Numbers of the processors this process may use, where the system says. */
  cpuIds?: number[];
  cpuModel: string;
  memoryBytes: number;
  freeMemoryBytes: number;
  gpus: GpuInfo[];
  driver: string | null;
  /** How GPU i is linked with GPU j, by index, in `nvidia-smi topo`'s words: `NV18` for NVLink, else a way over PCIe. */
  links?: string[][];
  nodeVersion: string;
  /** Free bytes of /dev/shm; null or absent where there is none. */
  sharedMemoryFreeBytes?: number | null;
  /** Free bytes where models and the disk tier live. */
  diskFreeBytes: number | null;
}

/** ZMQ addresses a worker publishes its KV events on. */
export interface EventEndpoints {
  /** PUB socket, `ipc://…` or `tcp://…`. */
  events: string;
  /** ROUTER socket that replays past batches. */
  replay: string;
  topic: string;
  /** We bind the address of `events` and the engine connects. */
  isBound?: boolean;
}

/** Everything needed to start one worker; pure data, printable. */
export interface WorkerPlan {
  id: string;
  engine: EngineName;
  /** Program to run. */
  file: string;
  args: string[];
  /** Variables added to an allow-listed environment. */
  env: Record<string, string>;
  host: string;
  /** Loopback port; 0 in a printed plan, chosen when the stack starts. */
  port: number;
  gpus: number[];
  events: EventEndpoints | null;
  /** Tokens per KV block. */
  blockTokens: number;
  /** KV blocks, when the plan knows. */
  kvBlocks: number | null;
  /** Context window in tokens. */
  contextTokens: number;
  /** An engine that somebody else runs: its base address, what it is, where it says that it serves. */
  attached?: {
    url: string;
    engine: string;
    healthPath: string;
    /** One data-parallel rank of several behind the address: it has a cache of its own, requests name it. */
    rank?: number;
    /** It schedules by priority. */
    hasPriority?: true;
    /** False: not asked for its events, though its engine could be (`events=none`). */
    isAsked?: boolean;
  };
  /** Concurrent sequences, each with a whole context of KV memory (embedded engine). */
  slots?: number;
  /** Memory of this machine it takes: weights, KV and processes; absent where its GPUs hold them. */
  memoryBytes?: number;
  /** What it answers to only, where the stack needs a key itself: another user of this machine must not pass the gateway by. Chosen when the stack starts. */
  key?: string;
  /** Folder for what its engine leaves behind, removed with the stack; chosen when the stack starts. */
  scratch?: string;
  /** Processors it computes on, by number (vLLM without GPUs). */
  cpus?: number[];
}

/** A tier of pages below the engines' own memory. */
export interface TierPlan {
  name: 'cpu' | 'disk' | 'remote';
  /** Quota; null = unbounded (remote only). */
  bytesMax: number | null;
  /** Folder, or address of a remote store; null = chosen when the stack starts. */
  at: string | null;
}

/** How workers pretend. */
export interface SimulationPlan {
  /** What one worker pretends to run on: `8 × H200`. */
  hardware: string;
  /** Times as fast as the real thing. */
  speed: number;
  /** Mean tokens of an answer nobody bounds. */
  answerTokens: number;
  facts: RooflineFacts;
  /** Tokens of one pass and requests running at once; null = the simulator's own. */
  passTokens: number | null;
  maxRunning: number | null;
}

/** By kind of region, as in `RetentionChanges`. */
export type RetentionPlan = Partial<
  Record<
    'system' | 'tools' | 'conversation' | 'tool_result' | 'reasoning' | 'output',
    { priority?: number; durationMs?: number }
  >
>;

export interface Plan {
  recipe: string;
  title: string;
  variant: string;
  engine: EngineName;
  /** Name clients use. */
  servedModel: string;
  /** Other names that mean the same model. */
  aliases: string[];
  /** Model file or hub id. */
  model: ModelRef;
  workers: WorkerPlan[];
  contextTokens: number;
  blockTokens: number;
  /** Why this variant, in sentences. */
  reasons: string[];
  /** Memory arithmetic and other facts, as printed by `dynamo plan`. */
  notes: string[];
  /** What the user must know before it starts; told once more in the running stack. */
  warnings?: string[];
  /** The variant's own engine arguments; the engine's adapter puts them into each worker's argv. */
  engineArgs?: string[];
  /** The variant's own variables, e.g. `VLLM_USE_FLASHINFER_MOE_FP4`. */
  engineEnv?: Record<string, string>;
  /** Oldest engine release the variant works with. */
  minEngineVersion?: string | null;
  /** The engine's program as it was found on this host; absent in a plan that is only printed. */
  program?: { file: string; version: string | null };
  /** Folder or file with the tokenizer and chat template of a model whose own file is not at hand. */
  tokenizer?: string;
  /** Tensor type the embedded engine converts the model to at first use; null keeps the file as it is. */
  requantize?: 'q8_0' | null;
  /** Formats the model writes tool calls and reasoning in, by vLLM's parser names; null = none known. */
  parsers?: { tools: string | null; reasoning: string | null };
  /** Of engine `simulator`. */
  simulation?: SimulationPlan;
  /** `lru` = engines are told nothing of what is worth keeping; else what is kept unlike the default. */
  retention?: 'lru' | RetentionPlan;
  /** In the order pages go down. */
  tiers?: TierPlan[];
  /** Socket on which workers tell the stack of their pages; chosen when the stack starts. */
  pageReports?: string | null;
  defaults: {
    temperature?: number;
    topP?: number;
    topK?: number;
    repetitionPenalty?: number;
    maxTokens?: number;
  };
}

export type ModelRef =
  | { kind: 'gguf'; name: string; path: string; sha256: string | null }
  | { kind: 'hub'; id: string; revision: string };

/** Why a variant cannot run here. */
export interface Refusal {
  variant: string;
  /** One sentence: what it needs and what this host has. */
  reason: string;
}

export type PlanResult =
  | { ok: true; plan: Plan }
  | { ok: false; recipe: string; refusals: Refusal[]; suggestion: string | null };
