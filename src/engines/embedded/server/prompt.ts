/** From a request body to prompt tokens. */
import { type ChatTemplate, renderChat } from '../../../model/chat-template.js';
import type { EngineMessage, EngineTool } from '../../../request/engine-body.js';
import { type EngineCore, TOKEN_IDS_FIELD } from '../types.js';
import { badRequest, invalidField, missingField } from './api-error.js';
import { type Body, isObject, objectField, tokenIds } from './fields.js';

export interface PromptContext {
  core: EngineCore;
  template: ChatTemplate;
  /** Whether plain text is preceded by the model's first token. */
  addBos: boolean;
}

/** The tokens of `messages` (and `tools`) in the model's own template, which writes the first token by itself. */
export function chatTokens({ core, template }: PromptContext, body: Body): Uint32Array {
  const messages = body['messages'] ?? undefined;
  if (messages === undefined) throw missingField('messages', body);
  if (!Array.isArray(messages)) throw invalidField('messages', 'Input should be a valid list', messages);
  if (messages.length === 0) throw badRequest('messages must not be empty', 'messages');
  // The gateway has rendered and tokenized this very chat already, proven equal at the start of the stack.
  const given = body[TOKEN_IDS_FIELD] ?? undefined;
  if (given !== undefined) return Uint32Array.from(tokenIds(given, TOKEN_IDS_FIELD, core.info.vocabTokens));
  const text = renderChat(template, {
    messages: messages.map(messageOf),
    tools: toolEntries(body),
    addGenerationPrompt: body['add_generation_prompt'] !== false,
    kwargs: objectField(body, 'chat_template_kwargs') ?? {},
  });
  return core.tokenize(text, { addSpecial: false, parseSpecial: true });
}

/** The tokens of `prompt`: a text, token ids, or a list of exactly one of these. */
export function plainTokens(context: PromptContext, body: Body): Uint32Array {
  const given = body['prompt'] ?? undefined;
  if (given === undefined) throw missingField('prompt', body);
  const prompt = isListOfPrompts(given) ? onlyPrompt(given) : given;
  if (typeof prompt !== 'string')
    return Uint32Array.from(tokenIds(prompt, 'prompt', context.core.info.vocabTokens));
  const addSpecial = body['add_special_tokens'] !== false && context.addBos;
  return context.core.tokenize(prompt, { addSpecial, parseSpecial: true });
}

/** The functions of `tools`, each with a name. */
export function toolEntries(body: Body): EngineTool[] {
  const tools = body['tools'] ?? [];
  if (!Array.isArray(tools)) throw invalidField('tools', 'Input should be a valid list', tools);
  for (const [index, tool] of tools.entries()) {
    const isFunction =
      isObject(tool) &&
      isObject(tool['function']) &&
      typeof tool['function']['name'] === 'string' &&
      tool['function']['name'] !== '';
    if (!isFunction) throw invalidField(`tools.${index}`, 'Input should be a function with a name', tool);
  }
  return tools as EngineTool[];
}

/** One message as templates expect it: fields a client left out or set to null are equal. */
function messageOf(message: unknown, index: number): EngineMessage {
  const at = `messages.${index}`;
  if (!isObject(message)) throw invalidField(at, 'Input should be a valid dictionary', message);
  if (typeof message['role'] !== 'string') throw missingField(`${at}.role`, message);
  const { content = null, tool_calls: calls, ...rest } = message;
  const isContent =
    content === null ||
    typeof content === 'string' ||
    (Array.isArray(content) && content.every((part) => isObject(part)));
  if (!isContent)
    throw invalidField(`${at}.content`, 'Input should be a valid string or list of parts', content);
  const isCalls = Array.isArray(calls) && calls.every((call) => isObject(call) && isObject(call['function']));
  if (!isCalls && calls !== undefined && calls !== null)
    throw invalidField(`${at}.tool_calls`, 'Input should be a list of function calls', calls);
  const given = Array.isArray(calls) && calls.length > 0 ? { tool_calls: calls } : {};
  return { ...rest, content, ...given } as EngineMessage;
}

function isListOfPrompts(value: unknown): value is unknown[] {
  return Array.isArray(value) && (typeof value[0] === 'string' || Array.isArray(value[0]));
}

function onlyPrompt(prompts: unknown[]): unknown {
  if (prompts.length === 1) return prompts[0];
  throw badRequest(
    `This engine takes one prompt per request, got ${prompts.length}. Send one request for each.`,
    'prompt',
  );
}
