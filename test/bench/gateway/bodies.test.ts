import { describe, expect, it } from 'vitest';
import { AgentSession } from '../../../src/bench/gateway/agent-session.js';
import { agentText } from '../../../src/bench/gateway/agent-text.js';
import { turnsOfSession, workOf } from '../../../src/bench/gateway/work.js';

const session = (seed: number, bytes: number, isStream = true) =>
  new AgentSession({ model: 'bench', seed, bytes, isStream });

interface Body {
  messages: { role: string; content: string; tool_calls?: { id: string }[]; tool_call_id?: string }[];
  tools: unknown[];
  stream: boolean;
}
const parsed = (body: Buffer): Body => JSON.parse(body.toString('utf8')) as Body;

describe('text of agents', () => {
  it('is the same for the same seed, another for another, and as long as asked', () => {
    expect(agentText(3)(500)).toBe(agentText(3)(500));
    expect(agentText(3)(500)).not.toBe(agentText(4)(500));
    expect(agentText(3)(500)).toHaveLength(500);
  });

  it('has many names, so that remembering words does not make a tokenizer look fast', () => {
    const words = agentText(9)(60_000).match(/\w+/g) ?? [];
    expect(new Set(words).size).toBeGreaterThan(1_000);
  });
});

describe('a session', () => {
  it.each([4_096, 16_384, 262_144])('of %d bytes begins with about that many', (bytes) => {
    expect(Math.abs(session(1, bytes).body.length - bytes) / bytes).toBeLessThan(0.1);
  });

  it('is a chat with a system message, tools, and answers to every call', () => {
    const { messages, tools, stream } = parsed(session(1, 65_536).body);
    const asked = messages.flatMap(({ tool_calls }) => tool_calls?.map(({ id }) => id) ?? []);
    const answered = messages.flatMap(({ tool_call_id }) => tool_call_id ?? []);
    expect(messages[0]?.role).toBe('system');
    expect(messages.at(-1)?.role).toBe('user');
    expect(asked.length).toBeGreaterThan(10);
    expect(answered).toEqual(asked);
    expect(tools).toHaveLength(12);
    expect(stream).toBe(true);
  });

  it('keeps every message when a turn is added, however often', () => {
    const one = session(5, 2_048);
    let before = parsed(one.body).messages;
    for (let turn = 0; turn < 40; turn += 1) {
      one.addTurn();
      const after = parsed(one.body).messages;
      expect(after.slice(0, before.length)).toEqual(before);
      expect(after.slice(before.length).map(({ role }) => role)).toEqual(['assistant', 'user']);
      before = after;
    }
  });
});

describe('the requests of a measurement', () => {
  const options = { bodyBytes: 16_384, isStream: false, requests: 10, seed: 77 };

  it('of next turns each follow a request that was sent', () => {
    const work = workOf({ ...options, mode: 'next' });
    const sent = new Map(work.before.map(({ session: id, body }) => [id, parsed(body).messages]));
    for (let request = 0; request < options.requests; request += 1) {
      const { session: id, body } = work.next();
      const { messages } = parsed(body);
      const known = sent.get(id) ?? [];
      expect(known.length).toBeGreaterThan(0);
      expect(messages.slice(0, known.length)).toEqual(known);
      expect(messages.length).toBe(known.length + 2);
      expect(Math.abs(body.length - options.bodyBytes) / options.bodyBytes).toBeLessThan(0.25);
      sent.set(id, messages);
    }
    expect(sent.size).toBe(Math.ceil(options.requests / turnsOfSession(options.bodyBytes)));
  });

  it('of repeated bodies are the same bytes, those before included', () => {
    const work = workOf({ ...options, mode: 'repeated' });
    expect(work.next().body.equals(work.next().body)).toBe(true);
    expect(work.before.every(({ body }) => body.equals(work.next().body))).toBe(true);
  });

  it('of cold prompts have nothing in common but the model', () => {
    const work = workOf({ ...options, mode: 'cold' });
    const systems = Array.from(
      { length: options.requests },
      () => parsed(work.next().body).messages[0]?.content,
    );
    expect(new Set(systems.map((text) => text?.slice(0, 40))).size).toBe(options.requests);
  });
});
