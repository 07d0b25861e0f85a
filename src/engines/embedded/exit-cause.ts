/** Why an embedded worker died, from its exit and the last lines it wrote. Pure. */
import type { FailureCause } from '../types.js';

type Exit = { code: number | null; signal: string | null };

/** Ends of the native library: an abort of its own, or memory it should not have touched. */
const LIBRARY_SIGNALS = ['SIGSEGV', 'SIGABRT', 'SIGBUS', 'SIGILL', 'SIGFPE'];

/** The most specific cause first; what the worker itself said comes before what its signal suggests. */
export function classifyExit(exit: Exit, tail: readonly string[]): FailureCause {
  const text = tail.join('\n');
  return saidCause(text) ?? signalCause(exit) ?? plainCause(exit, tail);
}

function saidCause(text: string): FailureCause | null {
  if (/EADDRINUSE/.test(text)) {
    const message = 'Its port was taken by another program.';
    return { code: 'port_in_use', message, remedy: 'It is started again.', isRetryable: true };
  }
  const modelLine = /^.*The model file .* (?:is corrupt|cannot be used|does not exist).*$/m.exec(text)?.[0];
  if (modelLine !== undefined) {
    return {
      code: 'model_corrupt',
      message: withoutProgram(modelLine),
      remedy: 'Fetch it again: `dynamo model rm` and `dynamo model pull`, or correct the path in the recipe.',
      isRetryable: false,
    };
  }
  if (/unable to allocate|failed to allocate|bad_alloc|ENOMEM|heap out of memory/i.test(text))
    return noMemory();
  const engineLine = /^.*The engine \S+ is not available on this host.*$/m.exec(text)?.[0];
  if (engineLine === undefined) return null;
  const remedy = 'Install dynamo again on this machine: the library comes in a package for its platform.';
  return { code: 'engine_missing', message: withoutProgram(engineLine), remedy, isRetryable: false };
}

function signalCause({ code, signal }: Exit): FailureCause | null {
  // 128 + 9: how a shell tells of a kill.
  if (signal === 'SIGKILL' || code === 137) return noMemory();
  // Windows has no signals: an access violation is an exit code.
  const isLibrary = signal !== null && LIBRARY_SIGNALS.includes(signal);
  if (!isLibrary && code !== 134 && code !== 139 && code !== 0xc0000005) return null;
  return {
    code: 'crash',
    message: `It crashed inside the llama.cpp library (${signal ?? `code ${code}`}).`,
    remedy: 'It is started again; `dynamo logs` has what it said last. Please report it.',
    isRetryable: true,
  };
}

function plainCause({ code, signal }: Exit, tail: readonly string[]): FailureCause {
  const last = tail.findLast((line) => line.startsWith(PROGRAM));
  const said = last === undefined ? '' : `: ${withoutProgram(last)}`;
  const isUsage = last !== undefined && /--\w+|usage/.test(last);
  return {
    code: isUsage ? 'unknown_flag' : 'crash',
    message: `It ended with ${signal ?? `code ${code}`}${said}`,
    remedy: 'See its log with `dynamo logs`.',
    isRetryable: !isUsage,
  };
}

const PROGRAM = 'dynamo embedded worker: ';

function withoutProgram(line: string): string {
  return line.replace(PROGRAM, '').trim();
}

function noMemory(): FailureCause {
  return {
    code: 'out_of_memory',
    message: 'It was killed or refused memory: this machine has too little for it.',
    remedy: 'Use fewer workers or slots (`--workers 1`, `--set slots=2`) or a shorter context.',
    isRetryable: true,
  };
}
