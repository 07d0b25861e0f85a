/**
 * Goal: over every template, regions tile the prompt and each message's content lies in a region of its kind.
 * Method: agent conversations whose every text is unlike all others, so that it can be found again; the families of
 * `support/templates.ts`, and the templates of models where `DYNAMO_TEST_TEMPLATES` names a folder with them.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { renderChat } from '../../src/model/chat-template.js';
import type { LocalModel } from '../../src/model/local-model.js';
import { quickLook } from '../../src/prompt/quick-look.js';
import { SegmentCache } from '../../src/prompt/segment-cache.js';
import { localPrompt } from '../../src/prompt/sources.js';
import { markedLook, spansOf, type TextSpan } from '../../src/prompt/text-spans.js';
import type { Region, RegionKind } from '../../src/prompt/types.js';
import { engineChat } from '../../src/request/engine-body.js';
import type { Block, CommonRequest, Message } from '../../src/request/types.js';
import { chat, familyModel, LOOK, say, turn } from './support/requests.js';
import { FAMILIES, type Family, specialsOf } from './support/templates.js';

const RUNS = Number(process.env['DYNAMO_FUZZ'] ?? 60);

const REAL: Record<string, Family> = Object.fromEntries(
  [path.resolve(import.meta.dirname, '../fixtures/templates'), process.env['DYNAMO_TEST_TEMPLATES'] ?? '']
    .filter((dir) => dir !== '' && existsSync(dir))
    .flatMap((dir) =>
      readdirSync(dir)
        .filter((file) => file.endsWith('.jinja'))
        .map((file): [string, Family] => {
          const source = readFileSync(path.join(dir, file), 'utf8');
          return [file, { source, specials: specialsOf(source) }];
        }),
    ),
);
/** `nosy` notices marks on purpose. */
const ALL = Object.entries({ ...FAMILIES, ...REAL }).filter(([name]) => name !== 'nosy');

/** A text that must be found, in a region of this kind. */
interface Placed {
  kind: RegionKind;
  message: number;
  text: string;
}

let count = 0;
const mark = (): string => `w${(count++).toString(36)}q`;
const BODIES = [
  '',
  ' naïve 汉字 😀',
  '\nsecond line\n  indented',
  ' <b>&"x"</b> {{ y }}',
  ' # heading',
  ' {"a": [1]}',
];
const anyText = fc.constantFrom(...BODIES).map((body) => () => `${mark()}${body} ${mark()}`);

interface Step {
  thinking: (() => string) | null;
  text: () => string;
  results: (() => string)[];
}
const anyStep: fc.Arbitrary<Step> = fc.record({
  thinking: fc.option(anyText),
  text: anyText,
  results: fc.array(anyText, { minLength: 1, maxLength: 2 }),
});
const anyChat = fc.record({
  system: fc.option(anyText),
  turns: fc.array(
    fc.record({
      ask: anyText,
      steps: fc.array(anyStep, { maxLength: 2 }),
      answer: anyText,
      old: fc.option(anyText),
    }),
    { minLength: 1, maxLength: 3 },
  ),
  hasTools: fc.boolean(),
  endsInTurn: fc.boolean(),
});
type AnyChat = typeof anyChat extends fc.Arbitrary<infer T> ? T : never;

/** The request, and where each of its texts belongs. */
function written({ system, turns, hasTools, endsInTurn }: AnyChat): {
  request: CommonRequest;
  placed: Placed[];
} {
  const messages: Message[] = [];
  const placed: Placed[] = [];
  const put = (role: Message['role'], ...parts: [RegionKind, Block, string][]): void => {
    for (const [kind, , text] of parts) placed.push({ kind, message: messages.length, text });
    messages.push(turn(role, ...parts.map(([, block]) => block)));
  };
  const text = (value: string): [RegionKind, Block, string] => [
    'conversation',
    { type: 'text', text: value },
    value,
  ];
  const thought = (value: string): [RegionKind, Block, string] => [
    'reasoning',
    { type: 'thinking', text: value },
    value,
  ];
  if (system !== null) {
    const words = system();
    placed.push({ kind: 'system', message: 0, text: words });
    messages.push(say('system', words));
  }
  for (const [index, { ask, steps, answer, old }] of turns.entries()) {
    put('user', text(ask()));
    for (const step of steps) {
      const ids = step.results.map(() => `call${mark().padStart(5, '0').slice(0, 5)}`);
      put(
        'assistant',
        ...(step.thinking === null ? [] : [thought(step.thinking())]),
        text(step.text()),
        ...ids.map((id): [RegionKind, Block, string] => {
          const word = mark();
          return [
            'conversation',
            { type: 'tool_use', id, name: 'look', arguments: `{"word": "${word}"}` },
            word,
          ];
        }),
      );
      put(
        'user',
        ...step.results.map((result, at): [RegionKind, Block, string] => {
          const value = result();
          const content = [{ type: 'text' as const, text: value }];
          return [
            'tool_result',
            { type: 'tool_result', toolUseId: ids[at]!, content, isError: false },
            value,
          ];
        }),
      );
    }
    const isLast = index === turns.length - 1;
    if (isLast && (endsInTurn || steps.length === 0)) break;
    put('assistant', ...(old === null ? [] : [thought(old())]), text(answer()));
    if (isLast) put('user', text(mark()));
  }
  return { request: chat(messages, hasTools ? [LOOK] : []), placed };
}

