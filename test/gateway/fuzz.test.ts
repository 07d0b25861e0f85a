/**
 * Any JSON body: an answer or a 4xx that says why; never a 5xx, a crash, a hang, or memory that stays. The bodies are mutations
 * of real requests (vLLM's recordings, agentic-api's, and one with every feature); the seed is fixed, so a failure comes again.
 * `DYNAMO_FUZZ_HTTP` and `DYNAMO_FUZZ_SEED` run more of them.
 */
import v8 from 'node:v8';
import vm from 'node:vm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { recognise } from '../../src/agents/recognise.js';
import { bodyFields } from '../../src/dialects/fields.js';
import { DynamoError } from '../../src/errors.js';
import { engineBody } from '../../src/request/engine-body.js';
import { withStrictTools } from '../../src/request/strict-tools.js';
import type { StreamEvent } from '../../src/request/types.js';
import { SUBJECTS, type Subject } from './support/fuzz-subjects.js';
import { startGateway, type TestGateway } from './support/harness.js';
import { Mutator } from './support/mutate.js';

const DECODED = Math.max(20_000, Number(process.env['DYNAMO_FUZZ'] ?? 0));
const HTTP = Number(process.env['DYNAMO_FUZZ_HTTP'] ?? 250);
const SEED = Number(process.env['DYNAMO_FUZZ_SEED'] ?? 1);
/** Bytes a decoder may keep over three quarters of the requests, noise of the collector included. */
const HEAP_GROWTH_MAX = 4 << 20;
/** The same for the second half of the requests over HTTP: kept responses and known sessions are bounded, but not full by then. */
const HTTP_HEAP_GROWTH_MAX = 24 << 20;
const HANG_MS = 20_000;

/** One answer with everything in it. */
const ANSWER: StreamEvent[] = [
  { type: 'start', engineId: 'e' },
  { type: 'thinking', choice: 0, text: 'hm' },
  { type: 'text', choice: 0, text: 'so' },
  { type: 'tool_start', choice: 0, index: 0, id: 'c', name: 'f' },
  { type: 'tool_delta', choice: 0, index: 0, arguments: '{"input":1}' },
  { type: 'finish', choice: 0, reason: 'tool_use' },
  { type: 'usage', usage: { promptTokens: 3, cachedTokens: 1, outputTokens: 2, reasoningTokens: 1 } },
  { type: 'done' },
];

/** The request's whole way without the network; throws only DynamoErrors that are the client's mistake. */
function goThrough({ dialect }: Subject, body: unknown): void {
  const decoded = dialect.decode(body, { requestId: 'r', headers: {}, warn: () => {} });
  const { request } = recognise({ headers: {}, body: bodyFields(body), request: decoded });
  JSON.stringify(engineBody(withStrictTools(request)).body);
  const context = { model: 'm', created: 1, promptTokens: 3, keep: () => {} };
  JSON.stringify(dialect.encodeWhole(request, ANSWER, context));
  const encoder = dialect.streamEncoder(request, context);
  for (const event of ANSWER) encoder.push(event);
}

function verdict(subject: Subject, text: string): 'taken' | 'refused' {
  try {
    goThrough(subject, JSON.parse(text));
    return 'taken';
  } catch (error) {
    const isRefusal = error instanceof DynamoError && error.status === 400;
    if (isRefusal) return 'refused';
    throw new Error(`${subject.dialect.name} failed on ${text}`, { cause: error });
  }
}

v8.setFlagsFromString('--expose-gc');
const gc = vm.runInNewContext('gc') as () => void;

/** Bytes in use once nothing is left to collect. */
function heapUsed(): number {
  gc();
  return process.memoryUsage().heapUsed;
}

describe('in the decoder', () => {
  it.each(
    SUBJECTS,
  )('$dialect.name: 20,000 bodies are taken or refused, and leave no memory behind', (subject) => {
    const mutator = new Mutator(SEED);
    const counts = { taken: 0, refused: 0 };
    let heap = 0;
    for (let run = 0; run < DECODED; run += 1) {
      counts[verdict(subject, mutator.text(subject.bases))] += 1;
      if (run === DECODED / 4) heap = heapUsed();
    }
    expect(heapUsed() - heap).toBeLessThan(HEAP_GROWTH_MAX);
    // Mutations that are all refused, or none, would prove nothing.
    expect(counts.taken).toBeGreaterThan(DECODED / 10);
    expect(counts.refused).toBeGreaterThan(DECODED / 10);
  });
});

describe('over HTTP', () => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await startGateway({ served: { acceptAnyName: true, strictTools: true } });
  });
  afterAll(() => gateway.close());

  it.each(SUBJECTS)(
    '$path',
    async ({ path: url, bases }) => {
      expect((await gateway.post(url, bases.at(-1))).status).toBe(200);
      const mutator = new Mutator(SEED + 1);
      let heap = 0;
      for (let run = 0; run < HTTP; run += 1) {
        // What the test itself would keep.
        gateway.events.length = 0;
        gateway.engines[0]!.bodies.length = 0;
        if (run === HTTP >> 1) heap = heapUsed();
        const whole = mutator.text(bases);
        // Now and then what arrives is cut off.
        const body = run % 16 === 0 ? whole.slice(0, mutator.next(whole.length)) : whole;
        const answer = await fetch(gateway.url + url, {
          method: 'POST',
          body,
          signal: AbortSignal.timeout(HANG_MS),
        });
        const text = await answer.text();
        expect(answer.status, `${body}\n${text}`).toBeLessThan(500);
        if (answer.status !== 200) expect(JSON.parse(text), body).toHaveProperty('error.message');
        else expect(text, body).not.toMatch(/"internal"|"api_error"|"server_error"/);
      }
      expect(gateway.snapshot().requests.active).toBe(0);
      expect(heapUsed() - heap).toBeLessThan(HTTP_HEAP_GROWTH_MAX);
    },
    HANG_MS + HTTP * 100,
  );
});
