/** The chat format of every simulated model: known to the worker and to the gateway, so that both see the same tokens. */
import { compileChatTemplate } from '../../model/chat-template.js';
import type { PromptModel } from '../../model/local-model.js';
import { SPECIAL_TEXTS, simulatedTokenizer } from './tokens.js';

/**
 * One special token opens a turn and nothing closes it, as in GLM's own format: an answer begins a run of text of its
 * own, so that the same tokens come back when the conversation goes on. Nothing is trimmed.
 */
const TEMPLATE = [
  "{% if tools %}{{ '<|system|># Tools\\n' }}{% for tool in tools %}{{ tool | tojson }}{{ '\\n' }}{% endfor %}{% endif %}",
  '{% for message in messages %}',
  "{% if message.role == 'system' %}{{ '<|system|>' + message.content }}",
  "{% elif message.role == 'assistant' %}{{ '<|assistant|>' }}",
  "{% if message.reasoning_content %}{{ '<think>' + message.reasoning_content + '</think>' }}{% endif %}",
  '{{ message.content }}',
  '{% if message.tool_calls %}{% for call in message.tool_calls %}',
  "{{ '<tool_call>' + call.function.name + '\\n' }}{{ call.function.arguments | tojson }}{{ '</tool_call>' }}",
  '{% endfor %}{% endif %}',
  "{% elif message.role == 'tool' %}{{ '<|observation|>' + message.content }}",
  "{% else %}{{ '<|user|>' + message.content }}{% endif %}",
  '{% endfor %}',
  "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}",
].join('');

/** A few milliseconds. */
export function simulatedPromptModel(): PromptModel {
  return {
    tokenizer: simulatedTokenizer,
    template: compileChatTemplate(TEMPLATE, { bosToken: '', eosToken: SPECIAL_TEXTS[0] }),
    leadToken: null,
  };
}
