/** A worker's server on the fake core, and what a client sees of any worker. */

import { type RunningServer, serve } from '../../../../src/engines/embedded/server/http-server.js';
import { compileChatTemplate } from '../../../../src/model/chat-template.js';
import type { EventEndpoints } from '../../../../src/plan/types.js';
import { FakeCore, type Script } from './fake-core.js';

export type Json = Record<string, unknown>;

const TEMPLATE =
  "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}\n{% endfor %}" +
  '{% if style %}({{ style }}){% endif %}{% if add_generation_prompt %}<assistant>{% endif %}';

export interface FakeWorker {
  core: FakeCore;
  server: RunningServer;
  url: string;
}

/** `script` answers each job: a text, or all of it. */
export async function fakeWorker(
  script: string | Script | ((index: number) => string | Script) = 'Hello.',
  events: EventEndpoints | null = null,
): Promise<FakeWorker> {
  const core = new FakeCore((_job, index) => {
    const given = typeof script === 'function' ? script(index) : script;
    return typeof given === 'string' ? { output: given } : given;
  });
  const template = compileChatTemplate(TEMPLATE, { bosToken: '', eosToken: '' });
  const names = ['smollm2-135m', 'small'];
  const server = await serve({ core, template, addBos: false, names, host: '127.0.0.1', port: 0, events });
  return { core, server, url: server.url };
}

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  json: Json;
}

export async function post(url: string, body: unknown, init: RequestInit = {}): Promise<Answer> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return read(await fetch(url, { method: 'POST', body: text, ...init }));
}

export async function get(url: string): Promise<Answer> {
  return read(await fetch(url));
}

async function read(response: Response): Promise<Answer> {
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.startsWith('application/json') === true;
  return {
    status: response.status,
    headers: response.headers,
    text,
    json: isJson ? (JSON.parse(text) as Json) : {},
  };
}

export const USER = [{ role: 'user', content: 'Hi' }];

export function chat(url: string, body: Json = {}): Promise<Answer> {
  return post(`${url}/v1/chat/completions`, { messages: USER, ...body });
}

/** A chat's stream as its `data:` values; `[DONE]` must be the last and is left out. */
export async function chatStream(url: string, body: Json = {}): Promise<Json[]> {
  return sseValues((await chat(url, { stream: true, ...body })).text);
}

export function sseValues(text: string): Json[] {
  const blocks = text.split('\n\n');
  if (blocks.pop() !== '' || blocks.pop() !== 'data: [DONE]')
    throw new Error(`a stream without its end: ${text}`);
  return blocks.map((block) => {
    if (!block.startsWith('data: ')) throw new Error(`not a data line: ${block}`);
    return JSON.parse(block.slice('data: '.length)) as Json;
  });
}

export interface ChoiceView {
  text: string;
  calls: { name: string; arguments: string }[];
  finish: unknown;
}

/** A stream put together again, per choice. */
export function gathered(values: readonly Json[]): ChoiceView[] {
  const views: ChoiceView[] = [];
  for (const choice of values.flatMap((value) => value['choices'] as Json[])) {
    const index = choice['index'] as number;
    views[index] ??= { text: '', calls: [], finish: null };
    const view = views[index] as ChoiceView;
    const delta = (choice['delta'] ?? { content: choice['text'] }) as Json;
    view.text += (delta['content'] as string | null | undefined) ?? '';
    for (const call of (delta['tool_calls'] ?? []) as { index: number; function: Json }[]) {
      view.calls[call.index] ??= { name: '', arguments: '' };
      const known = view.calls[call.index] as { name: string; arguments: string };
      known.name += (call.function['name'] as string | undefined) ?? '';
      known.arguments += (call.function['arguments'] as string | undefined) ?? '';
    }
    view.finish = choice['finish_reason'] ?? view.finish;
  }
  return views;
}

/** Field names and types, so that answers of unlike engines can be compared. Lists are shown by their first entry. */
export function shapeOf(value: unknown): unknown {
  if (value === null) return null;
  if (Array.isArray(value)) return value.length === 0 ? [] : [shapeOf(value[0])];
  if (typeof value !== 'object') return typeof value;
  return Object.fromEntries(Object.entries(value).map(([name, entry]) => [name, shapeOf(entry)]));
}
