/** The engine's own `/tokenize`, as vLLM and our embedded worker speak it. */
import { DynamoError } from '../errors.js';

/** Token ids of `{messages, tools?, chat_template_kwargs?, add_generation_prompt}` or `{prompt}`. */
export type EngineTokenize = (body: Record<string, unknown>) => Promise<Uint32Array>;

/** `json` is one JSON exchange with the worker (`WorkerLink.json`). Rejects with a DynamoError. */
export function engineTokenizer(
  json: (method: 'POST', path: string, body: unknown) => Promise<unknown>,
  model: string,
): EngineTokenize {
  return async (body) => tokensOf(await json('POST', '/tokenize', { model, ...body }));
}

function tokensOf(answer: unknown): Uint32Array {
  const tokens = (answer as { tokens?: unknown } | null)?.tokens;
  const isIds = Array.isArray(tokens) && tokens.every((token) => Number.isInteger(token) && token >= 0);
  if (isIds) return Uint32Array.from(tokens as number[]);
  throw new DynamoError('engine_error', { worker: '', detail: '/tokenize answered without token ids' });
}
