/** Going on with a chat's answer as a completion of raw tokens. Pure. */
import type { PreparedPrompt } from '../prompt/types.js';
import { engineBody } from '../request/engine-body.js';
import type { CommonRequest, Usage } from '../request/types.js';

/** Only free text: nothing else holds a raw completion to a schema, and log probabilities have another form there. */
export function isCompletable(request: CommonRequest, prompt: PreparedPrompt): boolean {
  const { input, format, toolChoice, extra } = request;
  const isFree = toolChoice.kind === 'auto' || toolChoice.kind === 'none';
  const isKnown = input.kind === 'chat' && prompt.source === 'local';
  return isKnown && isFree && format.kind === 'text' && extra['logprobs'] === undefined;
}

/** Path and body of what goes on after `said`, the ids of the answer so far. */
export function completionBody(
  request: CommonRequest,
  prompt: PreparedPrompt,
  { said, contextTokens }: { said: readonly number[]; contextTokens: number },
): { path: string; body: Record<string, unknown> } {
  const tokens = new Uint32Array(prompt.tokens.length + said.length);
  tokens.set(prompt.tokens);
  tokens.set(said, prompt.tokens.length);
  // A completion without a bound would get 16 tokens.
  const bound = Math.min(request.maxTokens ?? contextTokens, contextTokens - prompt.tokens.length);
  const maxTokens = Math.max(1, bound - said.length);
  const { path, body } = engineBody({ ...request, input: { kind: 'tokens', tokens }, maxTokens });
  // Markers of calls and reasoning are special tokens in some vocabularies.
  return { path, body: { ...body, skip_special_tokens: false, spaces_between_special_tokens: false } };
}

/** The engine counts what was said before as prompt. */
export function wholeUsage(usage: Usage, said: number): Usage {
  const promptTokens = usage.promptTokens - said;
  const cachedTokens = Math.min(usage.cachedTokens, promptTokens);
  return { ...usage, promptTokens, cachedTokens, outputTokens: usage.outputTokens + said };
}

/** Whether a prompt's last text opens reasoning that the answer then begins with. */
export const opensReasoning = (end: string): boolean => /<think>\s*$/.test(end);
