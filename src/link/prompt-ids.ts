/** The prompt's ids, which vLLM sends along with the answer's: nobody here wants to read 100,000 numbers. */

const KEY = '"prompt_token_ids":[';
/** Below this reading them costs nothing. */
const LENGTH_MIN = 16_384;

/** The same chunk with an empty list. */
export function withoutPromptIds(data: string): string {
  if (data.length < LENGTH_MIN) return data;
  const start = data.indexOf(KEY);
  if (start === -1) return data;
  const from = start + KEY.length;
  const to = data.indexOf(']', from);
  // Text of an answer may look like this; ids are digits and commas.
  return to === -1 || /[^\d,\s]/.test(data.slice(from, to)) ? data : data.slice(0, from) + data.slice(to);
}
