/** Keeping V8's helpers off the core that is measured. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Sweepers and compilers go on after a collection. */
const SETTLE_MS = 40;
const NOTHING = new Int32Array(new SharedArrayBuffer(4));

let gc: (() => void) | undefined;

/** Collects garbage now, and waits for what that starts on other threads. */
export function collectGarbage(): void {
  if (gc === undefined) {
    setFlagsFromString('--expose-gc');
    gc = runInNewContext('gc') as () => void;
  }
  gc();
  Atomics.wait(NOTHING, 0, 0, SETTLE_MS);
}
