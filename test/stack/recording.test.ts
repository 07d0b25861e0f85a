/** A live run, recorded and replayed: the real gateway in front of scripted engines, then the real reader and replay. */
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mockTiming } from '../../src/engines/simulator/timing.js';
import { figuresOf } from '../../src/replay/metrics.js';
import { readWorkload } from '../../src/replay/read.js';
import { runReplay } from '../../src/replay/run.js';
import { loadPolicy } from '../../src/router/policies/load-policy.js';
import { type Recording, startRecording } from '../../src/stack/recording.js';
import { startGateway, type TestGateway } from '../gateway/support/harness.js';

let dir: string;
let gateway: TestGateway;
let recording: Recording;
beforeEach(async () => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'dyn-record-'));
  gateway = await startGateway({
    scripts: [({ say }) => say('one', ' two'), ({ say }) => say('one', ' two')],
    served: { contextTokens: 100_000 },
    watch: (emit) => {
      recording = startRecording(dir, { model: 'test-model', blockTokens: 16 }, emit);
      return recording;
    },
  });
});
afterEach(async () => {
  await gateway.close();
  await recording.close();
  rmSync(dir, { recursive: true, force: true });
});

const SECRET = 'the launch code is swordfish ';

async function talk(sessions: number, turns: number): Promise<void> {
  for (let session = 0; session < sessions; session++) {
    const messages = [{ role: 'user', content: SECRET.repeat(10) + session }];
    for (let turn = 0; turn < turns; turn++) {
      const headers = { 'x-dynamo-session-id': `person-${session}` };
      const body = { model: 'test-model', messages, stream: turn % 2 === 0 };
      await (await gateway.post('/v1/chat/completions', body, headers)).text();
      messages.push({ role: 'assistant', content: 'one two' }, { role: 'user', content: SECRET.repeat(5) });
    }
  }
}

const text = (): string =>
  readdirSync(dir)
    .map((name) => readFileSync(path.join(dir, name), 'utf8'))
    .join('');

const options = { blockTokens: 16, traceBlockTokens: null, staggerMs: 0, maxDelayMs: 1_000 };

describe('a recorded run', () => {
  it('replays with the same requests, tokens and blocks', async () => {
    await talk(3, 4);
    await recording.close();
    const routed = gateway.of('request.routed');
    const workload = await readWorkload([dir], options);
    expect(workload.turns).toHaveLength(12);
    expect(workload.turns.map(({ promptTokens }) => promptTokens)).toEqual(
      routed.map(({ promptTokens }) => promptTokens),
    );
    expect(workload.turns.map(({ blocks }) => blocks.length)).toEqual(
      routed.map(({ promptTokens }) => Math.floor(promptTokens / 16)),
    );
    expect(workload.sessions).toHaveLength(3);
    // Each session's prompts continue each other, and start like the others' for as long as the text is the same.
    const [first, second] = [workload.turns[0], workload.turns[1]];
    expect(second?.blocks.subarray(0, (first?.blocks.length ?? 0) - 2)).toEqual(
      first?.blocks.subarray(0, -2),
    );
    expect(workload.turns[4]?.blocks[0]).toBe(first?.blocks[0]);
    const run = await runReplay(workload, {
      workers: 2,
      blocks: 10_000,
      policy: loadPolicy('kv'),
      retention: 'lru',
      seed: 1,
      timing: mockTiming(),
    });
    const figures = figuresOf(workload, run);
    expect(figures.requests).toBe(12);
    expect(figures.promptTokens).toBe(routed.reduce((sum, { promptTokens }) => sum + promptTokens, 0));
    expect(figures.hitRateReachable).toBeGreaterThan(0.5);
    expect(gateway.snapshot().recording).toMatchObject({ requests: 12, files: 1, lost: 0, leftOut: 0 });
  });

  it('holds no text: neither of prompts, nor of answers, nor of session names', async () => {
    await talk(1, 2);
    await recording.close();
    const written = text();
    expect(written).toContain('dynamo.recording.v1');
    for (const word of ['swordfish', 'launch', 'two', 'person', 'assistant'])
      expect(written).not.toContain(word);
  });

  it('is read up to the last whole line when the stack was killed', async () => {
    await talk(1, 3);
    await recording.close();
    const [name = ''] = readdirSync(dir);
    const file = path.join(dir, name);
    appendFileSync(file, '{"id":"torn","session":"x","sentMs":12,"bl');
    expect((await readWorkload([file], options)).turns).toHaveLength(3);
    appendFileSync(file, '\n{"id":"after"}\n');
    await expect(readWorkload([file], options)).rejects.toMatchObject({ code: 'trace_invalid' });
  });
});
