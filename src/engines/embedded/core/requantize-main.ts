/**
 * Program: `requantize-main SOURCE TARGET` converts a model file to Q8_0 through libllama. A process of its own,
 * because a crash in the library must cost no more than this conversion. Exit code 0 = the target is whole.
 */
import process from 'node:process';
import { openLibrary } from './library.js';

/** `LLAMA_FTYPE_MOSTLY_Q8_0`. */
const Q8_0 = 7;

try {
  const [source, target] = process.argv.slice(2);
  if (source === undefined || target === undefined) throw new Error('usage: requantize-main SOURCE TARGET');
  const library = openLibrary();
  const params = { ...library.quantizeDefaults(), nthread: 1, ftype: Q8_0, allow_requantize: true };
  const code = library.quantize(source, target, params);
  if (code !== 0) throw new Error(`the library returned ${code}`);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
