/** Clients of every dialect that ask all the time, some of them badly behaved; what each was left with is compared. */
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Chance } from './chance.js';
import { type Answered, Clients, DIALECTS, type Question } from './clients.js';

/** A request that is not over by then hangs. */
export const HANG_MS = 90_000;

export interface LoadResult {
  whole: number;
  errors: number;
  vanished: number;
  /** What must not have happened, in words. */
  wrongs: string[];
  /** Errors by their text, for the log. */
  kinds: Record<string, number>;
}

export interface LoadOptions {
  url: string;
  model: string;
  clients: number;
  maxTokens: number;
  /** Sentences of each prompt beside its own: prompts of more than a block are cached. */
  preamble: string;
  questions: number;
  calls: boolean;
  extra?: Record<string, unknown>;
}

export class Load {
  readonly result: LoadResult = { whole: 0, errors: 0, vanished: 0, wrongs: [], kinds: {} };
  readonly questions: Question[];
  readonly #options: LoadOptions;
  readonly #chance: Chance;
  readonly #clients: Clients;
  #calm: Answered[] = [];
  #isOver = false;
  #running: Promise<void>[] = [];

  constructor(options: LoadOptions, chance: Chance) {
    this.#options = options;
    this.#chance = chance;
    this.#clients = new Clients(options.url, options.model);
    this.questions = Array.from({ length: options.questions }, (_, index) => {
      const dialect = DIALECTS[index % DIALECTS.length] as Question['dialect'];
      return {
        dialect,
        prompt: `${options.preamble}Tell me story number ${index} of the harbour.`,
        maxTokens: options.maxTokens,
        isStream: index % 3 !== 2,
        isCall: options.calls && index % 5 === 0 && dialect !== 'completions',
        ...(options.extra === undefined ? {} : { extra: options.extra }),
      };
    });
  }

  /** Asks each question in peace; all must be answered. */
  async calm(): Promise<void> {
    this.#calm = await Promise.all(this.questions.map((question) => this.#clients.ask(question)));
    const failed = this.#calm.filter(({ how }) => how === 'error');
    if (failed.length > 0) throw new Error(`not answered in peace: ${JSON.stringify(failed[0])}`);
  }

  start(): void {
    this.#running = Array.from({ length: this.#options.clients }, () => this.#client());
  }

  /** No more questions; resolves when the last is over. */
  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#running);
  }

  async #client(): Promise<void> {
    while (!this.#isOver) {
      const at = this.#chance.whole(0, this.questions.length - 1);
      const manner = this.#chance.next();
      if (manner < 0.06) await this.#cutInBody();
      else if (manner < 0.16) await this.#vanish(at, this.#chance.whole(0, 6));
      else if (manner < 0.24) await this.#readSlowly(this.#chance.whole(50, 400));
      else await this.#ask(at);
    }
  }

  async #ask(at: number): Promise<void> {
    const answer = await this.#bounded(this.#clients.ask(this.questions[at] as Question), `question ${at}`);
    const calm = this.#calm[at] as Answered;
    if (answer === undefined) return;
    if (answer.how === 'whole') {
      this.result.whole += 1;
      if (answer.text !== calm.text) this.#wrong(`question ${at}: ${quoted(answer)} is not ${quoted(calm)}`);
      if (answer.outputTokens !== calm.outputTokens)
        this.#wrong(`question ${at}: ${answer.outputTokens} tokens are counted, not ${calm.outputTokens}`);
      return;
    }
    this.result.errors += 1;
    const kind = answer.error.replaceAll(/\bw\d+\b/g, 'wN').slice(0, 120);
    this.result.kinds[kind] = (this.result.kinds[kind] ?? 0) + 1;
    if (/no end|terminated|socket|ECONN|fetch failed|Connection error/i.test(answer.error))
      this.#wrong(`question ${at} ended without an error of ours: ${answer.error}`);
    // Of a call the pieces are JSON as it was written.
    if (this.questions[at]?.isCall !== true && !calm.text.startsWith(answer.text))
      this.#wrong(
        `question ${at} broke off after ${quoted(answer)}, which ${quoted(calm)} does not begin with`,
      );
  }

  /** Leaves after so many pieces of a stream. */
  async #vanish(at: number, pieces: number): Promise<void> {
    const gone = new AbortController();
    let seen = 0;
    const onText = () => {
      seen += 1;
      if (seen > pieces) gone.abort();
    };
    if (pieces === 0) setTimeout(() => gone.abort(), 20);
    const question = { ...(this.questions[at] as Question), isStream: true };
    const asked = this.#clients.ask(question, { signal: gone.signal, onText });
    // Of a client that has left nothing is to be expected, and Node's own does not always come back.
    const left = new Promise((resolve) =>
      gone.signal.addEventListener('abort', () => setTimeout(resolve, 50)),
    );
    await this.#bounded(Promise.race([asked, left]), 'a vanishing client');
    this.result.vanished += 1;
  }

  /** Closes its connection in the middle of the body. */
  async #cutInBody(): Promise<void> {
    const { hostname, port } = new URL(this.#options.url);
    await new Promise<void>((resolve) => {
      const socket = net.connect(Number(port), hostname, () => {
        socket.write(
          'POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 500\r\n\r\n{"model":"',
        );
        setTimeout(() => socket.destroy(), 15);
      });
      socket.on('error', () => {});
      socket.once('close', () => resolve());
    });
    this.result.vanished += 1;
  }

  /** Takes its answer a little at a time; it must get all of it. */
  async #readSlowly(pauseMs: number): Promise<void> {
    const { url, model, maxTokens, extra } = this.#options;
    const messages = [{ role: 'user', content: 'Take your time with the harbour.' }];
    const body = JSON.stringify({ model, messages, max_tokens: maxTokens, stream: true, ...extra });
    const read = async (): Promise<string> => {
      const response = await fetch(`${url}/v1/chat/completions`, { method: 'POST', body });
      let text = '';
      const decoder = new TextDecoder();
      for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
        text += decoder.decode(chunk, { stream: true });
        if (!this.#isOver) await sleep(pauseMs);
      }
      return text;
    };
    const text = await this.#bounded(
      read().catch((error: Error) => `broken: ${error.message}`),
      'a slow client',
    );
    if (text !== undefined && !/data: \[DONE\]\s*$|"error"/.test(text))
      this.#wrong(`a slow client was left with ${JSON.stringify(text.slice(-200))}`);
  }

  async #bounded<T>(answer: Promise<T>, what: string): Promise<T | undefined> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => {
        this.#wrong(`${what} hangs`);
        resolve(undefined);
      }, HANG_MS);
    });
    const first = await Promise.race([answer, late]);
    clearTimeout(timer);
    return first;
  }

  #wrong(text: string): void {
    if (this.result.wrongs.length < 20) this.result.wrongs.push(text);
  }
}

const quoted = ({ text }: Answered): string => JSON.stringify(text.slice(0, 200));
