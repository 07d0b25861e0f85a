/**
 * A few threads for the long chats that are all new, so that the event loop goes on meanwhile. The first such chat
 * starts one; while none is ready, the queue is full or one has just crashed, the caller does the work itself.
 */
import { DynamoError } from '../errors.js';
import { LIMITS } from '../limits.js';
import type { RenderedTokens } from './local-prompts.js';
import type { StartThread, Thread } from './start-thread.js';
import { jobOf, type ThreadAnswer, type WaitingChat } from './thread-job.js';

export interface ChatThreadsOptions {
  start: StartThread;
  threadsMax: number;
  /** Told once per crash: a sentence for the user. */
  warn(sentence: string): void;
  /** Milliseconds of a clock that only goes forward. */
  now?(): number;
}

/** The thread went away with the chat; the caller does the work itself. */
export class ThreadGone extends Error {
  override readonly name = 'ThreadGone';
}

interface Waiting {
  id: number;
  chat: WaitingChat;
  resolve(rendered: RenderedTokens): void;
  reject(error: unknown): void;
}

interface Member {
  thread: Thread | null;
  isReady: boolean;
  running: Waiting | null;
}

export class ChatThreads {
  readonly #options: ChatThreadsOptions;
  readonly #members = new Set<Member>();
  readonly #queue: Waiting[] = [];
  #ids = 0;
  #crashes = 0;
  #notBefore = Number.NEGATIVE_INFINITY;
  #isClosed = false;

  constructor(options: ChatThreadsOptions) {
    this.#options = options;
  }

  /** Chats that wait for a thread. */
  get waiting(): number {
    return this.#queue.length;
  }

  /**
   * Null where the caller has to do it. Rejects with `ThreadGone` after a crash, with what the template refuses, and
   * with the signal's reason; a chat given up leaves the queue at once.
   */
  render(chat: WaitingChat, signal?: AbortSignal): Promise<RenderedTokens> | null {
    if (this.#isClosed) return null;
    const hasIdle = [...this.#members].some(({ isReady, running }) => isReady && running === null);
    if (!hasIdle) this.#startOne();
    const isServed = [...this.#members].some(({ isReady }) => isReady);
    if (!isServed || this.#queue.length >= LIMITS.threadChatsWaiting) return null;
    signal?.throwIfAborted();
    return new Promise((resolve, reject) => {
      const waiting: Waiting = { id: ++this.#ids, chat, resolve, reject };
      this.#queue.push(waiting);
      signal?.addEventListener('abort', () => this.#giveUp(waiting, signal.reason), { once: true });
      this.#next();
    });
  }

  /** Ends the threads; what they still had is the caller's. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const members = [...this.#members];
    this.#members.clear();
    for (const { reject } of this.#queue.splice(0)) reject(new ThreadGone('closed'));
    await Promise.all(
      members.map(async ({ thread, running }) => {
        running?.reject(new ThreadGone('closed'));
        await thread?.stop();
      }),
    );
  }

  #startOne(): void {
    const { now = () => performance.now(), threadsMax, start } = this.#options;
    if (this.#members.size >= threadsMax || now() < this.#notBefore) return;
    // Loading a vocabulary takes a core: one at a time.
    if ([...this.#members].some(({ isReady }) => !isReady)) return;
    const member: Member = { thread: null, isReady: false, running: null };
    this.#members.add(member);
    try {
      member.thread = start({
        answered: (answer) => this.#answered(member, answer),
        ended: (reason) => this.#ended(member, reason),
      });
    } catch (error) {
      this.#ended(member, error instanceof Error ? error.message : String(error));
    }
  }

  #next(): void {
    for (const member of this.#members) {
      if (!member.isReady || member.running !== null) continue;
      const waiting = this.#queue.shift();
      if (waiting === undefined) return;
      member.running = waiting;
      member.thread?.post(jobOf(waiting.id, waiting.chat));
    }
  }

  #answered(member: Member, answer: ThreadAnswer): void {
    if (answer.kind === 'ready') {
      member.isReady = true;
      this.#next();
      return;
    }
    const { running } = member;
    if (running?.id !== answer.id) return;
    member.running = null;
    if (answer.kind === 'rendered') {
      this.#crashes = 0;
      running.resolve(answer.rendered);
    } else if (answer.kind === 'refused')
      running.reject(
        new DynamoError(answer.code, answer.fields, answer.param === null ? {} : { param: answer.param }),
      );
    else running.reject(new ThreadGone(answer.reason));
    this.#next();
  }

  #ended(member: Member, reason: string): void {
    if (!this.#members.delete(member)) return;
    const { now = () => performance.now(), warn } = this.#options;
    const waitMs = Math.min(BACKOFF_MAX_MS, BACKOFF_MS * 2 ** this.#crashes);
    this.#crashes += 1;
    this.#notBefore = now() + waitMs;
    warn(
      `A thread that tokenizes long prompts ended (${reason}); they are tokenized beside the answering, and another thread is tried after ${waitMs / 1000} s.`,
    );
    member.running?.reject(new ThreadGone(reason));
    if (![...this.#members].some(({ isReady }) => isReady))
      for (const { reject } of this.#queue.splice(0)) reject(new ThreadGone(reason));
  }

  #giveUp(waiting: Waiting, reason: unknown): void {
    const at = this.#queue.indexOf(waiting);
    if (at >= 0) this.#queue.splice(at, 1);
    // One that runs is let run: its answer goes nowhere.
    waiting.reject(reason);
  }
}

/** After the first crash, doubled with each further one until a chat succeeds. */
const BACKOFF_MS = 1_000;
const BACKOFF_MAX_MS = 60_000;
