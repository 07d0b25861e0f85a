/** Which step of its start a line of SGLang's output tells of. Pure; lines are those of SGLang 0.5.23. */
import { phaseIn, type Step } from '../log-phases.js';
import type { Phase } from '../types.js';

/** Patterns in no special order: each is of one step only. A group, where there is one, is the percentage. */
const STEPS: readonly Step[] = [
  { pattern: /Fetching \d+ files:\s+(\d+)%/, name: 'download' },
  { pattern: /\.(?:safetensors|bin|pt|json|model):\s+\d+%\|/, name: 'download' },
  { pattern: /\bserver_args=/, name: 'engine' },
  { pattern: /Load weight begin/, name: 'weights' },
  {
    pattern:
      /(?:checkpoint shards|loading shards|InstantTensor|Fastsafetensor loader|Model Streamer):\s+(\d+)%/,
    name: 'weights',
  },
  { pattern: /Load weight end/, name: 'warming' },
  { pattern: /Capture .*graph begin/i, name: 'graphs' },
  { pattern: /Capturing (?:batches|prefill shape) .*:\s+(\d+)%/, name: 'graphs' },
  { pattern: /Capture .*graph end/i, name: 'warming' },
  { pattern: /Application startup complete|Uvicorn running on/, name: 'opening' },
];

/** Null for a line that tells of no step. */
export const phaseOf = (line: string): Phase | null => phaseIn(STEPS, line);
