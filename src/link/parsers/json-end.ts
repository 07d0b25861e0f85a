/** Where a JSON object or list that begins a text ends. */

/** Characters up to and including its last bracket; null when it goes on. The text must begin with `{` or `[`. */
export function endOfJson(text: string): number | null {
  let depth = 0;
  let isInString = false;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (isInString) {
      if (char === '\\') at++;
      else if (char === '"') isInString = false;
    } else if (char === '"') isInString = true;
    else if (char === '{' || char === '[') depth++;
    else if (char === '}' || char === ']') {
      depth--;
      if (depth <= 0) return at + 1;
    }
  }
  return null;
}
