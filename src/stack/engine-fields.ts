/** What an engine's body gets beside the chat: priority in its polarity, token ids, retention. */
import { capabilitiesOf } from '../engines/capabilities.js';
import { attachedPriority } from '../engines/external/priority.js';
import type { EngineAdapter } from '../engines/types.js';
import { VLLM_CONTINUATION } from '../engines/vllm/continuation.js';
import { LIMITS } from '../limits.js';
import type { EngineName, Plan, RetentionPlan, WorkerPlan } from '../plan/types.js';
import type { PreparedPrompt } from '../prompt/types.js';
import type { Continuation } from '../request/continuation.js';
import type { CommonRequest } from '../request/types.js';
import { hasMarks } from '../retention/cache-writes.js';
import { retentionSpans } from '../retention/spans.js';
import { adapterOf } from './adapters.js';

/** Below this finding the regions costs more than they could save; the engine's own default holds then. */
const RETENTION_TOKENS_MIN = 1_024;

/** Token ids and regions only where they are proven to be the engine's own. */
export function engineFields(
  adapter: EngineAdapter,
  request: CommonRequest,
  prompt: PreparedPrompt | null,
  { attached, retention }: { attached?: WorkerPlan['attached']; retention?: Plan['retention'] } = {},
): Record<string, unknown> {
  const exact = prompt?.source === 'local' ? prompt : null;
  return {
    ...priorityField(adapter, request.hints.priority, attached),
    ...(adapter.tokenIdsField === undefined || exact === null
      ? {}
      : { [adapter.tokenIdsField]: Array.from(exact.tokens) }),
    ...(adapter.retentionField === undefined ||
    retention === 'lru' ||
    exact === null ||
    !isWorth(request, exact)
      ? {}
      : { [adapter.retentionField]: spans(request, exact, retention) }),
  };
}

export function priorityField(
  adapter: EngineAdapter,
  priority: number,
  attached?: WorkerPlan['attached'],
): { priority?: number } {
  const value =
    attached === undefined
      ? adapter.enginePriority(priority)
      : attachedPriority({ engine: attached.engine, isOn: attached.hasPriority === true }, priority);
  return value === undefined ? {} : { priority: value };
}

/** How an answer goes on at another worker; of attached engines only vLLM's own fields are known. */
export function continuationOf(engine: EngineName, attached: string | undefined): Continuation | null {
  if (engine === 'external') return attached === 'vllm' ? VLLM_CONTINUATION : null;
  return adapterOf(engine).continuation ?? null;
}

/** A whole answer tells no time of its first token, and must be finished before its engine counts as silent. */
export function mayBeWhole({ maxTokens, hints }: CommonRequest): boolean {
  const isShort = maxTokens !== undefined && maxTokens <= LIMITS.wholeAnswerTokens;
  return isShort && !hints.extraFields.includes('timing');
}

function isWorth(request: CommonRequest, prompt: PreparedPrompt): boolean {
  if (hasMarks(request) || request.session?.isFinal === true) return true;
  return prompt.tokens.length >= RETENTION_TOKENS_MIN;
}

function spans(
  request: CommonRequest,
  prompt: PreparedPrompt,
  recipe: RetentionPlan | undefined,
): ReturnType<typeof retentionSpans> {
  return retentionSpans(
    request,
    prompt.regions,
    prompt.tokens.length,
    request.maxTokens ?? prompt.tokens.length,
    recipe,
  );
}

/** Of engines that hold a call's arguments to the schema of `strict` tools only, if all of them are. */
export function needsStrictTools(plan: Plan): boolean {
  const attached = plan.workers.map((worker) => worker.attached?.engine ?? 'openai');
  const engines = plan.engine === 'external' ? attached : [plan.engine];
  return engines.every((engine) => capabilitiesOf(engine).needsStrictTools);
}
