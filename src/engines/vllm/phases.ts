/** Which step of its start a line of vLLM's output tells of. Pure; lines are those of vLLM 0.16-0.32. */
import { phaseIn, type Step } from '../log-phases.js';
import type { Phase } from '../types.js';

/**
 * Patterns in no special order: each is of one step only. A group, where there is one, is the percentage. vLLM writes
 * its progress bars with tqdm, whose lines are told apart by their description.
 */
const STEPS: readonly Step[] = [
  { pattern: /Fetching \d+ files:\s+(\d+)%/, name: 'download' },
  // huggingface_hub, one bar per file: `model-00001-of-00142.safetensors:  12%|█▏  | 593M/4.98G`.
  { pattern: /\.(?:safetensors|bin|pt|gguf|json|model):\s+\d+%\|/, name: 'download' },
  { pattern: /Initializing a V1 LLM engine/, name: 'engine' },
  { pattern: /Starting to load model /, name: 'weights' },
  {
    pattern: /(?:checkpoint shards|loading shards|Model Streamer|InstantTensor loader):\s+(\d+)% Completed/,
    name: 'weights',
  },
  {
    pattern: /Using cache directory: .* for vLLM's torch\.compile|Dynamo bytecode transform time/,
    name: 'compile',
  },
  { pattern: /Compiling a graph for |Cache the graph of |Directly load the compiled graph/, name: 'compile' },
  { pattern: /(?:GPU|CPU) KV cache size: /, name: 'warming' },
  { pattern: /Warming up model for the compilation/, name: 'warming' },
  { pattern: /(?:DeepGEMM warmup|Compiling CuTeDSL kernels):\s+(\d+)%/, name: 'warming' },
  { pattern: /Capturing CUDA graphs? [^:]*:\s+(\d+)%/, name: 'graphs' },
  { pattern: /init engine \(profile, create kv cache, warmup model\) took/, name: 'opening' },
];

/** Null for a line that tells of no step. */
export const phaseOf = (line: string): Phase | null => phaseIn(STEPS, line);