function expectTiles(regions: readonly Region[], tokens: number): void {
  let at = 0;
  for (const region of regions) {
    expect([region.start, region.end > region.start]).toEqual([at, true]);
    at = region.end;
  }
  expect(at).toBe(tokens);
}

/** Regions as text; null when the template refuses the conversation. */
function shown(model: LocalModel, request: CommonRequest): { region: Region; text: string }[] | null {
  let prompt: ReturnType<typeof localPrompt>;
  try {
    prompt = localPrompt(request, model, new SegmentCache(model.tokenizer, 1e6));
  } catch (error) {
    expect((error as { code?: string }).code).toBe('invalid_request');
    return null;
  }
  const regions = prompt.regions();
  expectTiles(regions, prompt.tokens.length);
  return regions.map((region) => ({
    region,
    text: model.tokenizer.decode(prompt.tokens.subarray(region.start, region.end)),
  }));
}

/** Every text that is in the prompt at all is in a region of its kind; null = the template refused. */
function misplaced(model: LocalModel, { request, placed }: ReturnType<typeof written>): string[] | null {
  const parts = shown(model, request);
  if (parts === null) return null;
  const whole = parts.map(({ text }) => text).join('');
  const faults = placed.flatMap(({ kind, message, text }) => {
    const [first, last] = [text.split(/\s/)[0]!, text.split(/\s/).at(-1)!];
    return [first, last].flatMap((word) => {
      if (!whole.includes(word)) return [];
      const at = parts.find((part) => part.text.includes(word));
      const found = at === undefined ? 'across two regions' : `${at.region.kind} ${at.region.message}`;
      return found === `${kind} ${message}`
        ? []
        : [`${kind} ${message} ${JSON.stringify(text)} is in ${found}`];
    });
  });
  if (request.tools.length > 0) {
    const tools = parts
      .filter(({ region }) => region.kind === 'tools')
      .map(({ text }) => text)
      .join('');
    if (whole.includes('Looks.') && !tools.includes('Looks.')) faults.push('tools are elsewhere');
  }
  return faults;
}

/** Both ways of looking at one request; null when the template refuses it. */
function looks(
  model: LocalModel,
  request: CommonRequest,
): { quick: TextSpan[] | null; marked: TextSpan[] | null } | null {
  const chat = engineChat(request);
  try {
    const text = renderChat(model.template, { ...chat, addGenerationPrompt: true });
    const { runs } = new SegmentCache(model.tokenizer, 1e6).encode(text);
    const specialStarts = runs.filter(({ isSpecial }) => isSpecial).map(({ charStart }) => charStart);
    const rendered = { ...chat, template: model.template, text, specialStarts };
    const [quick, marked] = [quickLook(rendered, markedLook), markedLook(rendered)];
    return {
      quick: quick === null ? null : spansOf(quick, rendered),
      marked: marked === null ? null : spansOf(marked, rendered),
    };
  } catch {
    return null;
  }
}

/** Families whose turns the quick look must find; the others are looked at with marks. */
const QUICK = ['qwen', 'llama3', 'glm', 'minimax', 'kimi'];

describe.each(ALL)('%s', (name, family) => {
  it('is looked at quickly with the same result as with marks', async () => {
    const model = await familyModel(name.replace(/\W/g, '-'), family);
    const counts = { quick: 0, all: 0 };
    fc.assert(
      fc.property(anyChat, (any) => {
        const found = looks(model, written(any).request);
        if (found === null) return;
        counts.all += 1;
        if (found.quick === null) return;
        counts.quick += 1;
        expect(found.quick).toEqual(found.marked);
      }),
      { numRuns: RUNS },
    );
    if (process.env['DYNAMO_SHOW'] !== undefined) console.log('QUICK', name, counts.quick, counts.all);
    if (QUICK.includes(name)) expect(counts.quick).toBeGreaterThan(counts.all / 2);
  });

  it('has every text in a region of its kind', async () => {
    const model = await familyModel(name.replace(/\W/g, '-'), family);
    let accepted = 0;
    fc.assert(
      fc.property(anyChat, (any) => {
        const faults = misplaced(model, written(any));
        if (faults !== null) accepted += 1;
        expect(faults ?? []).toEqual([]);
      }),
      { numRuns: RUNS },
    );
    expect(accepted).toBeGreaterThan(RUNS / 20);
  });
});
