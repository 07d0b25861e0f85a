/** Clients of a stack whose processes are being killed: each request is told by how it ended, in its dialect's words. */
import { setTimeout as sleep } from 'node:timers/promises';

export type Dialect = 'chat' | 'messages' | 'responses';

/**
 * `whole`: an answer with its proper end. `told`: a stream whose last event is an error in the client's dialect.
 * `refused`: an error instead of an answer. `cut`: the connection was lost without a word, or never made.
 */
export type Ending = 'whole' | 'told' | 'refused' | 'cut';

export interface Told {
  dialect: Dialect;
  isStream: boolean;
  startedAt: number;
  endedAt: number;
  ending: Ending;
  /** It was shown a part of the answer. */
  hadBegun: boolean;
  /** Who answered last; empty when nobody did. */
  worker: string;
  /** The end of what came, for a message. */
  tail: string;
}

const WAYS: Record<Dialect, { path: string; body(text: string, tokens: number): object; ends: RegExp }> = {
  chat: {
    path: '/v1/chat/completions',
    body: (content, max_tokens) => ({ messages: [{ role: 'user', content }], max_tokens }),
    ends: /data: \[DONE\]\s*$/,
  },
  messages: {
    path: '/v1/messages',
    body: (content, max_tokens) => ({ messages: [{ role: 'user', content }], max_tokens }),
    ends: /event: message_stop\ndata: .*\s*$/,
  },
  responses: {
    path: '/v1/responses',
    body: (input, max_output_tokens) => ({ input, max_output_tokens, store: false }),
    ends: /event: response\.(?:completed|incomplete)\ndata: .*\s*$/,
  },
};

/** The stream's last event, or the one before OpenAI's `[DONE]`. */
const TELLS: Record<Dialect, RegExp> = {
  chat: /data: \{"error":\{"message":"[^"]+.*\}\s*(?:data: \[DONE\]\s*)?$/,
  messages: /event: error\ndata: \{"type":"error","error":\{"type":"[a-z_]+","message":"[^"]+.*\s*$/,
  responses: /event: (?:response\.failed|error)\ndata: .*"message":"[^"]+.*\s*$/,
};

/** A piece of an answer. */
const BEGINS: Record<Dialect, RegExp> = {
  chat: /"delta":\{[^}]*"(?:content|reasoning(?:_content)?)":"[^"]/,
  messages: /event: content_block_delta/,
  responses: /event: response\.(?:output_text|reasoning\w*)\.delta/,
};

export interface Ask {
  dialect: Dialect;
  isStream: boolean;
  text: string;
  tokens: number;
  model: string;
}

/** Never rejects. */
export async function tell(
  url: string,
  { dialect, isStream, text, tokens, model }: Ask,
  onBegin: (told: Told) => void = () => {},
): Promise<Told> {
  const { path, body } = WAYS[dialect];
  const told: Told = {
    ...{ dialect, isStream, startedAt: performance.now(), endedAt: 0 },
    ...{ ending: 'cut', hadBegun: false, worker: '', tail: '' },
  };
  try {
    const response = await fetch(url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model, stream: isStream, temperature: 0, ...body(text, tokens) }),
    });
    told.worker = response.headers.get('x-dynamo-worker') ?? '';
    let all = '';
    const decoder = new TextDecoder();
    const note = () => {
      told.tail = all.slice(-400);
      told.hadBegun = isStream && BEGINS[dialect].test(all);
    };
    for await (const piece of response.body ?? []) {
      all += decoder.decode(piece, { stream: true });
      note();
      if (told.hadBegun) onBegin(told);
    }
    if (response.status !== 200) told.ending = /"message":"[^"]/.test(all) ? 'refused' : 'cut';
    else if (!isStream) told.ending = JSON.parse(all) === null ? 'cut' : 'whole';
    else if (TELLS[dialect].test(all)) told.ending = 'told';
    else told.ending = WAYS[dialect].ends.test(all) ? 'whole' : 'cut';
  } catch (error) {
    told.tail ||= String((error as Error).cause ?? error);
  }
  told.endedAt = performance.now();
  return told;
}

const DIALECTS: readonly Dialect[] = ['chat', 'messages', 'responses'];

export interface Traffic {
  /** A client is in the middle of an answer of that worker; of any for `''`. */
  isStreaming(worker: string): boolean;
  /** Everything that clients were told. */
  stop(): Promise<Told[]>;
}

/** Clients that ask one thing after another until `stop`. */
export function startTraffic(
  url: string,
  wish: { clients: number; model: string; tokens: number; random: () => number },
): Traffic {
  const { random } = wish;
  const told: Told[] = [];
  const streaming = new Map<number, Told>();
  let isOver = false;
  const client = async (id: number): Promise<void> => {
    for (let turn = 0; !isOver; turn += 1) {
      const ask: Ask = {
        dialect: DIALECTS[Math.floor(random() * DIALECTS.length)]!,
        // Most are streams: they are what can be interrupted in view of the client.
        isStream: random() < 0.75,
        text: `Client ${id} asks for the ${turn}th time. ${'Tell me more about it. '.repeat(1 + Math.floor(random() * 30))}`,
        tokens: 1 + Math.floor(random() * wish.tokens),
        model: wish.model,
      };
      const one = await tell(url, ask, (begun) => streaming.set(id, begun));
      streaming.delete(id);
      told.push(one);
      // Nobody listens there now: a client would wait as well.
      if (one.ending === 'cut') await sleep(50);
    }
  };
  const clients = Array.from({ length: wish.clients }, (_, id) => client(id));
  return {
    isStreaming: (worker) => [...streaming.values()].some((one) => worker === '' || one.worker === worker),
    async stop() {
      isOver = true;
      await Promise.all(clients);
      return told;
    },
  };
}
