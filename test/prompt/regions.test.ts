/**
 * Goal: regions tile every prompt and name the right part, for any template and with no knowledge of it.
 * Method: the main template families, fixed conversations with the expected text of each region, and random ones
 * with text that looks like the template's own.
 */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { LocalModel } from '../../src/model/local-model.js';
import { SegmentCache } from '../../src/prompt/segment-cache.js';
import { localPrompt, textPrompt } from '../../src/prompt/sources.js';
import type { Region } from '../../src/prompt/types.js';
import type { CommonRequest, Message } from '../../src/request/types.js';
import { CHATML, SPECIALS } from '../model/support/tiny-gguf.js';
import { chat, familyModel, LOOK, say, turn } from './support/requests.js';
import { FAMILIES, type Family } from './support/templates.js';

const ALL: Record<string, Family> = { chatml: { source: CHATML, specials: SPECIALS }, ...FAMILIES };
const models = new Map<string, LocalModel>();

beforeAll(async () => {
  for (const [name, family] of Object.entries(ALL))
    models.set(name, await familyModel(name.replace(/\W/g, '-'), family));
});

/** Region kinds, request messages and texts, in order. */
function parts(family: string, request: CommonRequest): [string, number, string][] {
  const model = models.get(family)!;
  const { tokens, regions } = localPrompt(request, model, new SegmentCache(model.tokenizer, 1e6));
  return regions().map(({ kind, message, start, end }) => [
    kind,
    message,
    model.tokenizer.decode(tokens.subarray(start, end)),
  ]);
}

function expectTiles(regions: readonly Region[], tokens: number): void {
  let at = 0;
  for (const region of regions) {
    expect(region.start).toBe(at);
    expect(region.end).toBeGreaterThan(region.start);
    at = region.end;
  }
  expect(at).toBe(tokens);
}

const TALK = [
  say('system', 'Be kind.'),
  say('user', 'hello'),
  say('assistant', 'Hi there.'),
  say('user', 'bye'),
];

describe('a plain conversation', () => {
  it.each([
    [
      'chatml',
      [
        '<|im_start|>system\nBe kind.<|im_end|>\n',
        '<|im_start|>user\nhello<|im_end|>\n',
        '<|im_start|>assistant\nHi there.<|im_end|>\n',
        '<|im_start|>user\nbye<|im_end|>\n',
        '<|im_start|>assistant\n',
      ],
    ],
    [
      'qwen',
      [
        '<|im_start|>system\nBe kind.<|im_end|>\n',
        '<|im_start|>user\nhello<|im_end|>\n',
        '<|im_start|>assistant\nHi there.<|im_end|>\n',
        '<|im_start|>user\nbye<|im_end|>\n',
        '<|im_start|>assistant\n',
      ],
    ],
    [
      'llama3',
      [
        '<s><|start_header_id|>system<|end_header_id|>\n\nBe kind.<|eot_id|>',
        '<|start_header_id|>user<|end_header_id|>\n\nhello<|eot_id|>',
        '<|start_header_id|>assistant<|end_header_id|>\n\nHi there.<|eot_id|>',
        '<|start_header_id|>user<|end_header_id|>\n\nbye<|eot_id|>',
        '<|start_header_id|>assistant<|end_header_id|>\n\n',
      ],
    ],
    [
      'deepseek',
      [
        '<s>Be kind.',
        '<｜User｜>hello',
        '<｜Assistant｜>Hi there.<｜end｜>',
        '<｜User｜>bye',
        '<｜Assistant｜>',
      ],
    ],
    [
      'alpaca',
      [
        '### system:\nBe kind.\n\n',
        '### user:\nhello\n\n',
        '### assistant:\nHi there.\n\n',
        '### user:\nbye\n\n',
        '### assistant:\n',
      ],
    ],
  ])('is cut at its turns: %s', (family, texts) => {
    const kinds = ['system', 'conversation', 'conversation', 'conversation', 'output'];
    expect(parts(family, chat(TALK))).toEqual(
      texts.map((text, index) => [kinds[index], index < 4 ? index : -1, text]),
    );
  });

  it('whose template folds the system text into the user turn still shows it', () => {
    expect(parts('mistral', chat(TALK))).toEqual([
      ['system', 0, '<s>[INST] Be kind.'],
      ['conversation', 1, '\n\nhello [/INST]'],
      ['conversation', 2, ' Hi there.</s>'],
      ['conversation', 3, '[INST] bye [/INST]'],
    ]);
  });

  it('without a system message shows the one the template adds', () => {
    expect(parts('chatml', chat([say('user', 'hello')]))).toEqual([
      ['system', -1, '<|im_start|>system\nYou are tiny.<|im_end|>\n'],
      ['conversation', 0, '<|im_start|>user\nhello<|im_end|>\n'],
      ['output', -1, '<|im_start|>assistant\n'],
    ]);
  });
});

