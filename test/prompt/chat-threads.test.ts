/** The pool by itself: its threads are ours to play. */
import { describe, expect, it } from 'vitest';
import { DynamoError } from '../../src/errors.js';
import { LIMITS } from '../../src/limits.js';
import { ChatThreads, ThreadGone } from '../../src/prompt/chat-threads.js';
import type { RenderedTokens } from '../../src/prompt/local-prompts.js';
import type { ThreadEvents } from '../../src/prompt/start-thread.js';
import type { ChatJob, WaitingChat } from '../../src/prompt/thread-job.js';

interface Played extends ThreadEvents {
  jobs: ChatJob[];
  isStopped: boolean;
}

function pool(threadsMax = 1) {
  const threads: Played[] = [];
  const warnings: string[] = [];
  const clock = { now: 0 };
  const chats = new ChatThreads({
    threadsMax,
    warn: (sentence) => warnings.push(sentence),
    now: () => clock.now,
    start: (events) => {
      const played: Played = { ...events, jobs: [], isStopped: false };
      threads.push(played);
      return {
        post: (job) => played.jobs.push(job),
        stop: async () => {
          played.isStopped = true;
        },
      };
    },
  });
  return { chats, threads, warnings, clock };
}

const chat = (text: string): WaitingChat => ({
  tools: [],
  kwargs: {},
  messages: Buffer.from(JSON.stringify({ role: 'user', content: text })),
});
const rendered: RenderedTokens = {
  tokens: Uint32Array.of(1, 2),
  stableTokens: 0,
  carry: '',
  canGrow: false,
  marks: { hasParts: false, hasReasoning: false },
  steps: 0,
};
const textOf = ({ messages }: ChatJob): string => JSON.parse(Buffer.from(messages).toString())[0].content;
const settled = (work: Promise<unknown> | null): Promise<unknown> =>
  (work ?? Promise.reject(new Error('not taken'))).catch((error: unknown) => error);

/** A pool whose first thread is ready. */
function readyPool(threadsMax = 1) {
  const made = pool(threadsMax);
  expect(made.chats.render(chat('first'))).toBeNull();
  const [thread] = made.threads as [Played];
  thread.answered({ kind: 'ready' });
  return { ...made, thread };
}

describe('threads for long chats', () => {
  it('starts none before the first chat, which the caller does itself', () => {
    const { chats, threads } = pool();
    expect(threads).toHaveLength(0);
    expect(chats.render(chat('first'))).toBeNull();
    expect(chats.render(chat('still loading'))).toBeNull();
    expect(threads).toHaveLength(1);
  });

  it('gives a thread one chat at a time, in their order', async () => {
    const { chats, thread } = readyPool();
    const works = ['a', 'b', 'c'].map((text) => chats.render(chat(text)));
    expect(thread.jobs.map(textOf)).toEqual(['a']);
    expect(chats.waiting).toBe(2);
    for (let at = 0; at < 3; at++) thread.answered({ kind: 'rendered', id: thread.jobs[at]!.id, rendered });
    expect(await Promise.all(works)).toEqual([rendered, rendered, rendered]);
    expect(thread.jobs.map(textOf)).toEqual(['a', 'b', 'c']);
  });

  it('starts a second one when the first is busy, and no third', () => {
    const { chats, thread, threads } = readyPool(2);
    void chats.render(chat('a'));
    void chats.render(chat('b'));
    expect(threads).toHaveLength(2);
    threads[1]?.answered({ kind: 'ready' });
    expect(threads[1]?.jobs.map(textOf)).toEqual(['b']);
    void chats.render(chat('c'));
    expect(threads).toHaveLength(2);
    expect(thread.jobs.map(textOf)).toEqual(['a']);
  });

  it('leaves to the caller what does not fit the queue', () => {
    const { chats } = readyPool();
    for (let at = 0; at <= LIMITS.threadChatsWaiting; at++) expect(chats.render(chat('x'))).not.toBeNull();
    expect(chats.waiting).toBe(LIMITS.threadChatsWaiting);
    expect(chats.render(chat('one more'))).toBeNull();
  });

  it('frees the place of a client that leaves, and drops the answer of one that runs', async () => {
    const { chats, thread } = readyPool();
    const [running, queued] = [new AbortController(), new AbortController()];
    const works = [
      chats.render(chat('a'), running.signal),
      chats.render(chat('b'), queued.signal),
      chats.render(chat('c')),
    ];
    queued.abort(new Error('left'));
    running.abort(new Error('left too'));
    expect(chats.waiting).toBe(1);
    expect(await settled(works[0] ?? null)).toEqual(new Error('left too'));
    expect(await settled(works[1] ?? null)).toEqual(new Error('left'));
    thread.answered({ kind: 'rendered', id: thread.jobs[0]!.id, rendered });
    expect(thread.jobs.map(textOf)).toEqual(['a', 'c']);
    const gone = AbortSignal.abort(new Error('long gone'));
    expect(() => chats.render(chat('d'), gone)).toThrow('long gone');
  });

  it('says what the template refuses as it would be said here', async () => {
    const { chats, thread } = readyPool();
    const work = settled(chats.render(chat('a')));
    const [job] = thread.jobs as [ChatJob];
    thread.answered({
      kind: 'refused',
      id: job.id,
      code: 'invalid_request',
      fields: { detail: 'No.' },
      param: 'messages',
    });
    const error = (await work) as DynamoError;
    expect(error).toEqual(new DynamoError('invalid_request', { detail: 'No.' }, { param: 'messages' }));
  });

  it('hands back the chats of a thread that crashed, says so, and tries again after longer and longer pauses', async () => {
    const { chats, threads, thread, warnings, clock } = readyPool();
    const works = [chats.render(chat('a')), chats.render(chat('b'))].map(settled);
    thread.ended('out of memory');
    for (const error of await Promise.all(works)) expect(error).toBeInstanceOf(ThreadGone);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain('out of memory');
    for (const pauseMs of [1_000, 2_000, 4_000]) {
      const before = threads.length;
      clock.now += pauseMs - 1;
      expect(chats.render(chat('c'))).toBeNull();
      expect(threads).toHaveLength(before);
      clock.now += 1;
      expect(chats.render(chat('d'))).toBeNull();
      expect(threads).toHaveLength(before + 1);
      threads.at(-1)?.ended('again');
    }
    clock.now += 60_000;
    expect(chats.render(chat('e'))).toBeNull();
    threads.at(-1)?.answered({ kind: 'ready' });
    const work = chats.render(chat('f'));
    threads.at(-1)?.answered({ kind: 'rendered', id: threads.at(-1)!.jobs[0]!.id, rendered });
    expect(await work).toBe(rendered);
    threads.at(-1)?.ended('once more');
    clock.now += 1_000;
    const before = threads.length;
    chats.render(chat('g'));
    expect(threads).toHaveLength(before + 1);
  });

  it('stops its threads when closed, hands back the chats and takes no more', async () => {
    const { chats, thread, warnings } = readyPool();
    const works = [chats.render(chat('a')), chats.render(chat('b'))].map(settled);
    await chats.close();
    thread.ended('terminated');
    for (const error of await Promise.all(works)) expect(error).toBeInstanceOf(ThreadGone);
    expect(thread.isStopped).toBe(true);
    expect(warnings).toEqual([]);
    expect(chats.render(chat('c'))).toBeNull();
  });
});
