/** Finding markers in text that comes in pieces. Pure. */

/** The earliest marker in the text; of several at one place the longest. Null when there is none. */
export function findMarker(
  text: string,
  markers: readonly string[],
  from = 0,
): { at: number; marker: string } | null {
  let best: { at: number; marker: string } | null = null;
  for (const marker of markers) {
    const at = text.indexOf(marker, from);
    if (at < 0) continue;
    if (best === null || at < best.at || (at === best.at && marker.length > best.marker.length))
      best = { at, marker };
  }
  return best;
}

/** Characters at the end of the text that may be the beginning of a marker. */
export function heldBack(text: string, markers: readonly string[]): number {
  const longest = Math.max(0, ...markers.map(({ length }) => length - 1));
  for (let length = Math.min(longest, text.length); length > 0; length--) {
    const end = text.slice(text.length - length);
    if (markers.some((marker) => marker.length > length && marker.startsWith(end))) return length;
  }
  return 0;
}
