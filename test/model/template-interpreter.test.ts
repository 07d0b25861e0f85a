/** The quick interpreter writes what the library's own one does, and refuses what that refuses. */
import { Template } from '@huggingface/jinja';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileChatTemplate } from '../../src/model/chat-template.js';
import { PYTHON_FUNCTIONS, writeLikePython } from '../../src/model/python-text.js';
import { renderTemplate } from '../../src/model/template-interpreter.js';
import { loopFields } from '../../src/model/template-loops.js';
import { toolAwareMessages } from '../../src/model/template-messages.js';
import type { EngineMessage, EngineTool } from '../../src/request/engine-body.js';
import { FAMILIES } from '../prompt/support/templates.js';

/** Both outcomes: the text, or the sentence of the refusal. */
function both(source: string, variables: Record<string, unknown>): [quick: string, library: string] {
  const template = new Template(source);
  writeLikePython(template);
  const known = { ...variables, ...PYTHON_FUNCTIONS };
  const told = (render: () => string): string => {
    try {
      return render();
    } catch (error) {
      return `refused: ${(error as Error).message}`;
    }
  };
  return [
    told(() => renderTemplate(template, loopFields(template), known)),
    told(() => template.render(known)),
  ];
}

const text = fc.constantFrom(
  'the',
  ' a\n',
  '',
  '<think>x</think>\n\ny',
  '<tool_response>r</tool_response>',
  '汉',
);
const call = fc.record({ name: text, value: fc.jsonValue({ maxDepth: 2 }) }).map(({ name, value }) => ({
  id: 'call00001',
  type: 'function' as const,
  function: { name, arguments: JSON.stringify({ value }) },
}));
const message: fc.Arbitrary<EngineMessage> = fc.oneof(
  fc.record({ role: fc.constantFrom('user' as const, 'system' as const), content: text }),
  text.map((content): EngineMessage => ({ role: 'tool', tool_call_id: 'call00001', content })),
  fc
    .record({ content: fc.option(text), thinking: fc.option(text), calls: fc.array(call, { maxLength: 2 }) })
    .map(
      ({ content, thinking, calls }): EngineMessage => ({
        role: 'assistant',
        content,
        ...(thinking === null ? {} : { reasoning_content: thinking }),
        ...(calls.length === 0 ? {} : { tool_calls: calls }),
      }),
    ),
);
const TOOL: EngineTool = {
  type: 'function',
  function: { name: 'look', parameters: { type: 'object', properties: { a: { type: 'string' } } } },
};

