/** Bytes of tokens as text: a character split over tokens comes out whole with its last byte. */
export class Utf8Text {
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });

  /** Text that is complete so far; bytes that can be no character become U+FFFD. */
  push(bytes: Uint8Array): string {
    return this.#decoder.decode(bytes, { stream: true });
  }

  // There is no flush: the first bytes of a character that never came are not text. A client that sends the
  // answer back would otherwise send U+FFFD, whose tokens are not the cached ones.
}
