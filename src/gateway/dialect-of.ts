/** The dialect of a body that may be of any: what `score` and `prefill` are given. */
import { chatDialect } from '../dialects/chat/chat.js';
import { completionsDialect } from '../dialects/completions/completions.js';
import { bodyFields, type Fields, invalid } from '../dialects/fields.js';
import { messagesDialect } from '../dialects/messages/messages.js';
import { responsesDialect } from '../dialects/responses/responses.js';
import type { Dialect } from '../dialects/types.js';

const BY_NAME = new Map<string, Dialect>([
  ['chat', chatDialect],
  ['completions', completionsDialect],
  ['messages', messagesDialect],
  ['responses', responsesDialect],
]);

/**
 * The `dialect` field names it; without one the body's own fields tell. `token_ids` stands for a prompt of ids.
 * Throws `invalid_request` for an unknown name.
 */
export function dialectOf(value: unknown, model: string): { dialect: Dialect; body: Fields } {
  const { dialect: name, token_ids: ids, ...rest } = bodyFields(value);
  const body: Fields = { model, ...rest, ...(ids === undefined ? {} : { prompt: ids }) };
  if (name !== undefined && name !== null) {
    const named = typeof name === 'string' ? BY_NAME.get(name) : undefined;
    if (named === undefined) throw invalid('dialect', `must be one of ${[...BY_NAME.keys()].join(', ')}`);
    return { dialect: named, body };
  }
  if (body['prompt'] !== undefined) return { dialect: completionsDialect, body };
  return { dialect: body['input'] === undefined ? chatDialect : responsesDialect, body };
}
