/** Engines that somebody else starts and stops: requests go there, nothing else is done to them. */
import { DynamoError } from '../../errors.js';
import { capabilitiesOf } from '../capabilities.js';
import type { EngineAdapter } from '../types.js';

export const externalAdapter: EngineAdapter = {
  name: 'external',
  // Each attached worker's plan carries its own path and metrics.
  healthPath: '/health',
  readyTimeoutMs: 0,
  answersWhole: true,
  metrics: capabilitiesOf('openai').metrics,
  prepare: async (plan) => plan,
  command: (_plan, worker) => {
    throw new DynamoError('invalid_request', { detail: `${worker.id} is attached: it is not started here.` });
  },
  phaseOf: () => null,
  classify: () => ({ code: 'gone', message: 'It does not answer any more.', remedy: '', isRetryable: true }),
  // Each attached engine has its own way, see `priority.ts`.
  enginePriority: () => undefined,
};
