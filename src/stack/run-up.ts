/** `dynamo up` after planning: starts the stack process, shows its start, then the screen or plain lines. */
import { once } from 'node:events';
import { attach, type StackClient } from '../cli/attach.js';
import { type Paths, stackStateDir } from '../cli/paths.js';
import { type StackSource, screenSource } from '../cli/screen-source.js';
import { DynamoError } from '../errors.js';
import type { Snapshot } from '../telemetry/types.js';
import { type LaunchedStack, launchStack } from './launch.js';
import { requireFreePort, requireSafeBind } from './listen-checks.js';
import type { StackSpec } from './spec.js';
import { isLockLeft, lockHolder } from './state-file.js';
import { stopStack } from './stop.js';
import { watchStart } from './watch-start.js';

export interface UpOptions {
  spec: StackSpec;
  isInsecure: boolean;
  isDetached: boolean;
  /** Shows the screen until the user leaves it; null for plain lines. The screen's packages load only when called. */
  screen: ((options: ScreenOptions) => Promise<'quit' | 'stop' | 'lost'>) | null;
  /** How the start is shown: drawn in place on a terminal that can, else null for plain lines. */
  terminal: { isAscii: boolean } | null;
  /** One line about the stack, for logs. */
  plainLine(snapshot: Snapshot): string;
}

export interface ScreenOptions {
  source: StackSource;
  /** Resolves when the stack process has ended by itself. */
  ended: Promise<void>;
}

const INTERRUPTED = 130;
const PLAIN_INTERVAL_MS = 10_000;

/** Throws `stack_running` when the name is taken: before anything is fetched or started. */
export function refuseRunning(name: string, paths: Paths): void {
  const holder = lockHolder(stackStateDir(paths, name));
  if (holder !== null) throw new DynamoError('stack_running', { name, url: holder.url, pid: holder.pid });
}

/** Resolves with the exit code once the stack has stopped, or once the user left it running. */
export async function runUp(options: UpOptions): Promise<number> {
  const { spec } = options;
  requireSafeBind(spec.host, spec.keyPolicies, options.isInsecure);
  await requireFreePort(spec.host, spec.port);
  const watch = watchStart(spec, options.terminal);
  const launched = launchStack(spec, watch.show);
  const interrupted = interruption();
  const outcome = await Promise.race([launched.ready, interrupted.first.then(() => null)]).finally(
    watch.close,
  );
  if (outcome === null) return await giveUp(launched);
  watch.keep(outcome.startMs);
  const simulated = spec.plan.engine === 'simulator' ? ' SIMULATED' : '';
  process.stdout.write(
    `ready ${outcome.url} model=${outcome.model} workers=${outcome.workers}${simulated}\n`,
  );
  if (options.isDetached) {
    launched.release();
    return 0;
  }
  const client = await attach(spec.name, spec.paths);
  return options.screen === null
    ? await withLines(options, client, launched, interrupted)
    : await withScreen(options.screen, spec, client, launched, interrupted);
}

/** Ctrl-C while starting: the stack takes its workers down, we wait for it. */
async function giveUp(launched: LaunchedStack): Promise<number> {
  launched.ready.catch(() => {});
  process.stderr.write('dynamo: stopping\n');
  launched.stop();
  await launched.ended;
  return INTERRUPTED;
}

async function withScreen(
  screen: NonNullable<UpOptions['screen']>,
  spec: StackSpec,
  client: StackClient,
  launched: LaunchedStack,
  interrupted: Interruption,
): Promise<number> {
  const source = screenSource(client, stackStateDir(spec.paths, spec.name));
  const left = await screen({ source, ended: launched.ended });
  interrupted.ignore();
  if (left === 'lost') return reportDeath(spec);
  if (left === 'stop') return await stopNow(spec, client, launched);
  process.stdout.write(
    `left ${spec.name} running; \`dynamo top\` shows it again, \`dynamo down\` stops it\n`,
  );
  launched.release();
  return 0;
}

async function withLines(
  { spec, plainLine }: UpOptions,
  client: StackClient,
  launched: LaunchedStack,
  interrupted: Interruption,
): Promise<number> {
  let last = '';
  const unsubscribe = client.subscribe((snapshot) => {
    const line = plainLine(snapshot);
    if (line !== last) process.stdout.write(`${line}\n`);
    last = line;
  }, PLAIN_INTERVAL_MS);
  const how = await Promise.race([interrupted.first, launched.ended.then(() => 'ended' as const)]);
  unsubscribe();
  if (how !== 'ended') return await stopNow(spec, client, launched);
  return wasStoppedOnPurpose(spec) ? 0 : reportDeath(spec);
}

async function stopNow(spec: StackSpec, client: StackClient, launched: LaunchedStack): Promise<number> {
  process.stderr.write(`dynamo: stopping ${spec.name}\n`);
  await stopStack(client, stackStateDir(spec.paths, spec.name), { isGraceful: false });
  await launched.ended;
  process.stderr.write(`dynamo: stopped ${spec.name}\n`);
  return INTERRUPTED;
}

/** A stack that ended in order has given its name back. */
function wasStoppedOnPurpose(spec: StackSpec): boolean {
  return !isLockLeft(stackStateDir(spec.paths, spec.name));
}

function reportDeath(spec: StackSpec): number {
  if (wasStoppedOnPurpose(spec)) {
    process.stderr.write(`dynamo: ${spec.name} was stopped\n`);
    return 0;
  }
  process.stderr.write(
    `dynamo: the stack process ended unexpectedly\n  See \`dynamo logs --name ${spec.name}\`.\n`,
  );
  return 1;
}

interface Interruption {
  /** Resolves at the first SIGINT, SIGTERM or SIGHUP. */
  first: Promise<'interrupted'>;
  ignore(): void;
}

function interruption(): Interruption {
  const abort = new AbortController();
  const signals = (['SIGINT', 'SIGTERM', 'SIGHUP'] as const).map((signal) =>
    once(process, signal, { signal: abort.signal }),
  );
  const first = Promise.race(signals).then(() => 'interrupted' as const);
  first.catch(() => {});
  for (const signal of signals) signal.catch(() => {});
  return { first, ignore: () => abort.abort() };
}
