/** Why an SGLang worker died, from its exit and the last lines it wrote. Pure. */
import {
  type Exit,
  final,
  type KnownCause,
  lastException,
  noMemory,
  pythonCauses,
} from '../python-causes.js';
import type { FailureCause } from '../types.js';

const FLAG_REMEDY =
  'Correct `args` of the recipe, or use the SGLang release it was written for: `dynamo doctor` says which is here.';

/** The most specific first: one failure ends in several exceptions. */
const KNOWN: readonly KnownCause[] = [
  {
    pattern: /error: (unrecognized arguments: .+|argument \S+: .+|ambiguous option: .+)$/m,
    cause: ([, said]) => final('unknown_flag', `SGLang does not take its arguments: ${said}.`, FLAG_REMEDY),
  },
  {
    pattern: /Not enough memory\. Please try to increase --mem-fraction-static/,
    cause: () =>
      final(
        'kv_too_small',
        'The weights leave no memory for a KV cache.',
        'Use a variant with fewer bits or more GPUs, or raise `--set args.mem-fraction-static=0.92`.',
      ),
  },
  {
    pattern: /The memory capacity is unbalanced/,
    cause: () =>
      final(
        'out_of_gpu_memory',
        'Something else uses one of its GPUs.',
        'Stop what `nvidia-smi` shows, then start again.',
      ),
  },
  {
    pattern: /Port is already in use|(?:dist_init_port|nccl_port|port_base)\b.*(?:not available|in use)/,
    cause: () => ({
      code: 'port_in_use',
      message: 'One of its ports was taken by another program.',
      remedy: 'It is started again.',
      isRetryable: true,
    }),
  },
  ...pythonCauses('SGLang'),
];

/** What the worker itself said comes before what its signal suggests. */
export function classifyExit(exit: Exit, tail: readonly string[]): FailureCause {
  const text = tail.map(withoutPrefix).join('\n');
  for (const { pattern, cause } of KNOWN) {
    const match = pattern.exec(text);
    if (match !== null) return cause(match);
  }
  // 128 + 9: how a shell tells of a kill. Its schedulers kill the server when they fail, after they have said why.
  const said = lastException(text, ECHO);
  if (said === null && (exit.signal === 'SIGKILL' || exit.code === 137)) return noMemory();
  return {
    code: 'crash',
    message: `It ended with ${exit.signal ?? `code ${exit.code}`}${said === null ? '' : `: ${said}`}`,
    remedy: 'See its log with `dynamo logs`.',
    isRetryable: true,
  };
}

/** Said by the parent of the process that failed. */
const ECHO = /Rank \d+ scheduler (?:is dead|died)|Initialization failed\. warmup error/;

/** `[2026-11-28 10:01:02 TP0] Scheduler hit an exception: …` → the exception's own line. */
function withoutPrefix(line: string): string {
  return line.replace(/^\[[\d-]+ [\d:]+[^\]]*\] /, '').replace(/^Scheduler hit an exception: /, '');
}
