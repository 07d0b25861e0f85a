/** Policies by name. */
import { DynamoError } from '../../errors.js';
import type { Policy } from '../types.js';
import { dynamoPolicy } from './dynamo.js';
import { kvPolicy } from './kv.js';
import { leastLoadedPolicy, powerOfTwoPolicy, randomPolicy, roundRobinPolicy } from './plain.js';

const POLICIES: Record<string, () => Policy> = {
  kv: () => kvPolicy,
  dynamo: () => dynamoPolicy(),
  'round-robin': () => roundRobinPolicy,
  'least-loaded': () => leastLoadedPolicy,
  random: () => randomPolicy,
  'power-of-two': () => powerOfTwoPolicy,
};

export const POLICY_NAMES = Object.keys(POLICIES);

/** Throws DynamoError `usage` for a name that does not exist. */
export function loadPolicy(name: string): Policy {
  const make = Object.hasOwn(POLICIES, name) ? POLICIES[name] : undefined;
  if (make !== undefined) return make();
  throw new DynamoError('usage', {
    detail: `There is no routing policy \`${name}\`.`,
    remedy: `Use one of ${POLICY_NAMES.join(', ')}.`,
  });
}
