/** Why a vLLM worker died, from its exit and the last lines it wrote. Pure. */
import {
  type Exit,
  final,
  type KnownCause,
  lastException,
  noMemory,
  pythonCauses,
} from '../python-causes.js';
import type { FailureCause } from '../types.js';

/**
 * The most specific first: one failure ends in several exceptions, and the last of them ("Engine core initialization
 * failed") says least.
 */
const KNOWN: readonly KnownCause[] = [
  {
    pattern: /error: (unrecognized arguments: .+|argument \S+: .+|ambiguous option: .+)$/m,
    cause: ([, said]) => final('unknown_flag', `vLLM does not take its arguments: ${said}.`, FLAG_REMEDY),
  },
  {
    pattern: /No common block size for (\d+)/,
    cause: ([, size]) =>
      final(
        'unknown_flag',
        `No attention kernel here has blocks of ${size} tokens.`,
        'Set `block_tokens` of the recipe’s variant to 64 or 128 (on processors a multiple of 32).',
      ),
  },
  {
    pattern:
      /max seq len \((\d+)\), \(([\d.]+) GiB KV cache is needed, which is larger than the available KV cache memory \(([\d.]+) GiB\)(?:[\s\S]{0,200}?estimated maximum model length is (\d+))?/,
    cause: ([, length, needed, available, fitting]) =>
      final(
        'kv_too_small',
        `One request of ${length} tokens needs ${needed} GiB of KV cache, ${available} GiB are left for it.`,
        fitting === undefined
          ? 'Use a shorter context (`--set context=N`) or more GPUs.'
          : `Use \`--set context=${fitting}\`, or more GPUs.`,
      ),
  },
  {
    pattern: /No available memory for the cache blocks/,
    cause: () =>
      final(
        'kv_too_small',
        'The weights leave no memory for a KV cache.',
        'Use a variant with fewer bits or more GPUs, or raise `--set args.gpu-memory-utilization=0.95`.',
      ),
  },
  {
    pattern: /Free memory on device \S*\s*\(([\d.]+)\/([\d.]+) GiB\) on startup/,
    cause: ([, free, total]) =>
      final(
        'out_of_gpu_memory',
        `Only ${free} of ${total} GiB are free on its GPU: something else uses it.`,
        'Stop what `nvidia-smi` shows, or lower `--set args.gpu-memory-utilization=…`.',
      ),
  },
  ...pythonCauses('vLLM'),
];

const FLAG_REMEDY =
  'Correct `args` of the recipe, or use the vLLM release it was written for: `dynamo doctor` says which is here.';

/** What the worker itself said comes before what its signal suggests. */
export function classifyExit(exit: Exit, tail: readonly string[]): FailureCause {
  const text = tail.map(withoutPrefix).join('\n');
  for (const { pattern, cause } of KNOWN) {
    const match = pattern.exec(text);
    if (match !== null) return cause(match);
  }
  // 128 + 9: how a shell tells of a kill.
  if (exit.signal === 'SIGKILL' || exit.code === 137) return noMemory();
  return plainCause(exit, text);
}

function plainCause({ code, signal }: Exit, text: string): FailureCause {
  const said = lastException(text, ECHO);
  // A configuration vLLM does not take is refused again and again.
  const isRefused = /validation errors? for \w+Config/.test(text);
  return {
    code: isRefused ? 'unknown_flag' : 'crash',
    message: `It ended with ${signal ?? `code ${code}`}${said === null ? '' : `: ${said}`}`,
    remedy: isRefused ? FLAG_REMEDY : 'See its log with `dynamo logs`.',
    isRetryable: !isRefused,
  };
}

/** Said by the parent of the process that failed. */
const ECHO =
  /Engine core initialization failed|Engine process failed|EngineDeadError|WorkerProc initialization failed/;

/** `(EngineCore pid=12) ERROR 11-28 10:01:02 [core.py:1099] ValueError: …` → `ValueError: …`. */
function withoutPrefix(line: string): string {
  return line
    .replace(/^(?:\([^)]* pid=\d+\) ?)+/, '')
    .replace(/^(?:ERROR|CRITICAL) [\d-]+ [\d:]+ (?:\[[^\]]*\] ?)+/, '');
}
