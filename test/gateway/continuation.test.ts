/** A worker that dies in the middle of its answer: another goes on, in every dialect, and the client sees one answer. */
import { afterEach, describe, expect, it } from 'vitest';
import { LIMITS } from '../../src/limits.js';
import { createOutputFilter } from '../../src/link/parsers/output-filter.js';
import { type GatewayOptions, startGateway, type TestGateway } from './support/harness.js';
import type { Exchange, Script } from './support/scripted-engine.js';

const FIELDS = { way: 'repeats', idsField: 'tell_ids', continuedField: 'said_ids' } as const;
const COMPLETES = { way: 'completes', idsField: 'tell_ids' } as const;
const WORDS = ['The ', 'answer ', 'is ', 'forty', '-two', '.'];
const usage = (output: number) => ({
  prompt_tokens: 20,
  completion_tokens: output,
  total_tokens: 20 + output,
});

let gateway: TestGateway;

afterEach(() => gateway.close());

interface Said {
  said: number[];
  piece(delta: Record<string, unknown>, ids: number[], finish?: string): void;
}

/** An engine that says `WORDS`, a token each, and takes up what was said; `dies` after so many new tokens. */
function engine(dies: (attempt: number) => number, words: readonly string[] = WORDS): Script {
  let attempts = 0;
  return (exchange) => {
    const left = dies(attempts++);
    const { said, piece } = sayer(exchange);
    const isChat = exchange.body['messages'] !== undefined;
    if (isChat) exchange.delta({ role: 'assistant', content: '' });
    if (said.length > 0) piece({ content: said.map((id) => words[id]).join('') }, said);
    for (let id = said.length; id < words.length; id++) {
      if (id - said.length === left) {
        setImmediate(() => exchange.response.destroy());
        return;
      }
      piece({ content: words[id] }, [id]);
    }
    piece({}, [], 'stop');
    exchange.done(usage(words.length));
  };
}

function sayer({ body, chunk }: Exchange): Said {
  const isChat = body['messages'] !== undefined;
  const head = { id: `x-${body['request_id']}`, created: 1, model: 'm' };
  return {
    said: (body[FIELDS.continuedField] as number[] | undefined) ?? [],
    piece(delta, ids, finish) {
      const token_ids = body[FIELDS.idsField] === true && ids.length > 0 ? { token_ids: ids } : {};
      const what = isChat ? { delta } : { text: delta['content'] ?? '' };
      chunk({ ...head, choices: [{ index: 0, ...what, finish_reason: finish ?? null, ...token_ids }] });
    },
  };
}

const start = async (scripts: Script[], options: GatewayOptions = {}) => {
  gateway = await startGateway({ scripts, continuation: () => FIELDS, ...options });
  return gateway;
};

const REQUESTS: [path: string, body: Record<string, unknown>][] = [
  [
    '/v1/chat/completions',
    { messages: [{ role: 'user', content: 'q' }], stream_options: { include_usage: true } },
  ],
  ['/v1/completions', { prompt: 'q', stream_options: { include_usage: true } }],
  ['/v1/messages', { max_tokens: 50, messages: [{ role: 'user', content: 'q' }] }],
  ['/v1/responses', { input: 'q' }],
];

const ask = async (path: string, body: Record<string, unknown>, stream = true) =>
  (await gateway.post(path, { model: 'test-model', stream, ...body })).text();

/** Without what differs from request to request. */
const alike = (text: string): string =>
  text
    .replaceAll(/"(id|item_id|response_id)":"[^"]*"/g, '"$1":""')
    .replaceAll(/"(created|created_at|completed_at)":\d+/g, '"$1":0');

