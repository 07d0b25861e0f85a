/** A long chat that a thread prepared is what preparing it here gives. */
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { build } from '../../bin/setup.js';
import { type LocalModel, loadLocalModel } from '../../src/model/local-model.js';
import { LocalPrompts } from '../../src/prompt/local-prompts.js';
import { SegmentCache } from '../../src/prompt/segment-cache.js';
import { createPromptService, type SwitchablePromptService } from '../../src/prompt/service.js';
import { type StartThread, threadStarter } from '../../src/prompt/start-thread.js';
import { answerTo } from '../../src/prompt/thread-job.js';
import type { PreparedPrompt } from '../../src/prompt/types.js';
import type { Block, Message } from '../../src/request/types.js';
import { ggufBytes, text as ggufText, tinyModel, writeGguf } from '../model/support/tiny-gguf.js';
import { chat, LOOK, say, turn } from './support/requests.js';
import { FAMILIES } from './support/templates.js';

const paths: Record<string, string> = {};
const models: Record<string, LocalModel> = {};
beforeAll(async () => {
  build();
  for (const [name, { source, specials }] of Object.entries(FAMILIES)) {
    const bytes = ggufBytes(tinyModel({ 'tokenizer.chat_template': ggufText(source) }, specials));
    paths[name] = writeGguf(bytes, `threaded-${name}.gguf`);
    models[name] = await loadLocalModel(paths[name] as string);
  }
});

const warnings: string[] = [];
function service(local: LocalModel, startThread?: StartThread, isExact = false): SwitchablePromptService {
  const threads = startThread === undefined ? {} : { startThread };
  return createPromptService({ local, blockTokens: 4, isExact, warn: (it) => warnings.push(it), ...threads });
}

/** Ready at once, in this thread: what is handed over is cloned all the same. */
function inProcess(model: LocalModel, seen: { jobs: number }): StartThread {
  return ({ answered }) => {
    const prompts = new LocalPrompts(model, new SegmentCache(model.tokenizer, 0));
    answered({ kind: 'ready' });
    return {
      post: (job) => {
        seen.jobs += 1;
        const handedOver = structuredClone(job, { transfer: [job.messages.buffer as ArrayBuffer] });
        queueMicrotask(() => answered(structuredClone(answerTo(prompts, handedOver))));
      },
      stop: async () => {},
    };
  };
}

const word = fc.constantFrom(
  'the',
  ' user ',
  'größe',
  '\n\n',
  '<|im_end|>',
  '<think>',
  '</think>',
  '汉',
  '😀',
  '\ud800',
  '',
);
const words = fc.array(word, { minLength: 1, maxLength: 6 }).map((parts) => parts.join(' '));
/** What makes a chat long enough for a thread; in one message or in many. */
const filler = fc
  .record({ size: fc.integer({ min: 2, max: 4 }), messages: fc.integer({ min: 1, max: 24 }), text: words })
  .map(({ size, messages, text }) => {
    const piece = `${text} path value\n`.repeat(Math.ceil((size * 40_000) / messages / (text.length + 12)));
    return Array.from({ length: messages }, (_, at) => [
      say('user', `${at} ${piece}`),
      turn('assistant', { type: 'text', text: `So ${at}.` }),
    ]).flat();
  });
const calls = fc
  .record({ text: words, result: words, thinking: fc.option(words) })
  .map(({ text, result, thinking }) => {
    const thought: Block[] = thinking === null ? [] : [{ type: 'thinking', text: thinking }];
    const use: Block = {
      type: 'tool_use',
      id: 'call00001',
      name: 'look',
      arguments: JSON.stringify({ word: text }),
    };
    const found: Block = {
      type: 'tool_result',
      toolUseId: 'call00001',
      content: [{ type: 'text', text: result }],
      isError: false,
    };
    return [turn('assistant', ...thought, use), turn('user', found)];
  });
const conversation = fc
  .record({ system: fc.option(words), filler, asked: words, calls: fc.array(calls, { maxLength: 3 }) })
  .map(({ system, filler, asked, calls }): Message[] => [
    ...(system === null ? [] : [say('system', system)]),
    ...filler,
    say('user', asked),
    ...calls.flat(),
  ]);

const shown = ({ tokens, localHashes, source, regions }: PreparedPrompt) => ({
  tokens: [...tokens],
  localHashes: [...localHashes],
  source,
  regions,
});
const outcome = (service: SwitchablePromptService, messages: Message[]): Promise<unknown> =>
  service.prepare(chat(messages, [LOOK])).then(shown, (error: Error) => error.message);

describe('a long chat prepared by a thread', () => {
  it.each(
    Object.keys(FAMILIES),
  )('is what preparing it here gives, and goes on as it does: %s', async (name) => {
    const model = models[name]!;
    const seen = { jobs: 0 };
    await fc.assert(
      fc.asyncProperty(conversation, words, async (messages, more) => {
        const [threaded, inline] = [service(model, inProcess(model, seen)), service(model)];
        const later = [...messages, turn('assistant', { type: 'text', text: 'Done.' }), say('user', more)];
        for (const turns of [messages, later])
          expect(await outcome(threaded, turns)).toEqual(await outcome(inline, turns));
      }),
      { numRuns: 4 },
    );
    expect(seen.jobs).toBeGreaterThan(0);
  });

  it('is what an engine that computes on our tokens gets', async () => {
    const [model, seen] = [models['qwen']!, { jobs: 0 }];
    const messages = [say('system', 'Be kind.'), say('user', 'the user '.repeat(20_000))];
    const threaded = await outcome(service(model, inProcess(model, seen), true), messages);
    expect(threaded).toEqual(await outcome(service(model, undefined, true), messages));
    expect(seen.jobs).toBe(1);
  });

  it('comes from a real thread of the build, which ends with the service', async () => {
    const [model, name] = [models['qwen']!, 'qwen'];
    const entry = pathToFileURL(path.resolve('dist/src/prompt/chat-thread.js'));
    const start = threadStarter({ path: paths[name] as string, isModel: true }, entry);
    const ready = withResolvers();
    const ended = withResolvers();
    const answers: string[] = [];
    const threaded = service(model, (events) =>
      start({
        answered: (answer) => {
          answers.push(answer.kind);
          events.answered(answer);
          if (answer.kind === 'ready') ready.resolve();
        },
        ended: (reason) => {
          events.ended(reason);
          ended.resolve();
        },
      }),
    );
    const long = (text: string) => [say('system', 'Be kind.'), say('user', `${text} `.repeat(20_000))];
    await threaded.prepare(chat(long('warm')));
    await ready.promise;
    for (const text of ['the user', 'größe 汉 😀', '<|im_end|> \ud800'])
      expect(await outcome(threaded, long(text))).toEqual(await outcome(service(model), long(text)));
    expect(answers).toEqual(['ready', 'rendered', 'rendered', 'rendered']);
    await threaded.close();
    await ended.promise;
    expect(warnings).toEqual([]);
  });
});

function withResolvers(): { promise: Promise<void>; resolve(): void } {
  let resolve = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
