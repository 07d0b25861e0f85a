/**
 * What every worker program of ours does around its engine: says how far its start is on stdout (`phase NAME`, then
 * `phase ready URL`), what went wrong on stderr, and ends when its parent closes stdin or on SIGTERM.
 */
import { DynamoError } from '../errors.js';

export interface RunningWorker {
  url: string;
  close(): Promise<void>;
}

/** The way out for a shutdown that hangs: the supervisor waits longer than this before it kills. */
const EXIT_BACKSTOP_MS = 1_500;

/** `program` names it in what it says on stderr. */
export async function runWorker(
  program: string,
  open: (onPhase: (phase: string) => void) => Promise<RunningWorker>,
): Promise<void> {
  let worker: RunningWorker | null = null;
  let isEnding = false;
  /** Cancels what runs: a stack that wants its requests finished drains before it stops its workers. */
  const end = async (): Promise<void> => {
    if (isEnding) return;
    isEnding = true;
    setTimeout(() => process.exit(0), EXIT_BACKSTOP_MS).unref();
    await worker?.close();
    process.exit(0);
  };
  const fail = (error: unknown): never => {
    // The sentence is for a person; only what nobody expected needs its stack.
    const isExpected = error instanceof DynamoError || (error as NodeJS.ErrnoException).syscall === 'listen';
    const text =
      error instanceof Error ? (isExpected ? error.message : (error.stack ?? error.message)) : error;
    console.error(`${program}: ${String(text)}`);
    if (error instanceof DynamoError && error.remedy !== '') console.error(error.remedy);
    process.exit(1);
  };
  process.on('uncaughtException', fail);
  process.on('SIGTERM', () => void end());
  process.on('SIGINT', () => void end());
  // A parent that dies, however it dies, closes our stdin.
  process.stdin.on('end', () => void end());
  process.stdin.on('error', () => void end());
  process.stdin.resume();
  // Nobody reads our output any more: the parent is gone, and stdin says so too.
  process.stdout.on('error', () => void end());
  try {
    worker = await open((phase) => console.log(`phase ${phase}`));
    console.log(`phase ready ${worker.url}`);
  } catch (error) {
    fail(error);
  }
}
