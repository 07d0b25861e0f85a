/** Chat templates of the main families, cut down to what frames turns; each with the special tokens it uses. */

export interface Family {
  source: string;
  specials: string[];
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
  alpaca: { source: ALPACA, specials: ['<s>'] },
  nosy: { source: NOSY, specials: ['<|im_start|>', '<|im_end|>'] },
};
