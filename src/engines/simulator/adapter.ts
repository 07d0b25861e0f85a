/** The simulated engine as the supervisor sees it. */
import { fileURLToPath } from 'node:url';
import { DynamoError } from '../../errors.js';
import type { Plan, WorkerPlan } from '../../plan/types.js';
import { capabilitiesOf, priorityFor } from '../capabilities.js';
import { KEY_VARIABLE } from '../embedded/server/worker-key.js';
import { CONTINUATION, TOKEN_IDS_FIELD } from '../embedded/types.js';
import type { EngineAdapter, FailureCause } from '../types.js';
import { factsText } from './worker-options.js';

/** A process that only waits needs little: small young generation, no spare threads for the heap. */
const NODE_FLAGS = ['--max-semi-space-size=1', '--single-threaded-gc', '--optimize-for-size'];

export const simulatorAdapter: EngineAdapter = {
  name: 'simulator',
  healthPath: '/health',
  keyVariable: KEY_VARIABLE,
  tokenIdsField: TOKEN_IDS_FIELD,
  continuation: CONTINUATION,
  readyTimeoutMs: 30_000,
  metrics: capabilitiesOf('simulator').metrics,
  prepare: async (plan) => plan,
  command,
  phaseOf: (line) => {
    const name = /^phase (\w+)/.exec(line)?.[1];
    return name === undefined ? null : { name, progress: null };
  },
  classify,
  enginePriority: (priority) => priorityFor('simulator', priority),
};

function command(plan: Plan, worker: WorkerPlan): ReturnType<EngineAdapter['command']> {
  const { simulation } = plan;
  if (simulation === undefined)
    throw new DynamoError('internal', { detail: 'a simulated plan without figures' });
  const { events } = worker;
  const optional = (flag: string, value: number | null) => (value === null ? [] : [flag, String(value)]);
  const args = [
    ...NODE_FLAGS,
    fileURLToPath(new URL('./main.js', import.meta.url)),
    ...[plan.servedModel, ...plan.aliases].flatMap((name) => ['--served-name', name]),
    ...['--host', worker.host, '--port', String(worker.port)],
    ...['--context', String(worker.contextTokens)],
    ...['--blocks', String(worker.kvBlocks), '--block-tokens', String(worker.blockTokens)],
    ...(events === null
      ? []
      : ['--events', events.events, '--replay', events.replay, '--topic', events.topic]),
    ...['--speed', String(simulation.speed), '--answer-tokens', String(simulation.answerTokens)],
    ...optional('--pass-tokens', simulation.passTokens),
    ...optional('--max-running', simulation.maxRunning),
    ...['--hardware', simulation.hardware, '--facts', factsText(simulation.facts)],
  ];
  return { file: process.execPath, args, env: {} };
}

function classify({ code, signal }: Parameters<EngineAdapter['classify']>[0], tail: string[]): FailureCause {
  const text = tail.join('\n');
  if (/EADDRINUSE/.test(text)) {
    const message = 'Its port was taken by another program.';
    return { code: 'port_in_use', message, remedy: 'It is started again.', isRetryable: true };
  }
  // 128 + 9: how a shell tells of a kill.
  if (signal === 'SIGKILL' || code === 137) {
    const message = 'It was killed: by somebody, or because this machine has too little memory.';
    return {
      code: 'out_of_memory',
      message,
      remedy: 'Use fewer workers (`--workers 1`).',
      isRetryable: true,
    };
  }
  const isUsage = /dynamo simulated worker: --/.test(text);
  return {
    code: isUsage ? 'unknown_flag' : 'crash',
    message: `It ended with ${signal ?? `code ${code}`}.`,
    remedy: 'See its log with `dynamo logs`.',
    isRetryable: !isUsage,
  };
}
