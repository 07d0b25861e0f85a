import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { GatewayDeps } from '../../src/gateway/types.js';
import type { Plan } from '../../src/plan/types.js';
import { createPromptService } from '../../src/prompt/service.js';
import type { CommonRequest } from '../../src/request/types.js';
import { warmUp } from '../../src/stack/warm-up.js';
import { createSnapshotStore } from '../../src/telemetry/snapshot.js';
import type { TelemetryEvent } from '../../src/telemetry/types.js';

const REQUESTS = 48;

describe('warming a fresh gateway up', () => {
  let dir: string;
  beforeEach(() => {
    vi.stubEnv('DYNAMO_WARM_UP', '');
    dir = mkdtempSync(path.join(os.tmpdir(), 'dynamo-warm-'));
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    rmSync(dir, { recursive: true, force: true });
  });

  it('sends made-up requests of every dialect through, streamed and whole', async () => {
    const { deps, prepared } = stack();
    await warmUp({ deps, plan: PLAN, dir, requests: REQUESTS }, new AbortController().signal);
    expect(prepared).toHaveLength(REQUESTS);
    const forms = new Set(prepared.map(({ dialect, stream }) => `${dialect} ${stream}`));
    expect([...forms].sort()).toEqual([
      'chat false',
      'chat true',
      'messages false',
      'messages true',
      'responses false',
      'responses true',
    ]);
  });

  it('leaves nothing behind: no event, no placement, no engine asked, no socket', async () => {
    const { deps, told } = stack();
    await warmUp({ deps, plan: PLAN, dir, requests: 4 }, new AbortController().signal);
    expect(told).toEqual([]);
    expect(deps.snapshot().requests.total).toBe(0);
    expect(readdirSync(dir)).toEqual([]);
  });

  it('ends at once when the stack stops or somebody else has warmed the path', async () => {
    const stopped = stack();
    await warmUp({ deps: stopped.deps, plan: PLAN, dir, requests: REQUESTS }, AbortSignal.abort());
    expect(stopped.prepared).toHaveLength(0);
    const busy = stack(REQUESTS + 1);
    await warmUp({ deps: busy.deps, plan: PLAN, dir, requests: REQUESTS }, new AbortController().signal);
    expect(busy.prepared).toHaveLength(1);
  });

  it('does nothing where it is switched off', async () => {
    vi.stubEnv('DYNAMO_WARM_UP', 'off');
    const { deps, prepared } = stack();
    await warmUp({ deps, plan: PLAN, dir, requests: 4 }, new AbortController().signal);
    expect(prepared).toHaveLength(0);
  });
});

const PLAN = { blockTokens: 16, workers: [{ id: 'w0' }, { id: 'w1' }] } as unknown as Plan;

/** The real parts of a stack; whatever a made-up request must not touch throws or is told of. */
function stack(served = 0): { deps: GatewayDeps; prepared: CommonRequest[]; told: TelemetryEvent[] } {
  const prepared: CommonRequest[] = [];
  const told: TelemetryEvent[] = [];
  const prompt = createPromptService({ local: null, blockTokens: 16, warn: () => {} });
  const store = createSnapshotStore(IDENTITY);
  for (let n = 0; n < served; n += 1) {
    const sender = { dialect: 'chat', model: 'm', harness: 'unknown', role: 'main' } as const;
    store.apply({ type: 'request.started', id: `${n}`, ...sender, isStream: false, at: 0, sequence: n });
  }
  const never = (): never => {
    throw new Error('a made-up request was noticed');
  };
  const deps: GatewayDeps = {
    config: { host: '127.0.0.1', port: 0, apiKeys: ['secret'], bodyBytes: 1 << 20 },
    served: { name: 'm', aliases: [], contextTokens: 64, created: 0, acceptAnyName: false, defaults: {} },
    prompt: {
      prepare: (request) => {
        prepared.push(request);
        return prompt.prepare(request);
      },
    },
    router: { route: never, score: never, explain: never, queued: never },
    link: never,
    engineFields: () => ({}),
    answersWhole: (_worker, request) => !request.stream,
    onPrompt: never,
    emit: (event) => told.push(event),
    snapshot: () => store.snapshot(0),
    metrics: never,
    report: never,
    subscribe: never,
    isReady: () => true,
  };
  return { deps, prepared, told };
}

const IDENTITY = {
  name: 'test',
  pid: 1,
  url: '',
  recipe: 'test',
  variant: 'test',
  model: 'm',
  router: 'kv',
  startedAt: 0,
  isSimulated: false,
};
