/** Real exchanges of another Messages server: their requests are taken, and their answers come out of ours the same. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startGateway, type TestGateway } from './support/harness.js';
import type { Body, Script } from './support/scripted-engine.js';

interface Exchange {
  request: Body;
  sse?: Body[];
  body?: Body;
}

interface Block {
  type: string;
  text?: string;
  thinking?: string;
  id?: string;
  name?: string;
  input?: unknown;
}

const file = path.join(import.meta.dirname, '../fixtures/agentic-api/messages.json');
const recordings = JSON.parse(readFileSync(file, 'utf8')) as Record<string, Exchange[]>;
const exchanges = Object.entries(recordings).flatMap(([name, list]) =>
  list.map((exchange, at) => [`${name} ${at + 1}`, exchange] as const),
);

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway({ served: { acceptAnyName: true, contextTokens: 10_000 } });
});
afterAll(() => gateway.close());

/** The recorded answer as the chat stream the engine would have sent. */
function engineOf({ sse, body }: Exchange): Script {
  const deltas = sse === undefined ? wholeDeltas(body as Body) : eventDeltas(sse);
  const isCall = deltas.some((delta) => delta['tool_calls'] !== undefined);
  return ({ delta, done }) => {
    for (const each of deltas) delta(each);
    delta({}, isCall ? 'tool_calls' : 'stop');
    done();
  };
}

const started = ({ id, name }: Block, args: string): Body => ({
  tool_calls: [{ index: 0, id, type: 'function', function: { name, arguments: args } }],
});

function wholeDeltas(body: Body): Body[] {
  return (body['content'] as Block[]).map((block) => {
    if (block.type === 'tool_use') return started(block, JSON.stringify(block.input));
    return block.type === 'thinking' ? { reasoning: block.thinking } : { content: block.text };
  });
}

function eventDeltas(events: Body[]): Body[] {
  return events.flatMap((event): Body[] => {
    const block = event['content_block'] as Block | undefined;
    if (block?.type === 'tool_use') return [started(block, '')];
    if (event['type'] !== 'content_block_delta') return [];
    const { text, partial_json: json } = event['delta'] as Record<string, string>;
    return [
      text === undefined ? { tool_calls: [{ index: 0, function: { arguments: json } }] } : { content: text },
    ];
  });
}

/** What must be alike: not the ids, signatures and counts of another server. */
const comparable = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (key, inner: unknown) =>
      ['usage', 'signature', 'message', 'stop_sequence', 'id', 'model'].includes(key) ? undefined : inner,
    ),
  );

describe('an exchange of vLLM', () => {
  it.each(exchanges)('%s', async (_name, exchange) => {
    gateway.engines[0]!.script = engineOf(exchange);
    const answer = await gateway.post('/v1/messages', exchange.request);
    const text = await answer.text();
    expect(answer.status, text).toBe(200);
    if (exchange.body !== undefined) {
      expect(comparable(JSON.parse(text))).toEqual(comparable(exchange.body));
      return;
    }
    const events = [...text.matchAll(/^data: (.*)$/gm)].map(([, json]) => JSON.parse(json as string) as Body);
    expect(events.map(comparable)).toEqual(exchange.sse?.map(comparable));
  });

  it('goes on from the answer before it, with thinking, call and result', async () => {
    const [, second] = recordings['messages-web-search'] as [Exchange, Exchange];
    gateway.engines[0]!.script = engineOf(second);
    await (await gateway.post('/v1/messages', second.request)).text();
    const sent = gateway.engines[0]!.bodies.at(-1)?.['messages'];
    expect(sent).toMatchObject([
      { role: 'user' },
      {
        role: 'assistant',
        reasoning_content: expect.stringMatching(/latest stable Rust/),
        tool_calls: [{ function: { name: 'web_search' } }],
      },
      { role: 'tool', content: 'The latest stable Rust release is version 1.89.0.' },
    ]);
  });
});
