/**
 * Goal: a template writes what Python's Jinja writes. The expected texts are what Jinja2 3.1.6 with Hugging Face's
 * settings gave for the same template and variables.
 */
import { describe, expect, it } from 'vitest';
import { compileChatTemplate, renderChat } from '../../src/model/chat-template.js';
import type { EngineMessage } from '../../src/request/engine-body.js';

const NONE = { bosToken: '', eosToken: '' };
const render = (source: string, messages: EngineMessage[] = [], kwargs: Record<string, unknown> = {}) =>
  renderChat(compileChatTemplate(source, NONE), { messages, tools: [], addGenerationPrompt: false, kwargs });

describe('a value written as text', () => {
  const value = { b: true, n: null, f: 0.5, s: " it's", l: [1, 'a"b', null], u: 'é\u2028\n', e: {} };

  it.each([
    ['{{ v.b }}', 'True'],
    ['{{ v.n }}', 'None'],
    ['{{ v.missing }}', ''],
    ['{{ v.n | string }}', 'None'],
    ['{{ v.l | string }}', `[1, 'a"b', None]`],
    [
      '{{ v | string }}',
      `{'b': True, 'n': None, 'f': 0.5, 's': " it's", 'l': [1, 'a"b', None], 'u': 'é\\u2028\\n', 'e': {}}`,
    ],
    ["{{ 'x' ~ v.b ~ v.n ~ 3 ~ 1.0 }}", 'xTrueNone31.0'],
    ['{% if v.b %}{{ not v.b }}{% else %}{{ 1 }}{% endif %}', 'False'],
    ['{% for x in v.l %}{{ x }},{% endfor %}', '1,a"b,None,'],
    ["{{ 'a' if v.n }}", ''],
    ['{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m(v.n) }}', '<None>'],
    ['{{ v.l | tojson }}', '[1, "a\\"b", null]'],
    ['{{ v.u | tojson }}', '"é\u2028\\n"'],
  ])('%s is %j', (source, text) => {
    expect(render(source, [], { v: value })).toBe(text);
  });
});

describe('strip', () => {
  it.each([
    ["{{ x.strip('\\n') }}", '  a \n b  '],
    ["{{ x.lstrip('\\n') }}", '  a \n b  \n'],
    ["{{ x.rstrip('\\n') }}", '\n  a \n b  '],
    ["{{ x.strip('\\n ') }}", 'a \n b'],
    ['{{ x.strip() }}', 'a \n b'],
    ["{{ x.split('a')[0].strip('\\n') }}", '  '],
  ])('%s takes off what it names', (source, text) => {
    expect(render(source, [], { x: '\n  a \n b  \n' })).toBe(text);
  });

  it('keeps the indentation of an answer that a template of Qwen, GLM or MiniMax cleans', () => {
    const source = `{% for m in messages %}[{{ m.content.split('</think>')[-1].lstrip('\\n') }}]{% endfor %}`;
    expect(render(source, [{ role: 'assistant', content: '<think>\nx</think>\n\n  indented' }])).toBe(
      '[  indented]',
    );
  });
});

it('without tools both `tools is none` and a test for their being there say so', () => {
  const source = '{% if tools is none %}none {% endif %}{% if not tools %}empty{% endif %}';
  expect(render(source)).toBe('none empty');
});

describe('what templates of agents use', () => {
  it.each([
    ['{% for i in [1,2,3] %}{% if i == 2 %}{% break %}{% endif %}{{ i }}{% endfor %}', '1'],
    ['{% for i in [1,2,3] %}{% if i == 2 %}{% continue %}{% endif %}{{ i }}{% endfor %}', '13'],
    ['{% set ns = namespace(a=1) %}{% for i in [5] %}{% set ns.a = i %}{% endfor %}{{ ns.a }}', '5'],
    ['{% for k, v in {"a": 1}.items() %}{{ k }}={{ v }}{% endfor %}', 'a=1'],
    ['{{ [1,2,3][1:] }}{{ [1,2,3][::-1] }}', '[2, 3][3, 2, 1]'],
    ['{% generation %}x{% endgeneration %}', 'x'],
    ['{%- if true %}\n  a\n  {%- endif %}\nb', '  ab'],
    ['{{ {"b": 1, "a": "é"} | tojson(ensure_ascii=True, sort_keys=True) }}', '{"a": "\\u00e9", "b": 1}'],
    ['{{ [1] | tojson(indent=2) }}', '[\n  1\n]'],
  ])('%s', (source, text) => {
    expect(render(source)).toBe(text);
  });
});