describe('the quick interpreter', () => {
  it.each(Object.entries(FAMILIES))('renders as the library does: %s', (_name, { source }) => {
    const chats = fc.record({
      messages: fc.array(message, { maxLength: 8 }),
      tools: fc.constantFrom(null, [TOOL]),
      add_generation_prompt: fc.boolean(),
      enable_thinking: fc.constantFrom(undefined, true, false),
    });
    fc.assert(
      fc.property(chats, ({ messages, enable_thinking: thinking, ...others }) => {
        const [quick, library] = both(source, {
          bos_token: '<s>',
          eos_token: '</s>',
          ...others,
          ...(thinking === undefined ? {} : { enable_thinking: thinking }),
          messages: toolAwareMessages(messages, false),
        });
        expect(quick).toBe(library);
      }),
      { numRuns: 60 },
    );
  });

  const items = {
    items: [{ a: 'x', b: 1 }, { a: 'y' }, { a: 'z', items: 'own' }],
    map: { k: 'v', get: 'got' },
  };
  it.each([
    '{% for i in items %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{% endfor %}',
    '{% for i in items %}{{ loop.previtem.a }}<{{ i.a }}>{{ loop.nextitem.a }}{{ loop.previtem is defined }}{% endfor %}',
    '{% for i in items %}{{ loop }}{% endfor %}',
    "{% for i in items %}{{ loop['index'] }}{% endfor %}",
    '{% for i in items if i.b %}{{ i.a }}{{ loop.length }}{% endfor %}',
    '{% for i in items[::-1] %}{{ i.a }}{{ loop.index0 }}{% endfor %}',
    '{% for i in items[1:] %}{% for j in items %}{{ loop.index }}{{ j.a }}{% endfor %}{{ loop.index }}{{ i.b }}{% endfor %}',
    '{% for i in items %}{% if loop.index0 == 1 %}{% continue %}{% endif %}{{ i.a }}{% endfor %}',
    '{% for i in items %}a{% if loop.index0 == 1 %}{% break %}{% endif %}{{ i.a }}{% endfor %}',
    '{% for i in items if i.a %}{% if loop.index0 == 1 %}{% break %}{% endif %}{{ i.a }}{% endfor %}',
    '{% for k, v in map.items() %}{{ k }}{{ v }}{{ loop.last }}{% endfor %}',
    '{% for k in map %}{{ k }}{% endfor %}',
    '{% for c in nothing %}x{% else %}none{% endfor %}',
    '{% for c in items[5:] %}x{% else %}none{% endfor %}',
    '{% for c in 5 %}x{% endfor %}',
    '{% for i in range(3) %}{{ i }}{% endfor %}',
    '{{ map.get }}{{ items[2].items }}{{ map.none.other }}',
    '{{ items[0].b }}{{ items[0].c }}{{ items }}{{ none }}{{ True }}{{ 1.0 }}{{ [1, "a"] }}',
    '{% set ns = namespace(n=0) %}{% for i in items %}{% set ns.n = ns.n + loop.index %}{% set i = 5 %}{{ i }}{% endfor %}{{ ns.n }}{{ ns }}',
    '{% macro m(x) %}{{ x }}{{ loop.index }}{% endmacro %}{% for i in items %}{{ m(i.a) }}{% endfor %}',
    "{{ raise_exception('No!') }}",
    "{{ 'a,b'.split(',')[-1].upper() }}{{ strftime_now('%Y') | length }}",
    '{% break %}',
    "{{ 'a b'.startswith('a') }}{{ 'a b'.endswith(nothing) }}",
    "{{ 'a b'.startswith(('x', 'a')) }}{{ 'x'.split('') }}",
    "{{ 'x y'.split() }}{{ 'a,b,c'.split(',', 1) }}{{ 'x'.replace('x', 'y') }}{{ ' a '.strip() | upper }}",
    "{{ ' a '.lstrip() }}|{{ ' a '.rstrip() }}|{{ ' a ' | trim }}|{{ 'Aé'.lower() }}{{ 'aé'.upper() }}{{ 'ab'.title() }}",
    "{{ none == false }}{{ nothing == none }}{{ 1 == '1' }}{{ 'a' != 'b' }}{{ true == 1 }}",
    "{{ 'k' in map }}{{ 'k' not in map }}{{ 1 in [1] }}{{ 'a' in 'cat' }}{{ 'x' not in 'cat' }}{{ 'a' in nothing }}",
    "{{ nothing + 'a' }}",
    "{{ 'a' + 1 }}{{ 1 + 'a' }}{{ 'a' ~ 1 }}",
    "{{ 'a' < 'b' }}",
    '{{ nothing.x.y }}{{ nothing[0] }}',
    "{{ 'abc'[1] }}{{ items[-1].a }}{{ items[9] }}{{ map['k'] }}{{ map['none'] }}{{ 'abc'.length }}{{ items.length }}",
    '{{ map[0] }}',
    '{{ 7 // 2 }}{{ 7 % 4 }}{{ 7 / 2 }}{{ 2 * 3 }}{{ 2 - 3 }}{{ -items[0].b }}{{ 2 < 3 }}{{ 2 >= 3 }}{{ 1.5 + 1 }}',
    '{% if [] %}x{% elif {} %}y{% elif map %}z{% endif %}{{ not nothing }}{{ not items }}{{ not [] }}',
    "{{ 'a' if nothing else 'b' }}{{ 'a' if nothing }}{{ [] or 'c' }}{{ map and 'd' }}{{ nothing or none }}",
    '{% set a, b = [1, 2] %}{{ a }}{{ b }}{% set c %}text{% endset %}{{ c }}',
    '{{ map.items() | length }}{{ items | length }}{{ "abc" | length }}{{ items | map(attribute="a") | list }}',
    '{{ items is iterable }}{{ nothing is defined }}{{ map is not mapping }}{{ 3 is odd }}{{ map.k is string }}',
    "{{ 'a' is nosuchtest }}",
    '{{ nothing() }}',
    "{% set ns = namespace(a=none) %}{{ ns.a is none }}{{ ns.b is defined }}{% set ns.a = 'x' %}{{ ns.a }}",
  ])('does what the library does with %s', (source) => {
    const [quick, library] = both(source, items);
    expect(quick).toBe(library);
  });

  it('makes only the fields of a loop that are named', () => {
    const fields = (source: string): string[] => [...loopFields(new Template(source))].sort();
    expect(
      fields('{% for i in a %}{{ loop.last }}{% if loop.index0 %}{{ i.first }}{% endif %}{% endfor %}'),
    ).toEqual(['index0', 'last']);
    expect(fields('{% for i in a %}{{ loop }}{% endfor %}')).toHaveLength(9);
    expect(fields('{% for i in a %}{{ i }}{% endfor %}')).toEqual([]);
  });

  it('renders a template again and again alike', () => {
    const template = compileChatTemplate("{% for m in messages %}{{ m.content ~ '!' }}{% endfor %}", {
      bosToken: '',
      eosToken: '',
    });
    const once = (content: string): string =>
      renderTemplate(template.program, template.loopFields, { messages: [{ content }], ...PYTHON_FUNCTIONS });
    expect([once('a'), once('b'), once('a')]).toEqual(['a!', 'b!', 'a!']);
  });
});
