/** Chat templates of the main families, cut down to what frames turns; each with the special tokens it uses. */

export interface Family {
  source: string;
  specials: string[];
}

/** Texts in a template that look like special tokens. */
export function specialsOf(source: string): string[] {
  const found = source.match(
    /<[|｜][^|｜<>{}' ]{1,40}[|｜]>|\[\/?[A-Z_]{3,20}\]|<\/?(?:think|tool_call|tool_response|arg_key|arg_value)>|\[gMASK\]|<sop>|\]~!?b\[|\[e~\[/g,
  );
  return ['<s>', '</s>', ...new Set(found ?? [])];
}

const QWEN = String.raw`{%- if tools %}{{- '<|im_start|>system\n' }}{%- if messages[0].role == 'system' %}{{- messages[0].content + '\n\n' }}{%- endif %}{{- '# Tools\n\n<tools>' }}{%- for tool in tools %}{{- '\n' }}{{- tool | tojson }}{%- endfor %}{{- '\n</tools><|im_end|>\n' }}{%- else %}{%- if messages[0].role == 'system' %}{{- '<|im_start|>system\n' + messages[0].content + '<|im_end|>\n' }}{%- endif %}{%- endif %}
{%- set ns = namespace(last=messages|length - 1) %}
{%- for message in messages %}{%- if message.role == 'user' %}{%- set ns.last = loop.index0 %}{%- endif %}{%- endfor %}
{%- for message in messages %}
{%- if message.role == 'user' or (message.role == 'system' and not loop.first) %}{{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}
{%- elif message.role == 'assistant' %}{%- set content = message.content %}{%- set reasoning = '' %}
{%- if message.reasoning_content is string %}{%- set reasoning = message.reasoning_content %}{%- endif %}
{{- '<|im_start|>assistant\n' }}{%- if loop.index0 > ns.last and reasoning %}{{- '<think>\n' + reasoning.strip('\n') + '\n</think>\n\n' + content.lstrip('\n') }}{%- else %}{{- content }}{%- endif %}
{%- if message.tool_calls %}{%- for call in message.tool_calls %}{{- '\n<tool_call>\n{"name": "' + call.function.name + '", "arguments": ' }}{{- call.function.arguments | tojson }}{{- '}\n</tool_call>' }}{%- endfor %}{%- endif %}{{- '<|im_end|>\n' }}
{%- elif message.role == 'tool' %}{%- if loop.first or (messages[loop.index0 - 1].role != 'tool') %}{{- '<|im_start|>user' }}{%- endif %}{{- '\n<tool_response>\n' + message.content + '\n</tool_response>' }}{%- if loop.last or (messages[loop.index0 + 1].role != 'tool') %}{{- '<|im_end|>\n' }}{%- endif %}
{%- endif %}{%- endfor %}{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}`;

const LLAMA3 = String.raw`{{- bos_token }}{%- for message in messages %}{{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' + message['content'] | trim + '<|eot_id|>' }}{%- endfor %}{%- if add_generation_prompt %}{{- '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{%- endif %}`;

const DEEPSEEK = String.raw`{{ bos_token }}{% for message in messages %}{% if message.role == 'system' %}{{ message.content }}{% elif message.role == 'user' %}{{ '<｜User｜>' + message.content }}{% else %}{{ '<｜Assistant｜>' + message.content + '<｜end｜>' }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<｜Assistant｜>' }}{% endif %}`;

const MISTRAL = String.raw`{{ bos_token }}{% if messages[0].role == 'system' %}{% set system = messages[0].content %}{% set rest = messages[1:] %}{% else %}{% set system = '' %}{% set rest = messages %}{% endif %}{% for m in rest %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must alternate') }}{% endif %}{% if m.role == 'user' %}{{ '[INST] ' }}{% if loop.first and system %}{{ system + '\n\n' }}{% endif %}{{ m.content + ' [/INST]' }}{% else %}{{ ' ' + m.content | trim + '</s>' }}{% endif %}{% endfor %}`;

const ALPACA = String.raw`{% for m in messages %}{{ '### ' + m.role + ':\n' + m.content + '\n\n' }}{% endfor %}{% if add_generation_prompt %}{{ '### assistant:\n' }}{% endif %}`;

/** Writes each content's length, so it notices marks. */
const NOSY = String.raw`{% for m in messages %}{{ '<|im_start|>' + m.role + ' ' ~ m.content | length ~ '\n' + m.content + '<|im_end|>\n' }}{% endfor %}`;

/** GLM's frame: turns are opened and never closed, arguments stand between tags that are tokens. */
const GLM = String.raw`[gMASK]<sop>
{%- if tools -%}
<|system|>
# Tools
<tools>
{% for tool in tools %}
{{ tool | tojson(ensure_ascii=False) }}
{% endfor %}
</tools>
{%- endif -%}
{%- macro visible(content) -%}{{ content }}{%- endmacro -%}
{%- set ns = namespace(last=-1) -%}
{%- for m in messages %}{% if m.role == 'user' %}{% set ns.last = loop.index0 %}{% endif %}{% endfor -%}
{%- for m in messages -%}
{%- if m.role == 'user' -%}<|user|>
{{ visible(m.content) }}
{%- elif m.role == 'assistant' -%}<|assistant|>
{%- set content = visible(m.content) -%}
{%- if loop.index0 > ns.last and m.reasoning_content is string -%}
{{ '\n<think>' + m.reasoning_content.strip() + '</think>' }}
{%- else -%}{{ '\n<think></think>' }}{%- endif -%}
{%- if content.strip() -%}{{ '\n' + content.strip() }}{%- endif -%}
{%- for call in m.tool_calls or [] -%}
{{ '\n<tool_call>' + call.function.name + '\n' }}
{%- for k, v in call.function.arguments.items() -%}
<arg_key>{{ k }}</arg_key>
<arg_value>{{ v if v is string else v | tojson }}</arg_value>
{% endfor %}</tool_call>{%- endfor -%}
{%- elif m.role == 'tool' -%}
{%- if loop.first or messages[loop.index0 - 1].role != 'tool' -%}<|observation|>{%- endif -%}
{{ '\n<tool_response>\n' + m.content + '\n</tool_response>' }}
{%- else -%}<|system|>
{{ visible(m.content) }}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}<|assistant|>{{ '\n<think></think>' if enable_thinking is defined and not enable_thinking else '' }}{%- endif -%}`;

/** Llama 3.1's habit: with tools the system turn says more, and the tools stand in the first user turn. */
const TOOLS_IN_USER = String.raw`{{- bos_token }}
{%- if messages[0].role == 'system' %}{%- set system = messages[0].content | trim %}{%- set messages = messages[1:] %}{%- else %}{%- set system = '' %}{%- endif %}
{{- '<|start_header_id|>system<|end_header_id|>\n\n' }}{%- if tools is not none %}{{- 'Environment: ipython\n' }}{%- endif %}{{- 'Today Date: 26 Jul 2024\n\n' + system + '<|eot_id|>' }}
{%- if tools is not none %}{%- if messages | length == 0 %}{{- raise_exception('no first user turn') }}{%- endif %}
{%- set first = messages[0].content | trim %}{%- set messages = messages[1:] %}{{- '<|start_header_id|>user<|end_header_id|>\n\nCall one of these functions:\n\n' }}{%- for t in tools %}{{- t | tojson(indent=4) }}{{- '\n\n' }}{%- endfor %}{{- first + '<|eot_id|>' }}{%- endif %}
{%- for message in messages %}
{%- if message.tool_calls %}{%- if message.tool_calls | length != 1 %}{{- raise_exception('one call at a time') }}{%- endif %}
{%- set call = message.tool_calls[0].function %}{{- '<|start_header_id|>assistant<|end_header_id|>\n\n{"name": "' + call.name + '", "parameters": ' }}{{- call.arguments | tojson }}{{- '}<|eot_id|>' }}
{%- elif message.role == 'tool' %}{{- '<|start_header_id|>ipython<|end_header_id|>\n\n' }}{{- message.content | tojson }}{{- '<|eot_id|>' }}
{%- else %}{{- '<|start_header_id|>' + message.role + '<|end_header_id|>\n\n' + message.content | trim + '<|eot_id|>' }}{%- endif %}
{%- endfor %}{%- if add_generation_prompt %}{{- '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{%- endif %}`;

/** gpt-oss's frame: the template's own system turn changes with tools, which stand after the developer's text. */
const HARMONY = String.raw`{%- macro params(schema) -%}{%- for name, one in (schema.properties or {}).items() %}
{{- '\n' + name + ': ' + one.type }}{%- endfor -%}{%- endmacro -%}
{{- '<|start|>system<|message|>You are a model.\nReasoning: ' + (reasoning_effort or 'medium') + '\n' }}
{%- if tools %}{{- '\nCalls to these tools must go to the commentary channel.' }}{%- endif %}{{- '<|end|>' }}
{%- set ns = namespace(developer='', name='') %}
{%- if messages[0].role in ['system', 'developer'] %}{%- set ns.developer = messages[0].content %}{%- set rest = messages[1:] %}{%- else %}{%- set rest = messages %}{%- endif %}
{%- if ns.developer or tools %}{{- '<|start|>developer<|message|>' }}{%- if ns.developer %}{{- '# Instructions\n\n' + ns.developer + '\n\n' }}{%- endif %}
{%- if tools %}{{- '# Tools\n\nnamespace functions {\n' }}{%- for t in tools %}{{- '// ' + t.function.description + '\ntype ' + t.function.name + ' = (_: {' + params(t.function.parameters) + '}) => any;\n' }}{%- endfor %}{{- '}' }}{%- endif %}{{- '<|end|>' }}{%- endif %}
{%- for m in rest %}
{%- if m.role == 'assistant' and m.tool_calls %}{%- set call = m.tool_calls[0].function %}{%- set ns.name = call.name %}
{%- set later = namespace(answered=false) %}{%- for n in rest[loop.index:] %}{%- if n.role == 'assistant' and not n.tool_calls %}{%- set later.answered = true %}{%- break %}{%- endif %}{%- endfor %}
{%- if m.reasoning_content and not later.answered %}{{- '<|start|>assistant<|channel|>analysis<|message|>' + m.reasoning_content + '<|end|>' }}{%- endif %}
{{- '<|start|>assistant to=functions.' + call.name + '<|channel|>commentary json<|message|>' }}{{- call.arguments | tojson }}{{- '<|call|>' }}
{%- elif m.role == 'assistant' %}{{- '<|start|>assistant<|channel|>final<|message|>' + m.content + '<|end|>' }}
{%- elif m.role == 'tool' %}{{- '<|start|>functions.' + ns.name + ' to=assistant<|channel|>commentary<|message|>' }}{{- m.content | tojson }}{{- '<|end|>' }}
{%- elif m.role == 'system' %}{{- raise_exception('one developer message') }}
{%- else %}{{- '<|start|>user<|message|>' + m.content + '<|end|>' }}{%- endif %}
{%- endfor %}{%- if add_generation_prompt %}{{- '<|start|>assistant' }}{%- endif %}`;

/** MiniMax-M2's frame: every turn between the same two tokens, arguments as XML, results joined in one turn. */
const MINIMAX = String.raw`{%- set open = ']~b]' %}{%- set close = '[e~[\n' %}
{{- ']~!b[' ~ open ~ 'system\n' }}{%- if messages[0].role == 'system' %}{{- messages[0].content }}{%- set rest = messages[1:] %}{%- else %}{{- 'You are helpful.' }}{%- set rest = messages %}{%- endif %}
{%- if tools %}{{- '\n\n# Tools\n<tools>\n' }}{%- for t in tools %}{{- '<tool>' ~ (t.function | tojson(ensure_ascii=False)) ~ '</tool>\n' }}{%- endfor %}{{- '</tools>' }}{%- endif %}{{- close }}
{%- set ns = namespace(last=-1) %}{%- for m in rest %}{%- if m.role == 'user' %}{%- set ns.last = loop.index0 %}{%- endif %}{%- endfor %}
{%- for m in rest %}
{%- if m.role == 'assistant' %}{{- open ~ 'ai\n' }}{%- set content = m.content %}
{%- if m.reasoning_content is string and loop.index0 > ns.last %}{{- '<think>\n' ~ m.reasoning_content ~ '\n</think>\n\n' }}{%- elif '</think>' in content %}{%- set content = content.split('</think>')[-1].strip('\n') %}{%- endif %}
{{- content }}
{%- if m.tool_calls %}{{- '\n<minimax:tool_call>\n' }}{%- for c in m.tool_calls %}{{- '<invoke name="' ~ c.function.name ~ '">' }}{%- for k, v in c.function.arguments.items() %}{{- '<parameter name="' ~ k ~ '">' ~ (v | tojson(ensure_ascii=False) if v is not string else v) ~ '</parameter>' }}{%- endfor %}{{- '</invoke>\n' }}{%- endfor %}{{- '</minimax:tool_call>' }}{%- endif %}{{- close }}
{%- elif m.role == 'tool' %}{%- if loop.first or rest[loop.index0 - 1].role != 'tool' %}{{- open ~ 'tool' }}{%- endif %}{{- '\n<response>' ~ m.content ~ '</response>' }}{%- if loop.last or rest[loop.index0 + 1].role != 'tool' %}{{- close }}{%- endif %}
{%- else %}{{- open ~ m.role ~ '\n' ~ m.content ~ close }}{%- endif %}
{%- endfor %}{%- if add_generation_prompt %}{{- open ~ 'ai\n<think>\n' }}{%- endif %}`;

/** Kimi-K2's frame: role, name and text between tokens; results carry a heading with their id. */
const KIMI = `{%- if tools %}<|im_system|>tool_declare<|im_middle|>{{ tools | tojson(separators=(',', ':')) }}<|im_end|>{%- endif %}
{%- for m in messages %}{%- set name = m.name or m.role %}
{%- if m.role == 'user' %}<|im_user|>{{ name }}<|im_middle|>{%- elif m.role == 'assistant' %}<|im_assistant|>{{ name }}<|im_middle|>{%- else %}<|im_system|>{{ name }}<|im_middle|>{%- endif %}
{%- if m.role == 'tool' %}## Return of {{ m.tool_call_id }}
{% endif -%}
{{ m.content }}
{%- if m.tool_calls %}<|tool_calls_section_begin|>{%- for c in m.tool_calls %}<|tool_call_begin|>{{ c.id }}<|tool_call_argument_begin|>{% if c.function.arguments is string %}{{ c.function.arguments }}{% else %}{{ c.function.arguments | tojson }}{% endif %}<|tool_call_end|>{%- endfor %}<|tool_calls_section_end|>{%- endif %}<|im_end|>
{%- endfor %}{%- if add_generation_prompt %}<|im_assistant|>assistant<|im_middle|>{%- endif %}`;

/** DeepSeek V3.1's frame: turns without openings for results, what a turn opens with depends on the one before. */
const DEEPSEEK_TOOLS = String.raw`{%- set ns = namespace(system='', tool=false, user=false) %}
{%- for m in messages %}{%- if m.role == 'system' %}{%- set ns.system = ns.system + ('\n\n' if ns.system else '') + m.content %}{%- endif %}{%- endfor %}
{%- if tools is defined and tools is not none %}{%- set list = namespace(text='## Tools\n') %}{%- for t in tools %}{%- set list.text = list.text + '\n### ' + t.function.name + '\nDescription: ' + t.function.description + '\n\nParameters: ' + (t.function.parameters | tojson) %}{%- endfor %}{%- set ns.system = ns.system + '\n\n' + list.text %}{%- endif %}
{{- bos_token }}{{- ns.system }}
{%- for m in messages %}
{%- if m.role == 'user' %}{%- set ns.tool = false %}{%- set ns.user = true %}{{- '<｜User｜>' + m.content }}
{%- elif m.role == 'assistant' %}{%- if ns.user %}{{- '<｜Assistant｜></think>' }}{%- endif %}{%- set ns.user = false %}{%- set content = m.content %}{%- if '</think>' in content %}{%- set content = content.split('</think>', 1)[1] %}{%- endif %}{{- content }}
{%- for c in m.tool_calls or [] %}{{- ('<｜tool▁calls▁begin｜>' if loop.first else '') + '<｜tool▁call▁begin｜>' + c.function.name + '<｜tool▁sep｜>' }}{{- c.function.arguments | tojson }}{{- '<｜tool▁call▁end｜>' }}{%- if loop.last %}{{- '<｜tool▁calls▁end｜>' }}{%- endif %}{%- endfor %}{{- '<｜end▁of▁sentence｜>' }}
{%- elif m.role == 'tool' %}{%- set ns.tool = true %}{{- '<｜tool▁output▁begin｜>' + m.content + '<｜tool▁output▁end｜>' }}{%- endif %}
{%- endfor %}{%- if add_generation_prompt and ns.user %}{{- '<｜Assistant｜></think>' }}{%- endif %}`;

export const FAMILIES: Record<string, Family> = {
  qwen: {
    source: QWEN,
    specials: [
      '<|im_start|>',
      '<|im_end|>',
      '<tool_call>',
      '</tool_call>',
      '<tool_response>',
      '</tool_response>',
      '<think>',
      '</think>',
    ],
  },
  llama3: { source: LLAMA3, specials: ['<s>', '<|start_header_id|>', '<|end_header_id|>', '<|eot_id|>'] },
  deepseek: { source: DEEPSEEK, specials: ['<s>', '<｜User｜>', '<｜Assistant｜>', '<｜end｜>'] },
  mistral: { source: MISTRAL, specials: ['<s>', '</s>', '[INST]', '[/INST]'] },
  glm: { source: GLM, specials: specialsOf(GLM) },
  'tools in the user turn': { source: TOOLS_IN_USER, specials: specialsOf(TOOLS_IN_USER) },
  harmony: { source: HARMONY, specials: specialsOf(HARMONY) },
  minimax: { source: MINIMAX, specials: specialsOf(MINIMAX) },
  kimi: { source: KIMI, specials: specialsOf(KIMI) },
  'deepseek with tools': { source: DEEPSEEK_TOOLS, specials: specialsOf(DEEPSEEK_TOOLS) },
  alpaca: { source: ALPACA, specials: ['<s>'] },
  nosy: { source: NOSY, specials: ['<|im_start|>', '<|im_end|>'] },
};
