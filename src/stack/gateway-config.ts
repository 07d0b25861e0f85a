/** What the gateway is told of the stack's specification. */
import path from 'node:path';
import type { GatewayConfig } from '../gateway/types.js';
import type { StackSpec } from './spec.js';

export function gatewayConfig(spec: StackSpec, stateDir: string): GatewayConfig {
  const { bodyBytes, continuations, responsesStore } = spec.settings;
  return {
    host: spec.host,
    port: spec.port,
    apiKeys: [],
    keyPolicies: spec.keyPolicies,
    bodyBytes,
    continuations,
    ...(responsesStore === 'disk' ? { responsesDir: path.join(stateDir, 'responses') } : {}),
  };
}
