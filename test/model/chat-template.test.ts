import { describe, expect, it } from 'vitest';
import { compileChatTemplate, renderChat } from '../../src/model/chat-template.js';
import type { EngineMessage, EngineTool } from '../../src/request/engine-body.js';
import { CHATML } from './support/tiny-gguf.js';

const NONE = { bosToken: '', eosToken: '' };
const TOOL: EngineTool = { type: 'function', function: { name: 'look', parameters: { type: 'object' } } };
const call = (args: string): EngineMessage => ({
  role: 'assistant',
  content: null,
  tool_calls: [{ id: 'c1', type: 'function', function: { name: 'look', arguments: args } }],
});
const render = (source: string, messages: EngineMessage[], tools: EngineTool[] = [], kwargs = {}) =>
  renderChat(compileChatTemplate(source, NONE), { messages, tools, addGenerationPrompt: true, kwargs });

describe('a template that knows no tools', () => {
  const hi: EngineMessage = { role: 'user', content: 'hi' };

  it('keeps its default system text in front of the tools', () => {
    const text = render(CHATML, [hi], [TOOL]);
    expect(text).toContain('<|im_start|>system\nYou are tiny.\n\nYou can call');
    expect(text).toContain(`<tools>${JSON.stringify([TOOL])}</tools>`);
    expect(text.match(/<\|im_start\|>system/g)).toHaveLength(1);
  });

  it('adds the tools to a system message that is there', () => {
    const text = render(CHATML, [{ role: 'system', content: 'Be brief.' }, hi], [TOOL]);
    expect(text.startsWith('<|im_start|>system\nBe brief.\nYou can call')).toBe(true);
    expect(text).not.toContain('You are tiny');
  });

  it('adds them to the first user turn when system messages are refused', () => {
    const strict = `{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system') }}{% endif %}[{{ m.role }}]{{ m.content }}{% endfor %}`;
    expect(render(strict, [hi], [TOOL])).toMatch(/^\[user\]hi\nYou can call/);
  });

  it('writes calls as text and joins results with the rest of the user turn', () => {
    const chat: EngineMessage[] = [
      hi,
      call('{"word": "x"}'),
      { role: 'tool', tool_call_id: 'c1', content: '42' },
      { role: 'tool', tool_call_id: 'c2', content: '43' },
      { role: 'user', content: 'so?' },
    ];
    expect(render('{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}', chat)).toBe(
      '[user]hi[assistant]<tool_call>\n{"name":"look","arguments":{"word":"x"}}\n</tool_call>' +
        '[user]<tool_response>\n42\n</tool_response>\n<tool_response>\n43\n</tool_response>\nso?',
    );
  });

  it('does not join ordinary user turns', () => {
    expect(render('{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}', [hi, hi])).toBe(
      '[user]hi[user]hi',
    );
  });
});

describe('a template that knows tools', () => {
  const AWARE = `{% if tools %}{{ tools | tojson }}{% endif %}{% for m in messages %}[{{ m.role }}]{{ m.content }}{% if m.tool_calls %}{% for c in m.tool_calls %}({{ c.function.name }} {{ c.function.arguments | tojson }}){% endfor %}{% endif %}{% endfor %}`;

  it('gets them as data, with arguments as objects and no content as empty text', () => {
    const text = render(AWARE, [{ role: 'user', content: 'hi' }, call('{"a":1}')], [TOOL]);
    expect(text).toBe(
      '[{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}][user]hi[assistant](look {"a": 1})',
    );
  });

  it('gets arguments that are no JSON object as the text they are', () => {
    expect(render(AWARE, [call('{"a":')])).toContain(String.raw`(look "{\"a\":")`);
    expect(render(AWARE, [call('')])).toContain('(look {})');
  });

  it('is told that there are none, as Hugging Face tells it', () => {
    const source =
      '{% if tools %}some{% endif %}{% if tools is none %}none{% endif %}{% if tools is defined %} named{% endif %}';
    expect(render(source, [])).toBe('none named');
  });
});

describe('renderChat', () => {
  it('passes template variables and special tokens', () => {
    const template = compileChatTemplate('{{ bos_token }}{% if enable_thinking %}T{% endif %}', {
      bosToken: '<s>',
      eosToken: '',
    });
    const inputs = { messages: [], tools: [], addGenerationPrompt: false };
    expect(renderChat(template, { ...inputs, kwargs: { enable_thinking: true } })).toBe('<s>T');
    expect(renderChat(template, inputs)).toBe('<s>');
  });

  it('lets template variables replace neither messages nor tools', () => {
    expect(
      render('{{ messages | length }}{{ tools }}', [{ role: 'user', content: 'x' }], [TOOL], {
        messages: [],
        tools: 1,
      }),
    ).toContain('1');
    expect(() =>
      render('{{ messages[0].content }}', [{ role: 'user', content: 'x' }], [], { messages: [] }),
    ).not.toThrow();
  });

  it('refuses images unless the template places them', () => {
    const image: EngineMessage = {
      role: 'user',
      content: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,AA' } }],
    };
    expect(() => render(CHATML, [image])).toThrow(expect.objectContaining({ code: 'unsupported' }));
    expect(
      render('{% for p in messages[0].content %}{% if p.type == "image_url" %}<img>{% endif %}{% endfor %}', [
        image,
      ]),
    ).toBe('<img>');
  });

  it('reports the sentence of a template that refuses', () => {
    const picky = `{{ raise_exception('roles must alternate') }}`;
    expect(() => render(picky, [{ role: 'user', content: 'x' }])).toThrow(/roles must alternate/);
    expect(() => render(picky, [])).toThrow(
      expect.objectContaining({ code: 'invalid_request', param: 'messages' }),
    );
  });

  it('refuses text that is no template', () => {
    expect(() => compileChatTemplate('{% for %}', NONE)).toThrow(
      expect.objectContaining({ code: 'model_invalid' }),
    );
  });
});
