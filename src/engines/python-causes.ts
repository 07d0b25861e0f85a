/** Ends that engines in Python share: what torch, huggingface_hub, CUDA and the system say. Pure. */
import type { FailureCause } from './types.js';

export type Exit = { code: number | null; signal: string | null };

export interface KnownCause {
  /** Said by the engine, by torch or by huggingface_hub. */
  pattern: RegExp;
  /** Sentences may use the pattern's groups. */
  cause(match: RegExpExecArray): FailureCause;
}

/** What helps with one engine only. */
const REMEDIES = {
  vLLM: {
    driver:
      'See `dynamo doctor` for the driver; this vLLM needs a driver for its CUDA release, and its own build for processors (`dynamo engine install vllm --cpu`).',
    fewer: 'fewer sequences (`--set args.max-num-seqs=…`)',
  },
  SGLang: {
    driver: 'See `dynamo doctor` for the driver; this SGLang needs a driver for its CUDA release.',
    fewer: 'a smaller pool (`--set args.mem-fraction-static=…`)',
  },
};

type PythonEngine = keyof typeof REMEDIES;

/** The most specific first. */
const SHARED: readonly {
  pattern: RegExp;
  cause(match: RegExpExecArray, engine: PythonEngine): FailureCause;
}[] = [
  {
    pattern:
      /(?:torch\.)?(?:cuda\.)?OutOfMemoryError|CUDA out of memory|CUDA error: out of memory|HIP out of memory/,
    cause: (_match, engine) => ({
      code: 'out_of_gpu_memory',
      message: 'Its GPU ran out of memory.',
      remedy: `Use a shorter context (\`--set context=…\`), ${REMEDIES[engine].fewer} or more GPUs; \`nvidia-smi\` shows what else uses them.`,
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
    cause: ([said], engine) =>
      final('driver', `${engine} cannot use the GPU: ${said}.`, REMEDIES[engine].driver),
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

/** Of one engine, to be looked through after its own. */
export const pythonCauses = (engine: PythonEngine): readonly KnownCause[] =>
  SHARED.map(({ pattern, cause }) => ({ pattern, cause: (match) => cause(match, engine) }));

/** The last exception that is not only an echo of another process's, bounded; null when there is none. */
export function lastException(text: string, echo: RegExp): string | null {
  const lines = text.split('\n').filter((line) => EXCEPTION.test(line));
  const line = lines.findLast((candidate) => !echo.test(candidate)) ?? lines.at(-1);
  return line?.trim().slice(0, MESSAGE_CHARS) ?? null;
}

const EXCEPTION = /^(?:[\w.]+\.)?[A-Z]\w*(?:Error|Exception|Interrupt): \S/;
const MESSAGE_CHARS = 400;

export const final = (code: string, message: string, remedy: string): FailureCause => ({
  code,
  message,
  remedy,
  isRetryable: false,
});

export const noMemory = (): FailureCause => ({
  code: 'out_of_memory',
  message: 'It was killed or refused memory: this machine has too little for it.',
  remedy: 'Use fewer workers (`--workers 1`) or a shorter context (`--set context=…`).',
  isRetryable: true,
});
