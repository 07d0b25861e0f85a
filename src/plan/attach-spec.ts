/** `--attach URL[,events=ENDPOINT][,replay=ENDPOINT][,engine=NAME][,priority=on]`: an engine that somebody else runs. */
import { DynamoError } from '../errors.js';

export interface AttachSpec {
  /** Base address without a trailing slash. */
  url: string;
  /** ZMQ address of its KV events; null = asked of the engine. `none` = do not ask. */
  events: string | null;
  replay: string | null;
  /** We bind and the engine connects (`events=bind:tcp://127.0.0.1:5557`). */
  isBound: boolean;
  /** Null = found out. */
  engine: AttachedEngine | null;
  /** It was started to heed priorities; absent = it was not, and gets none. */
  hasPriority?: true;
}

export const ATTACHED_ENGINES = ['vllm', 'sglang', 'trtllm', 'embedded', 'openai'] as const;
export type AttachedEngine = (typeof ATTACHED_ENGINES)[number];

const KEYS = ['events', 'replay', 'engine', 'priority'];
const ENDPOINT = /^(tcp|ipc):\/\/\S+$/;

/** Throws `usage` with what is wrong. */
export function parseAttach(text: string): AttachSpec {
  const [address = '', ...rest] = text.split(',').map((part) => part.trim());
  const fields = new Map(rest.map((part) => pair(text, part)));
  for (const key of fields.keys()) {
    if (!KEYS.includes(key)) throw wrong(text, `\`${key}\` is not known`, `Known are ${KEYS.join(', ')}.`);
  }
  const events = fields.get('events') ?? null;
  const isBound = events?.startsWith('bind:') === true;
  const engine = fields.get('engine') ?? null;
  if (engine !== null && !isEngine(engine)) {
    throw wrong(text, `the engine \`${engine}\` is not known`, `Use one of ${ATTACHED_ENGINES.join(', ')}.`);
  }
  return {
    url: baseUrl(text, address),
    events:
      events === null || events === 'none' ? events : endpoint(text, isBound ? events.slice(5) : events),
    replay: fields.has('replay') ? endpoint(text, fields.get('replay') as string) : null,
    isBound,
    engine,
    ...(priorityOf(text, fields.get('priority')) ? { hasPriority: true } : {}),
  };
}

function priorityOf(text: string, value = 'off'): boolean {
  if (value === 'on' || value === 'off') return value === 'on';
  throw wrong(
    text,
    `priority cannot be \`${value}\``,
    'Write priority=on for an engine that schedules by priority.',
  );
}

function pair(text: string, part: string): [string, string] {
  const at = part.indexOf('=');
  if (at > 0) return [part.slice(0, at), part.slice(at + 1)];
  throw wrong(text, `\`${part}\` is no key=value pair`, 'Write URL,events=ENDPOINT,engine=NAME.');
}

function baseUrl(text: string, address: string): string {
  const url = URL.parse(address);
  const isHttp = url?.protocol === 'http:' || url?.protocol === 'https:';
  if (url === null || !isHttp || url.pathname !== '/' || url.search !== '') {
    throw wrong(text, `\`${address}\` is no base address of an engine`, 'Write it as http://HOST:PORT.');
  }
  return url.origin;
}

function endpoint(text: string, value: string): string {
  if (ENDPOINT.test(value)) return value;
  throw wrong(text, `\`${value}\` is no ZMQ endpoint`, 'Write tcp://HOST:PORT or ipc://PATH.');
}

const isEngine = (name: string): name is AttachedEngine => ATTACHED_ENGINES.some((known) => known === name);

function wrong(text: string, problem: string, remedy: string): DynamoError {
  return new DynamoError('usage', { detail: `\`--attach ${text}\`: ${problem}.`, remedy });
}