describe('an answer whose worker dies', () => {
  it.each(REQUESTS)('is the same to a client of %s, streamed and whole', async (path, body) => {
    const script = () => engine((attempt) => (attempt === 0 ? 3 : WORDS.length));
    await start([engine(() => WORDS.length)]);
    const [calm, calmWhole] = [await ask(path, body), await ask(path, body, false)];
    await gateway.close();
    const shared = script();
    await start([shared, shared]);
    const broken = await ask(path, body);
    // Deltas are alike too: what is said again is not shown.
    expect(alike(broken)).toBe(alike(calm));
    expect(broken).not.toContain('token_ids');
    const again = script();
    for (const each of gateway.engines) each.script = again;
    expect(alike(await ask(path, body, false))).toBe(alike(calmWhole));
    expect(gateway.of('request.continued').map(({ tokens }) => tokens)).toEqual([3, 3]);
  });

  it('is counted once, told in explain, and leaves no booking', async () => {
    const script = engine((attempt) => (attempt < 2 ? 2 : WORDS.length));
    await start([script, script, script]);
    await ask(...(REQUESTS[0] as (typeof REQUESTS)[number]));
    expect(gateway.snapshot()).toMatchObject({
      requests: { total: 1, failed: 0, continued: 2, active: 0 },
      tokens: { prompt: 20, generated: WORDS.length },
    });
    const { id } = gateway.of('request.finished')[0] as { id: string };
    const told = (await (await fetch(`${gateway.url}/dynamo/v1/requests/${id}`)).json()) as {
      request: { continued: { from: string; to: string; tokens: number; reason: string }[] };
    };
    expect(told.request.continued.map(({ tokens }) => tokens)).toEqual([2, 4]);
    for (const { from, to, reason } of told.request.continued) {
      expect(from).not.toBe(to);
      expect(reason).toContain(from);
    }
    for (const worker of ['w0', 'w1', 'w2'])
      expect(gateway.router.bookedLoad(worker)).toEqual({ requests: 0, prefillTokens: 0, decodeBlocks: 0 });
  });

  it('does not spoil the figure of our own time', async () => {
    const script = engine((attempt) => (attempt === 0 ? 1 : WORDS.length));
    const slow: Script = (exchange) => setTimeout(() => script(exchange), 150);
    await start([slow, slow]);
    await ask(...(REQUESTS[0] as (typeof REQUESTS)[number]));
    for (const { overheadMs } of gateway.of('request.routed')) expect(overheadMs).toBeLessThan(150);
  });

  it('ends with an error once it was continued as often as it may be', async () => {
    const script = engine(() => 1);
    await start([script, script]);
    const text = await ask(...(REQUESTS[0] as (typeof REQUESTS)[number]));
    expect(text.trim().split('\n').at(-1)).toMatch(/^data: {"error":/);
    expect(gateway.of('request.continued')).toHaveLength(LIMITS.continuations);
  });

  it('ends with an error where that is switched off, and its engine is not asked for ids', async () => {
    const script = engine(() => 3);
    await start([script, script], { config: { continuations: 0 } });
    const text = await ask(...(REQUESTS[0] as (typeof REQUESTS)[number]));
    expect(text).toContain('"error"');
    expect(gateway.engines.flatMap(({ bodies }) => bodies.map((body) => body[FIELDS.idsField]))).toEqual([
      undefined,
    ]);
  });

  it('and ends otherwise at the second is an error, not a mixture', async () => {
    const first = engine(() => 3);
    const other = engine(() => WORDS.length, ['Another ', 'answer ', 'altogether', '!', '', '']);
    let asked = 0;
    const either: Script = (exchange) => (asked++ === 0 ? first : other)(exchange);
    await start([either, either]);
    const text = await ask(...(REQUESTS[0] as (typeof REQUESTS)[number]));
    expect(text).toContain('in other words');
    expect(text).not.toContain('altogether');
  });

  it('after its end but before its figures is whole', async () => {
    const script: Script = (exchange) => {
      const { piece } = sayer(exchange);
      piece({ role: 'assistant', content: 'All' }, [1]);
      piece({}, [], 'stop');
      setImmediate(() => exchange.response.destroy());
    };
    await start([script, script]);
    const text = await ask(...(REQUESTS[0] as (typeof REQUESTS)[number]));
    expect(text.trim().split('\n').at(-1)).toBe('data: [DONE]');
    expect(text).toContain('"completion_tokens":1');
    expect(gateway.snapshot().requests).toMatchObject({ failed: 0, continued: 0 });
  });

  it('in a call goes on in it, under the id the client knows', async () => {
    const call = (exchange: Exchange, attempt: number): void => {
      const { said, piece } = sayer(exchange);
      const started = { index: 0, id: `call-${attempt}`, function: { name: 'look', arguments: '' } };
      const args = ['{"pa', 'th":', '"a"}'];
      if (said.length === 0 || said.includes(0)) piece({ tool_calls: [started] }, []);
      if (said.length > 0)
        piece(
          { tool_calls: [{ index: 0, function: { arguments: args.slice(0, said.length).join('') } }] },
          said,
        );
      for (let id = said.length; id < args.length; id++) {
        if (attempt === 0 && id === 2) {
          setImmediate(() => exchange.response.destroy());
          return;
        }
        piece({ tool_calls: [{ index: 0, function: { arguments: args[id] } }] }, [id]);
      }
      piece({}, [], 'tool_calls');
      exchange.done(usage(3));
    };
    let attempts = 0;
    const script: Script = (exchange) => call(exchange, attempts++);
    await start([script, script]);
    const tools = [{ name: 'look', input_schema: { type: 'object' } }];
    const text = await ask('/v1/messages', { ...REQUESTS[2]?.[1], tools });
    const parts = [...text.matchAll(/"partial_json":"((?:[^"\\]|\\.)*)"/g)].map((match) => match[1]);
    expect(parts.join('')).toBe('{\\"path\\":\\"a\\"}');
    expect(text.match(/"type":"tool_use"/g)).toHaveLength(1);
    expect(text).toContain('call-0');
    expect(text).not.toContain('call-1');
    expect(text).toContain('"stop_reason":"tool_use"');
  });
});

