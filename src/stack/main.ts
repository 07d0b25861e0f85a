/** The stack process: reads its spec from stdin, runs one stack, reports over IPC while somebody listens. */

import { adminSocket, stackStateDir } from '../cli/paths.js';
import { renderError } from '../cli/render-error.js';
import { DynamoError, toDynamoError } from '../errors.js';
import type { LaunchMessage, StackSpec, StartMessage } from './spec.js';
import { Stack } from './stack.js';
import { takeName } from './state-file.js';

/** A stuck shutdown must not keep the process: this backstop is longer than drain and stop ladder together. */
const EXIT_BACKSTOP_MS = 60_000;

const spec = await readSpec();
await run(spec);

async function run(spec: StackSpec): Promise<void> {
  const stateDir = stackStateDir(spec.paths, spec.name);
  let stack: Stack | undefined;
  let isStopping = false;
  const stop = async (options: { isGraceful: boolean }): Promise<void> => {
    if (isStopping) return;
    isStopping = true;
    setTimeout(() => process.exit(1), EXIT_BACKSTOP_MS).unref();
    await stack?.stop(options);
    release?.();
    process.exit(0);
  };
  let release: (() => void) | undefined;
  process.on(
    'message',
    (message: LaunchMessage) => message.type === 'stop' && void stop({ isGraceful: false }),
  );
  process.on('SIGTERM', () => void stop({ isGraceful: true }));
  process.on('SIGINT', () => void stop({ isGraceful: false }));
  // The terminal that started us may close; the stack stays until `dynamo down`.
  process.on('SIGHUP', () => {});
  process.on('disconnect', () => spec.endsWithStarter === true && void stop({ isGraceful: false }));
  try {
    release = takeName(stateDir, spec.name, `http://${spec.host}:${spec.port}`);
    stack = new Stack(spec, {
      report: tell,
      adminSocket: adminSocket(spec.paths, spec.name),
      stateDir,
      onStopAsked: stop,
    });
    const startMs = await stack.start();
    if (isStopping) return;
    tell({
      type: 'ready',
      url: stack.url,
      model: spec.plan.servedModel,
      workers: spec.plan.workers.length,
      startMs,
    });
  } catch (error) {
    if (isStopping) return;
    console.error(renderError(toDynamoError(error)).text.trimEnd());
    await stack?.stop({ isGraceful: false });
    release?.();
    const failure = toDynamoError(error);
    tell({ type: 'failed', message: failure.message, remedy: failure.remedy, exit: failure.exit }, () =>
      process.exit(failure.exit),
    );
  }
}

/** Sends one message to the launching command if it still listens; `then` runs when it has left us. */
function tell(message: StartMessage, then: () => void = () => {}): void {
  if (process.connected && process.send !== undefined) process.send(message, () => then());
  else then();
}

async function readSpec(): Promise<StackSpec> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8')) as StackSpec;
  } catch (cause) {
    throw new DynamoError('internal', { detail: 'the stack process got no specification' }, { cause });
  }
}