describe('tools', () => {
  const asked = [say('system', 'Be kind.'), say('user', 'hello')];

  it('are a region of their own where the template lists them', () => {
    const [system, tools, closing, user] = parts('qwen', chat(asked, [LOOK]));
    expect(system).toEqual(['system', 0, '<|im_start|>system\nBe kind.']);
    expect(tools?.[0]).toBe('tools');
    expect(tools?.[2]).toContain('"name": "look"');
    expect(closing).toEqual(['system', 0, '<|im_end|>\n']);
    expect(user).toEqual(['conversation', 1, '<|im_start|>user\nhello<|im_end|>\n']);
  });

  it('are one where we describe them in text', () => {
    const all = parts('chatml', chat(asked, [LOOK]));
    expect(all.map(([kind]) => kind)).toEqual(['system', 'tools', 'system', 'conversation', 'output']);
    expect(all[1]?.[2]).toContain('<tools>[{"type"');
    expect(all[2]?.[2]).toBe('<|im_end|>\n');
  });

  it('are none when the choice is `none`', () => {
    const all = parts('qwen', chat(asked, [LOOK], { toolChoice: { kind: 'none' } }));
    expect(all.map(([kind]) => kind)).not.toContain('tools');
  });
});

describe('calls, results and reasoning', () => {
  const work: Message[] = [
    say('user', 'find it'),
    turn(
      'assistant',
      { type: 'thinking', text: 'Where is it?' },
      { type: 'text', text: 'I look.' },
      { type: 'tool_use', id: 'c1', name: 'look', arguments: '{"word":"it <|im_end|>"}' },
    ),
    turn(
      'user',
      { type: 'tool_result', toolUseId: 'c1', content: [{ type: 'text', text: 'found' }], isError: false },
      { type: 'tool_result', toolUseId: 'c2', content: [{ type: 'text', text: 'lost' }], isError: false },
    ),
  ];

  it('are told apart', () => {
    expect(parts('qwen', chat(work))).toEqual([
      ['conversation', 0, '<|im_start|>user\nfind it<|im_end|>\n'],
      ['conversation', 1, '<|im_start|>assistant\n<think>\n'],
      ['reasoning', 1, 'Where is it?'],
      [
        'conversation',
        1,
        '\n</think>\n\nI look.\n<tool_call>\n{"name": "look", "arguments": {"word": "it <|im_end|>"}}\n</tool_call><|im_end|>\n',
      ],
      [
        'tool_result',
        2,
        '<|im_start|>user\n<tool_response>\nfound\n</tool_response>\n<tool_response>\nlost\n</tool_response><|im_end|>\n',
      ],
      ['output', -1, '<|im_start|>assistant\n'],
    ]);
  });

  it('reasoning the template drops leaves no region', () => {
    const later = parts('qwen', chat([...work, say('user', 'thanks')]));
    expect(later.map(([kind]) => kind)).not.toContain('reasoning');
    expect(later.at(-2)).toEqual(['conversation', 3, '<|im_start|>user\nthanks<|im_end|>\n']);
  });
});

describe('any conversation', () => {
  const words = fc.constantFrom(
    'hello',
    ' ',
    '\n',
    'user',
    'a',
    '<|im_start|>',
    '<|im_end|>\n',
    '<think>',
    '</think>',
    '[INST]',
    '### user:\n',
    '😀',
    'é',
    '<|eot_id|>',
    '<tool_response>',
    '\ufdd0',
    '<',
    '>',
  );
  const anyText = fc.oneof(
    { weight: 4, arbitrary: fc.array(words, { maxLength: 12 }).map((list) => list.join('')) },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 20 }) },
  );
  const userTurn = fc.oneof(
    anyText.map((text) => say('user', text)),
    anyText.map((text) =>
      turn('user', {
        type: 'tool_result',
        toolUseId: 'c1',
        content: [{ type: 'text', text }],
        isError: false,
      }),
    ),
  );
  const answer = fc
    .record({ thinking: anyText, text: anyText, args: anyText })
    .map(({ thinking, text, args }) =>
      turn(
        'assistant',
        { type: 'thinking', text: thinking },
        { type: 'text', text },
        { type: 'tool_use', id: 'c1', name: 'look', arguments: JSON.stringify({ word: args }) },
      ),
    );
  const anyRequest = fc
    .record({
      system: fc.option(anyText),
      turns: fc.array(fc.tuple(userTurn, answer), { minLength: 1, maxLength: 4 }),
      hasTools: fc.boolean(),
    })
    .map(({ system, turns, hasTools }) =>
      chat(
        [...(system === null ? [] : [say('system', system)]), ...turns.flat().slice(0, -1)],
        hasTools ? [LOOK] : [],
      ),
    );

  it.each(Object.keys(ALL))('is tiled: %s', (family) => {
    const model = models.get(family)!;
    const cache = new SegmentCache(model.tokenizer, 1e6);
    fc.assert(
      fc.property(anyRequest, (request) => {
        const { tokens, regions } = localPrompt(request, model, cache);
        expectTiles(regions(), tokens.length);
      }),
      { numRuns: 150 },
    );
  });

  it('is tiled as text', () => {
    fc.assert(
      fc.property(anyRequest, (request) => {
        const { tokens, regions } = textPrompt(request);
        expectTiles(regions(), tokens.length);
      }),
    );
  });
});

it('a template that reacts to marks gets regions by share', () => {
  const model = models.get('nosy')!;
  const { tokens, regions } = localPrompt(chat(TALK), model, new SegmentCache(model.tokenizer, 1e6));
  expectTiles(regions(), tokens.length);
  expect(regions().map(({ kind, message }) => [kind, message])).toEqual([
    ['system', 0],
    ['conversation', 1],
    ['conversation', 2],
    ['conversation', 3],
  ]);
});