describe('an engine that only completes raw tokens', () => {
  /** Words are tokens, and special ones their own text. */
  const textOf = (words: readonly string[]) => (tokens: ArrayLike<number>) =>
    Array.from(tokens, (id) => words[id] ?? '').join('');

  /** Says `words`, parsed as a chat, up to the death of the first; completes them raw afterwards. */
  const completing = (
    words: readonly string[],
    parsed: (id: number) => Record<string, unknown>,
    dies: number,
  ): Script => {
    let attempts = 0;
    return (exchange) => {
      const { piece } = sayer(exchange);
      if (attempts++ === 0) {
        for (let id = 0; id < dies; id++) piece(parsed(id), [id]);
        setImmediate(() => exchange.response.destroy());
        return;
      }
      const said = (exchange.body['prompt'] as number[]).length - promptTokens();
      for (let id = said; id < words.length; id++) piece({ content: words[id] }, [id]);
      piece({}, [], 'stop');
      exchange.done({ prompt_tokens: promptTokens() + said, completion_tokens: words.length - said });
    };
  };
  const promptTokens = () => gateway.of('request.routed')[0]?.promptTokens ?? 0;
  const question = { messages: [{ role: 'user', content: 'q' }], stream_options: { include_usage: true } };

  it('goes on after prompt and answer, counted once', async () => {
    const script = completing(WORDS, (id) => ({ content: WORDS[id] }), 3);
    await start([script, script], { continuation: () => COMPLETES, textOf: textOf(WORDS) });
    const text = await ask('/v1/chat/completions', { ...question, max_tokens: 40, tool_choice: 'auto' });
    expect([...text.matchAll(/"content":"([^"]+)"/g)].map((match) => match[1]).join('')).toBe(WORDS.join(''));
    const second = gateway.engines
      .flatMap(({ bodies }) => bodies)
      .find((body) => body['prompt'] !== undefined);
    expect((second?.['prompt'] as number[]).slice(-3)).toEqual([0, 1, 2]);
    expect(second).toMatchObject({ max_tokens: 37, skip_special_tokens: false, [COMPLETES.idsField]: true });
    expect(second).not.toHaveProperty('messages');
    expect(text).toContain(`"prompt_tokens":${promptTokens()},"completion_tokens":6`);
  });

  it('has its reasoning and calls read here, what the other had read left out', async () => {
    const words = [
      '<think>',
      'hm',
      '</think>',
      '<tool_call>',
      '{"name":"look","arguments":{}}',
      '</tool_call>',
    ];
    const script = completing(words, (id) => (id === 1 ? { reasoning: 'hm' } : {}), 2);
    const look = new Map([['look', { type: 'object' }]]);
    const outputFilter: GatewayOptions['outputFilter'] = (_worker, { id }, raw) =>
      raw === undefined
        ? null
        : createOutputFilter({
            ...{ format: 'hermes', reasoning: raw.isOpened ? 'opened' : 'tags', tools: look, callsMax: 1 },
            ...{ requestId: id, onEngineParses: () => {}, onCaught: () => {} },
          });
    await start([script, script], { continuation: () => COMPLETES, textOf: textOf(words), outputFilter });
    const tools = [{ type: 'function', function: { name: 'look', parameters: { type: 'object' } } }];
    const text = await ask('/v1/chat/completions', { ...question, tools });
    expect(text.split('\n').filter((line) => line.includes('"hm"'))).toHaveLength(1);
    expect(text).toContain('"name":"look"');
    expect(text).toContain('"finish_reason":"tool_calls"');
  });

  it.each([
    ['held to a schema', { response_format: { type: 'json_object' } }],
    ['with log probabilities', { logprobs: true }],
    ['that must call', { tool_choice: 'required', tools: [{ type: 'function', function: { name: 'f' } }] }],
  ])('does not go on with an answer %s', async (_, more) => {
    const script = completing(WORDS, (id) => ({ content: WORDS[id] }), 3);
    await start([script, script], { continuation: () => COMPLETES, textOf: textOf(WORDS) });
    expect(await ask('/v1/chat/completions', { ...question, ...more })).toContain('lost');
    expect(gateway.of('request.continued')).toEqual([]);
  });
});

describe('a stack of one worker', () => {
  it('waits for it to be there again', async () => {
    const script = engine((attempt) => (attempt === 0 ? 2 : WORDS.length));
    const dying: Script = (exchange) => {
      script(exchange);
      if (gateway.engines[0]?.bodies.length !== 1) return;
      setTimeout(() => gateway.router.setEligible('w0', false), 5);
      setTimeout(() => gateway.router.setEligible('w0', true), 60);
    };
    await start([dying]);
    const text = await ask(...(REQUESTS[0] as (typeof REQUESTS)[number]));
    expect([...text.matchAll(/"content":"([^"]+)"/g)].map((match) => match[1]).join('')).toBe(WORDS.join(''));
  });

  it('ends the answer with an error where it stays away', async () => {
    await start([engine(() => 2)]);
    const text = await ask(...(REQUESTS[0] as (typeof REQUESTS)[number]));
    expect(text.trim().split('\n').at(-1)).toMatch(/^data: {"error":.*lost/);
  });
});
