/**
 * What each engine can do, in one place: how requests are sent, what plans and `dynamo doctor` say, and how figures and
 * events are read follow from it. What was seen to work is in docs/engines.md.
 */
import { isAtLeast } from './release.js';

/** Engines that answer requests, started here or attached; `openai` for one of which nothing more is known. */
export type AnsweringEngine = 'embedded' | 'vllm' | 'sglang' | 'trtllm' | 'simulator' | 'openai';

/** Prometheus names of the figures that are read; empty where there is none. */
export interface MetricNames {
  running: string;
  waiting: string;
  kvUsage: string;
}

export interface EngineCapabilities {
  /** KV events: pushed over ZMQ with past ones for the asking, given to whoever asks over HTTP, or none. */
  events: 'pushed' | 'asked' | 'none';
  /** Which number is served first in the body's `priority`; null = it has no such field that we send. */
  priorityFirst: 'lowest' | 'highest' | null;
  /** Takes a priority only when started for it (ours are); else it refuses or ignores one. */
  priorityNeedsFlag: boolean;
  /** A request that names no priority comes after every other, so that 0 is sent as well. */
  sendsZeroPriority: boolean;
  /** Tells how much of a prompt it read from its cache. */
  cachedTokens: 'always' | 'with a flag';
  /** Body field for a chat's token ids beside its messages. */
  tokenIdsField: string | null;
  /** Body field for how long ranges of a prompt are worth keeping. */
  retentionField: string | null;
  /** Holds a tool's arguments to its schema only where the tool is marked `strict`. */
  needsStrictTools: boolean;
  /** Tiers below GPU memory that plans can set up. */
  tiers: readonly ('cpu' | 'disk' | 'remote')[];
  metrics: MetricNames;
  /** Formats of tool calls and reasoning it reads, by its own names; null = whatever the model writes is read here. */
  toolParsers: readonly string[] | null;
  reasoningParsers: readonly string[] | null;
  /** Oldest release whose flags and events are understood, and the one they were checked against; null = it is ours. */
  oldest: string | null;
  checked: string | null;
}

/** vLLM's HTTP dialect, which our own workers speak too. */
const VLLM_METRICS: MetricNames = {
  running: 'vllm:num_requests_running',
  waiting: 'vllm:num_requests_waiting',
  kvUsage: 'vllm:kv_cache_usage_perc',
};

const OURS: EngineCapabilities = {
  events: 'pushed',
  priorityFirst: 'lowest',
  priorityNeedsFlag: false,
  sendsZeroPriority: false,
  cachedTokens: 'always',
  tokenIdsField: 'prompt_token_ids',
  retentionField: 'kv_retention',
  needsStrictTools: false,
  tiers: ['cpu', 'disk', 'remote'],
  metrics: VLLM_METRICS,
  toolParsers: null,
  reasoningParsers: null,
  oldest: null,
  checked: null,
};

