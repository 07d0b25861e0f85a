/**
 * Names, log lines and messages come from outside. A control character in one would move the cursor or worse; a wide one
 * would take two cells and shift the line. Each is replaced by one character, so that lengths stay widths.
 */

const PRINTABLE = /^[\x20-\x7e]*$/;
const UNSAFE = /[\p{Cc}\p{Cf}\p{Mn}\p{Me}\p{Cs}\p{Co}\p{Zl}\p{Zp}\p{Extended_Pictographic}]/u;
/** East Asian wide and fullwidth blocks, and everything beyond the basic plane. */
const WIDE = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/u;
const ASCII: Record<string, string> = { '÷': '/', '·': '|', '’': "'", '…': '~', '×': 'x' };

/** The text with the same number of characters (UTF-16 units), each of them one cell wide. */
export function cleanText(text: string, isAscii: boolean): string {
  if (PRINTABLE.test(text)) return text;
  let clean = '';
  for (const character of text) {
    if (PRINTABLE.test(character)) clean += character;
    else if (isAscii) clean += ASCII[character] ?? '?'.repeat(character.length);
    else if (character.length > 1 || UNSAFE.test(character) || WIDE.test(character))
      clean += '?'.repeat(character.length);
    else clean += character;
  }
  return clean;
}
