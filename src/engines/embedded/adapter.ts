/** The embedded engine as the supervisor sees it. */

import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Plan, WorkerPlan } from '../../plan/types.js';
import type { EngineAdapter, FailureCause, Phase } from '../types.js';
import { requantizeIfNeeded } from './core/requantize.js';

/** Model file in use per plan source, once prepared. */
const prepared = new Map<string, { path: string; sha256: string }>();

export const embeddedAdapter: EngineAdapter = {
  name: 'embedded',
  healthPath: '/health',
  tokenIdsField: 'prompt_token_ids',
  readyTimeoutMs: 60_000,
  metrics: {
    running: 'vllm:num_requests_running',
    waiting: 'vllm:num_requests_waiting',
    kvUsage: 'vllm:kv_cache_usage_perc',
  },
  async prepare(plan, report) {
    if (plan.model.kind !== 'gguf') return;
    const source = plan.model.path;
    prepared.set(source, await requantizeIfNeeded(source, path.dirname(source), report));
  },
  command,
  phaseOf,
  classify,
  // vLLM's dialect: lower first.
  enginePriority: (priority) => (priority === 0 ? undefined : -priority),
};

function command(
  plan: Plan,
  worker: WorkerPlan,
): { file: string; args: string[]; env: Record<string, string> } {
  const source = plan.model.kind === 'gguf' ? plan.model.path : '';
  const model = prepared.get(source);
  const events = worker.events;
  const args = [
    fileURLToPath(new URL('./main.js', import.meta.url)),
    ...['--model', model?.path ?? source],
    ...(model === undefined ? [] : ['--model-sha256', model.sha256]),
    ...[plan.servedModel, ...plan.aliases].flatMap((name) => ['--served-name', name]),
    ...['--host', worker.host, '--port', String(worker.port)],
    ...['--context', String(worker.contextTokens), '--slots', String(worker.slots ?? 4)],
    ...(events === null
      ? []
      : ['--events', events.events, '--replay', events.replay, '--topic', events.topic]),
  ];
  return { file: process.execPath, args, env: {} };
}

function phaseOf(line: string): Phase | null {
  const name = /^phase (\w+)/.exec(line)?.[1];
  return name === undefined ? null : { name, progress: null };
}

function classify(exit: { code: number | null; signal: string | null }, tail: string[]): FailureCause {
  const text = tail.join('\n');
  if (/EADDRINUSE/.test(text))
    return { code: 'port_in_use', message: 'Its port was taken.', remedy: 'Start again.', isRetryable: true };
  if (exit.signal === 'SIGKILL') {
    return {
      code: 'out_of_memory',
      message: 'It was killed, most likely for want of memory.',
      remedy: 'Use fewer slots or workers: --set slots=2.',
      isRetryable: true,
    };
  }
  return {
    code: 'crash',
    message: `It ended with ${exit.signal ?? `code ${exit.code}`}.`,
    remedy: 'See its log with `dynamo logs`.',
    isRetryable: true,
  };
}