const TABLE: Record<AnsweringEngine, EngineCapabilities> = {
  embedded: OURS,
  simulator: { ...OURS, retentionField: null, tiers: [] },
  vllm: {
    ...OURS,
    priorityNeedsFlag: true,
    cachedTokens: 'with a flag',
    tokenIdsField: null,
    retentionField: null,
    needsStrictTools: true,
    tiers: ['cpu', 'disk', 'remote'],
    // ToolParserManager and ReasoningParserManager of 0.32.0; `hf` stands for the model's own.
    toolParsers: words(
      `apertus cohere_command3 cohere_command4 deepseek_v3 deepseek_v31 deepseek_v32 deepseek_v4 deepseek_v41 dots ernie45
      functiongemma gemma4 gigachat3 glm45 glm47 granite granite-20b-fc granite4 hermes hf hunyuan_a13b hy_v3 hy_v4 inkling
      internlm jamba k2_horizon kimi_k2 kimi_k3 lfm2 ling3 llama3_json llama4_json llama4_pythonic longcat mimo minicpm5
      minimax_m2 minimax_m3 mistral muse_glimmer olmo3 openai phi4_mini_json plamo3 poolside_v1 pythonic qwen3_coder
      qwen3_json qwen3_xml seed_oss step3 step3p5 xlam`,
    ),
    reasoningParsers: words(
      `cohere_command3 cohere_command4 deepseek_r1 deepseek_v3 deepseek_v4 deepseek_v41 ernie45 gemma4 glm45 glm47 granite
      granite_thinking_parser hf holo2 hunyuan_a13b hy_v3 hy_v4 inkling k2_horizon kimi_k2 kimi_k3 ling3 mimo minicpmv
      minimax_m2 minimax_m2_append_think minimax_m3 mistral muse_glimmer nemotron_v3 olmo3 openai_gptoss plamo3
      poolside_v1 qwen3 seed_oss step3 step3p5`,
    ),
    oldest: '0.16.0',
    checked: '0.32.0',
  },
  sglang: {
    ...OURS,
    priorityFirst: 'highest',
    priorityNeedsFlag: true,
    // Its scheduler counts a request without one below the lowest number there is.
    sendsZeroPriority: true,
    cachedTokens: 'with a flag',
    tokenIdsField: null,
    retentionField: null,
    tiers: ['cpu', 'disk'],
    metrics: {
      running: 'sglang:num_running_reqs',
      waiting: 'sglang:num_queue_reqs',
      kvUsage: 'sglang:token_usage',
    },
    // `function_call/parser_names.py` and `parser/reasoning_parser_names.py` of 0.5.23.
    toolParsers: words(
      `apertus2509 beam cohere_command4 deepseekv3 deepseekv31 deepseekv32 deepseekv4 deepseekv41 dots glm glm45 glm47
      gpt-oss k2_horizon kimi_k2 kimi_k3 lfm2 ling3 llama3 mimo minicpm5 mistral muse poolside_v1 pythonic qwen qwen25
      qwen3_coder spark25 step3 step3p5 minimax-m2 minimax-m3 nanbeige trinity interns1 hermes hunyuan gigachat3
      gigachat35 gemma4 inkling iquest_q1 response_template`,
    ),
    reasoningParsers: words(
      `apertus2509 beam deepseek-r1 deepseek-v3 deepseek-v4 deepseek-v41 dots glm45 ling3 hunyuan gpt-oss k2_horizon kimi
      kimi_k2 kimi_k3 mimo muse poolside_v1 qwen3 qwen3-thinking minimax minimax-append-think minimax-m3 nanbeige step3
      step3p5 mistral nemotron_3 granite_thinking_parser interns1 gemma4 inkling iquest_q1 cohere_command4 gigachat35
      response_template`,
    ),
    // `--default-priority-value` and events that name their tier.
    oldest: '0.5.11',
    checked: '0.5.23',
  },
  trtllm: {
    ...OURS,
    events: 'asked',
    // It has one (0 to 1, highest first) for those who start it with a waiting-queue policy; nothing is sent there.
    priorityFirst: null,
    priorityNeedsFlag: true,
    tokenIdsField: null,
    retentionField: null,
    tiers: [],
    metrics: { running: '', waiting: '', kvUsage: '' },
    oldest: '1.2.0',
    checked: null,
  },
  openai: {
    ...OURS,
    events: 'none',
    priorityFirst: null,
    tokenIdsField: null,
    retentionField: null,
    tiers: [],
    metrics: { running: '', waiting: '', kvUsage: '' },
  },
};

/** Those of an engine by the name it is planned or attached under; of any other name those of `openai`. */
export const capabilitiesOf = (engine: string): EngineCapabilities =>
  Object.hasOwn(TABLE, engine) ? TABLE[engine as AnsweringEngine] : TABLE.openai;

/** Our priority (higher = more important) as the engine's field has it; undefined = nothing is sent. */
export function priorityFor(engine: string, priority: number): number | undefined {
  const { priorityFirst, sendsZeroPriority } = capabilitiesOf(engine);
  if (priorityFirst === null || (priority === 0 && !sendsZeroPriority)) return undefined;
  return priorityFirst === 'lowest' ? -priority : priority;
}

/** One line for plans and the doctor. */
export function capabilityText(engine: string): string {
  const { events, priorityFirst, retentionField, tiers, checked } = capabilitiesOf(engine);
  return [
    { pushed: 'KV events', asked: 'KV events on request', none: 'no KV events: its cache is reckoned' }[
      events
    ],
    priorityFirst === null ? 'no priorities' : `priorities (${priorityFirst} number first)`,
    retentionField === null ? 'evicts by its own rule' : 'keeps what it is told to keep',
    tiers.length === 0 ? 'no tiers set up by dynamo' : `tiers ${tiers.join(', ')}`,
    ...(checked === null ? [] : [`checked with ${checked}`]),
  ].join('; ');
}

/** Why a release is not good enough, one sentence; null when it is, or does not tell. */
export function releaseProblem(engine: string, version: string | null): string | null {
  const { oldest } = capabilitiesOf(engine);
  if (oldest === null || version === null || isAtLeast(version, oldest)) return null;
  return `${engine} ${version} is older than ${oldest}, whose flags and events dynamo knows`;
}

function words(text: string): readonly string[] {
  return text.split(/\s+/);
}
