/** Why a vLLM worker died, from its exit and the last lines it wrote. Pure. */
import type { FailureCause } from '../types.js';

type Exit = { code: number | null; signal: string | null };

interface KnownCause {
  /** Said by vLLM, by torch or by huggingface_hub. */
  pattern: RegExp;
  /** Sentences may use the pattern's groups. */
  cause(match: RegExpExecArray): FailureCause;
}

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
  {
    pattern:
      /(?:torch\.)?(?:cuda\.)?OutOfMemoryError|CUDA out of memory|CUDA error: out of memory|HIP out of memory/,
    cause: () => ({
      code: 'out_of_gpu_memory',
      message: 'Its GPU ran out of memory.',
      remedy:
        'Use a shorter context (`--set context=…`), fewer sequences (`--set args.max-num-seqs=…`) or more GPUs; `nvidia-smi` shows what else uses them.',
      isRetryable: true,
    }),
  },
  {
    pattern: /GatedRepoError|gated repo(?:sitory)?\b|Access to model (\S+) is restricted/,
    cause: () =>
      final(
        'model_gated',
        'The model is behind a licence, and the hub did not let this machine have it.',
        'Accept its licence on huggingface.co, then set HF_TOKEN to a token of that account.',
      ),
  },
  {
    pattern:
      /RepositoryNotFoundError|RevisionNotFoundError|is not a local folder (?:and is not|or) a valid|HFValidationError/,
    cause: () =>
      final(
        'model_missing',
        'The hub has no such model or revision, or it is private.',
        'Check `checkpoint` and `revision` of the recipe; a private model needs HF_TOKEN.',
      ),
  },
  {
    pattern: /401 Client Error|403 Client Error|Invalid (?:user token|credentials)/,
    cause: () =>
      final(
        'model_gated',
        'The hub refused this machine’s token.',
        'Set HF_TOKEN to a valid one; `hf auth whoami` tells whose it is.',
      ),
  },
  {
    pattern:
      /LocalEntryNotFoundError|OfflineModeIsEnabled|outgoing traffic has been disabled|We couldn't connect to|Cannot (?:find|reach).*(?:huggingface|hf_hub|the Hub)|Can't load the configuration of/i,
    cause: () =>
      final(
        'model_offline',
        'The model is not on this machine, and the hub cannot be reached.',
        'Fetch it where there is a network (`hf download MODEL`), or unset HF_HUB_OFFLINE.',
      ),
  },
  {
    pattern: /No space left on device|Disk quota exceeded/,
    cause: () =>
      final(
        'disk_full',
        'The disk is full.',
        'Free space where the model lies, or point HF_HOME to a larger disk.',
      ),
  },
  {
    pattern:
      /NVIDIA driver on your system is too old|CUDA driver version is insufficient|no kernel image is available|Failed to infer device type|No CUDA GPUs are available|CUDA error: system not yet initialized|libcuda\.so[\w.]*: cannot open|forward compatibility was attempted/,
    cause: ([said]) =>
      final(
        'driver',
        `vLLM cannot use the GPU: ${said}.`,
        'See `dynamo doctor` for the driver; this vLLM needs a driver for its CUDA release, and its own build for processors (`dynamo engine install vllm --cpu`).',
      ),
  },
  {
    pattern: /\[Errno 98\]|EADDRINUSE|(?:OSError|ZMQError|RuntimeError)\b.*Address already in use/i,
    cause: () => ({
      code: 'port_in_use',
      message: 'Its port was taken by another program.',
      remedy: 'It is started again.',
      isRetryable: true,
    }),
  },
  {
    pattern:
      /DefaultCPUAllocator: (?:can't|not enough memory)|Cannot allocate memory|std::bad_alloc|^MemoryError|Available memory on node .* is less than/m,
    cause: () => noMemory(),
  },
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
  const said = lastException(text);
  // A configuration vLLM does not take is refused again and again.
  const isRefused = /validation errors? for \w+Config/.test(text);
  return {
    code: isRefused ? 'unknown_flag' : 'crash',
    message: `It ended with ${signal ?? `code ${code}`}${said === null ? '' : `: ${said}`}`,
    remedy: isRefused ? FLAG_REMEDY : 'See its log with `dynamo logs`.',
    isRetryable: !isRefused,
  };
}

/** The last exception that is not only an echo of another process's. */
function lastException(text: string): string | null {
  const lines = text.split('\n').filter((line) => EXCEPTION.test(line));
  const line = lines.findLast((candidate) => !ECHO.test(candidate)) ?? lines.at(-1);
  return line?.trim().slice(0, MESSAGE_CHARS) ?? null;
}

const EXCEPTION = /^(?:[\w.]+\.)?[A-Z]\w*(?:Error|Exception|Interrupt): \S/;
const ECHO =
  /Engine core initialization failed|Engine process failed|EngineDeadError|WorkerProc initialization failed/;
const MESSAGE_CHARS = 400;

/** `(EngineCore pid=12) ERROR 11-28 10:01:02 [core.py:1099] ValueError: …` → `ValueError: …`. */
function withoutPrefix(line: string): string {
  return line
    .replace(/^(?:\([^)]* pid=\d+\) ?)+/, '')
    .replace(/^(?:ERROR|CRITICAL) [\d-]+ [\d:]+ (?:\[[^\]]*\] ?)+/, '');
}

const final = (code: string, message: string, remedy: string): FailureCause => ({
  code,
  message,
  remedy,
  isRetryable: false,
});

const noMemory = (): FailureCause => ({
  code: 'out_of_memory',
  message: 'It was killed or refused memory: this machine has too little for it.',
  remedy: 'Use fewer workers (`--workers 1`) or a shorter context (`--set context=…`).',
  isRetryable: true,
});
