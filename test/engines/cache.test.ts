/**
 * Tiers and prefixes computed ahead, on a real stack with the real engine and the default model. Goal: what is promised to a user: the
 * turn after a long answer, a conversation after a restart or a kill, and a disk that fails.
 */
import { readdirSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { type Home, makeHome, type RunningStack, until } from '../e2e/harness.js';

interface Turn {
  ttftMs: number;
  promptTokens: number;
  cachedTokens: number;
  text: string;
  calls: { id: string; type: 'function'; function: { name: string; arguments: string } }[];
}

let home: Home;
let stack: RunningStack | undefined;
afterEach(async () => {
  await stack?.down();
  home.remove();
});

/** One streamed turn of a chat. */
async function turn(body: Record<string, unknown>, session: string): Promise<Turn> {
  const startedAt = performance.now();
  const answer = await fetch(`${stack!.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-dynamo-session-id': session },
    body: JSON.stringify({
      model: 'smollm2',
      stream: true,
      stream_options: { include_usage: true },
      temperature: 0,
      ...body,
    }),
  });
  expect(answer.status).toBe(200);
  const result: Turn = { ttftMs: Number.NaN, promptTokens: 0, cachedTokens: 0, text: '', calls: [] };
  let rest = '';
  for await (const bytes of answer.body!) {
    const lines = (rest + Buffer.from(bytes).toString('utf8')).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (!line.startsWith('data: {')) continue;
      const { choices, usage } = JSON.parse(line.slice(6));
      const delta = choices[0]?.delta ?? {};
      if (Number.isNaN(result.ttftMs) && (delta.content || delta.tool_calls))
        result.ttftMs = performance.now() - startedAt;
      result.text += delta.content ?? '';
      for (const call of delta.tool_calls ?? []) {
        result.calls[call.index] ??= { id: call.id, type: 'function', function: { name: '', arguments: '' } };
        const { function: into } = result.calls[call.index]!;
        into.name += call.function?.name ?? '';
        into.arguments += call.function?.arguments ?? '';
      }
      result.promptTokens = usage?.prompt_tokens ?? result.promptTokens;
      result.cachedTokens = usage?.prompt_tokens_details?.cached_tokens ?? result.cachedTokens;
    }
  }
  return result;
}

const lines = (count: number, of: string): string =>
  Array.from({ length: count }, (_, at) => `${of} ${at} of file ${(at * 7) % 97}`).join('\n');

describe('the turn after an answer of 1,500 tokens', () => {
  /** A call whose arguments the model writes otherwise than a template writes them back. */
  const text = { type: 'string', minLength: 1_500, maxLength: 1_900 };
  const tools = [
    {
      type: 'function',
      function: {
        name: 'write',
        parameters: { type: 'object', properties: { a: text, b: text, c: text }, required: ['a', 'b', 'c'] },
      },
    },
  ];

  async function nextTurn(salt: string, isHinted: boolean): Promise<Turn> {
    const nvext = { cache_salt: salt, agent_hints: { speculative_prefill: isHinted } };
    const messages: unknown[] = [
      { role: 'system', content: lines(40, 'rule') },
      { role: 'user', content: 'Write a long file.' },
    ];
    const first = await turn({ messages, tools, tool_choice: 'required', max_tokens: 1_500, nvext }, salt);
    if (isHinted) {
      const done = async () => ((await stack!.snapshot()).warm.causes['next_turn']?.['done'] ?? 0) > 0;
      await until(done, 'the next turn to be computed', 120_000);
    }
    messages.push({ role: 'assistant', content: first.text || null, tool_calls: first.calls });
    messages.push({ role: 'tool', tool_call_id: first.calls[0]!.id, content: 'written' });
    return turn({ messages, tools, max_tokens: 4, nvext }, salt);
  }

  it('has its first token three times sooner where the next turn was hinted at', {
    timeout: 600_000,
  }, async () => {
    home = makeHome();
    stack = await home.up('--workers', '1', '--tiers', 'none', '--set', 'warm.next_turn=hinted');
    const without = await nextTurn('without', false);
    const ahead = await nextTurn('ahead', true);
    console.log(
      `next turn of ${ahead.promptTokens} tokens: ${without.ttftMs.toFixed(0)} ms without (${without.cachedTokens} cached), ` +
        `${ahead.ttftMs.toFixed(0)} ms computed ahead (${ahead.cachedTokens} cached)`,
    );
    expect(ahead.promptTokens).toBe(without.promptTokens);
    expect(ahead.text).toBe(without.text);
    expect(ahead.promptTokens - ahead.cachedTokens).toBeLessThan(128);
    expect(without.ttftMs / ahead.ttftMs).toBeGreaterThan(3);
    const { requests, warm } = await stack.snapshot();
    expect(requests.total).toBe(4);
    expect(warm.computedTokens).toBeGreaterThan(1_000);
  });
});

describe('a conversation', () => {
  const messages = [
    { role: 'system', content: lines(150, 'rule') },
    { role: 'user', content: 'What is rule 3?' },
  ];
  const ask = (session: string) => turn({ messages, max_tokens: 8 }, session);
  /** A run before this one must not help: what is measured is the tier. */
  const up = (dir: string) =>
    home.up('--workers', '1', '--tiers', `cpu=256MiB,disk=1GiB:${dir}`, '--set', 'warm.share=0');

  it('is read from disk after `down` and `up`, and after a kill', { timeout: 300_000 }, async () => {
    home = makeHome();
    const dir = path.join(home.dir, 'pages');
    stack = await up(dir);
    const cold = await ask('s1');
    await stack.down();
    stack = await up(dir);
    const warm = await ask('s1');
    const killed = await stack.pids();
    for (const pid of killed) process.kill(pid, 'SIGKILL');
    await until(() => stack!.process.exitCode !== null || stack!.process.signalCode !== null, 'the end');
    stack = await up(dir);
    const again = await ask('s1');
    console.log(
      `prompt of ${cold.promptTokens} tokens: ${cold.ttftMs.toFixed(0)} ms cold, ${warm.ttftMs.toFixed(0)} ms after a restart ` +
        `(${warm.cachedTokens} cached), ${again.ttftMs.toFixed(0)} ms after a kill (${again.cachedTokens} cached)`,
    );
    for (const one of [warm, again]) {
      expect(one.text).toBe(cold.text);
      expect(one.promptTokens - one.cachedTokens).toBeLessThan(128);
      expect(one.ttftMs / cold.ttftMs).toBeLessThan(0.15);
    }
  });

  it('goes on while its disk fails, which status tells until it works again', {
    timeout: 300_000,
  }, async () => {
    home = makeHome();
    const dir = path.join(home.dir, 'pages');
    stack = await up(dir);
    const [namespace] = readdirSync(dir);
    const folder = path.join(dir, namespace!);
    renameSync(folder, `${folder}-away`);
    writeFileSync(folder, 'no folder');
    const answer = await ask('s1');
    expect(answer.text).not.toBe('');
    await until(
      async () => (await stack!.snapshot()).stack.state === 'degraded',
      'the stack to say degraded',
    );
    const disk = (await stack.snapshot()).tiers.find(({ name }) => name === 'disk');
    expect(disk?.fault).toMatch(/ENOTDIR/);
    renameSync(folder, `${folder}-wrong`);
    renameSync(`${folder}-away`, folder);
    const recovers = async () => {
      await turn(
        { messages: [{ role: 'user', content: `${Math.random()} ${lines(20, 'x')}` }], max_tokens: 1 },
        's2',
      );
      return (await stack!.snapshot()).stack.state === 'ready';
    };
    await until(recovers, 'the disk to be used again', 90_000);
  });
});
