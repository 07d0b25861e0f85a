/** Policies by name, or from a file. */
import { DynamoError } from '../../errors.js';
import type { Policy } from '../types.js';
import { type DynamoKnobs, dynamoPolicy } from './dynamo.js';
import { kvPolicy } from './kv.js';
import { isModulePath, loadModulePolicy } from './load-module.js';
import { leastLoadedPolicy, powerOfTwoPolicy, randomPolicy, roundRobinPolicy } from './plain.js';

export interface PolicyOptions {
  /** Knobs of policy `dynamo`. */
  dynamo?: Partial<DynamoKnobs>;
}

const POLICIES: Record<string, (options: PolicyOptions) => Policy> = {
  kv: () => kvPolicy,
  dynamo: ({ dynamo }) => dynamoPolicy(dynamo),
  'round-robin': () => roundRobinPolicy,
  'least-loaded': () => leastLoadedPolicy,
  random: () => randomPolicy,
  'power-of-two': () => powerOfTwoPolicy,
};

export const POLICY_NAMES = Object.keys(POLICIES);

/** Throws DynamoError `usage` for a name that does not exist. */
export function loadPolicy(name: string, options: PolicyOptions = {}): Policy {
  const make = Object.hasOwn(POLICIES, name) ? POLICIES[name] : undefined;
  if (make !== undefined) return make(options);
  throw new DynamoError('usage', {
    detail: `There is no routing policy \`${name}\`.`,
    remedy: `Use one of ${POLICY_NAMES.join(', ')}, or the path of a router module (./FILE.mjs).`,
  });
}

/** A maker of policies for a `--router` value, checked: each call makes one that has learnt nothing. Rejects with `usage`. */
export async function policyMaker(router: string, options: PolicyOptions = {}): Promise<() => Policy> {
  if (isModulePath(router)) return loadModulePolicy(router);
  loadPolicy(router, options);
  return () => loadPolicy(router, options);
}
