/**
 * `nvext.annotations`: what the client wants told beside its stream, in NVIDIA Dynamo's form: an event with a name whose
 * value stands in a comment. Only streams of the completions family have them; clients that ask read raw events.
 */
import type { PreparedPrompt } from '../prompt/types.js';
import type { CommonRequest, Usage } from '../request/types.js';
import type { Warn } from './warn-once.js';

export interface Annotations {
  /** Before the first event of the answer. */
  lead: string;
  /** Before the last one; `usage` is null when the engine reported none. */
  tail(usage: Usage | null): string;
}

/** `formatted_prompt` would be the prompt itself, which is nowhere kept as text. */
const KNOWN = ['token_ids', 'llm_metrics'];

/** Null when none is wanted. What cannot be told is warned of once. */
export function annotationsOf(
  request: CommonRequest,
  prompt: PreparedPrompt,
  warn: Warn,
): Annotations | null {
  const { annotations } = request.hints;
  if (annotations.length === 0) return null;
  const isFamily = request.dialect === 'chat' || request.dialect === 'completions';
  const told = isFamily && request.stream ? annotations.filter((name) => KNOWN.includes(name)) : [];
  for (const name of annotations) {
    if (told.includes(name)) continue;
    warn(
      'annotation_ignored',
      `the annotation ${JSON.stringify(name.slice(0, 64))} is not told here`,
      request.id,
    );
  }
  if (told.length === 0) return null;
  // A prompt that is only known as text has no real ids.
  const ids = told.includes('token_ids') && prompt.source !== 'text';
  return {
    lead: ids ? annotation('token_ids', Array.from(prompt.tokens)) : '',
    tail: (usage) =>
      told.includes('llm_metrics')
        ? annotation('llm_metrics', {
            input_tokens: usage?.promptTokens ?? prompt.tokens.length,
            output_tokens: usage?.outputTokens ?? 0,
            chunk_tokens: 0,
            cached_tokens: usage?.cachedTokens ?? null,
          })
        : '',
  };
}

function annotation(name: string, value: unknown): string {
  return `event: ${name}\n: ${JSON.stringify(value)}\n\n`;
}
