/**
 * The common request as the chat-completions body every engine gets. The prompt room renders the very same
 * messages and tools, so what the router hashes is what the engine tokenizes.
 */
import { GrownLists } from './grown-list.js';
import type { Block, CommonRequest, Message, Tool, ToolChoice } from './types.js';

export const CHAT_PATH = '/v1/chat/completions';

export interface EngineMessage {
  role: 'system' | 'user' | 'assistant' | 'tool';
  content: string | EnginePart[] | null;
  reasoning_content?: string;
  tool_calls?: { id: string; type: 'function'; function: { name: string; arguments: string } }[];
  tool_call_id?: string;
}

export type EnginePart = { type: 'text'; text: string } | { type: 'image_url'; image_url: { url: string } };

export interface EngineTool {
  type: 'function';
  function: { name: string; description?: string; parameters: Record<string, unknown>; strict?: boolean };
}

/** By the turn they come from: a conversation's turns stay the same objects from request to request. */
const written = new WeakMap<Message, readonly EngineMessage[]>();
const writtenLists = new GrownLists<Message, readonly EngineMessage[]>();

/** Messages in OpenAI form. A user turn with tool results becomes `tool` messages followed by the rest of the turn. */
export function engineMessages(messages: readonly Message[]): readonly EngineMessage[] {
  const before = writtenLists.find(messages);
  if (before !== null && before.count === messages.length) return before.made;
  const out: EngineMessage[] = before === null ? [] : [...before.made];
  for (let at = before?.count ?? 0; at < messages.length; at++) {
    const message = messages[at] as Message;
    const known = written.get(message);
    if (known !== undefined) {
      out.push(...known);
      continue;
    }
    const start = out.length;
    addEngineMessages(message, out);
    written.set(message, out.slice(start));
  }
  writtenLists.keep(messages, messages.length, out);
  return out;
}

/** By the list they come from, which a conversation's requests share. */
const writtenTools = new WeakMap<readonly Tool[], EngineTool[]>();
const toolTexts = new WeakMap<readonly EngineTool[], string>();

export function engineTools(tools: readonly Tool[]): EngineTool[] {
  const known = writtenTools.get(tools);
  if (known !== undefined) return known;
  const made = asEngineTools(tools);
  writtenTools.set(tools, made);
  return made;
}

/** JSON of the list; empty where there are none. */
export function toolsText(tools: readonly EngineTool[]): string {
  if (tools.length === 0) return '';
  let text = toolTexts.get(tools);
  if (text === undefined) {
    text = JSON.stringify(tools);
    toolTexts.set(tools, text);
  }
  return text;
}

const toolBytes = new WeakMap<readonly EngineTool[], Buffer>();

/** The same in UTF-8. */
export function toolsJson(tools: readonly EngineTool[]): Buffer {
  let bytes = toolBytes.get(tools);
  if (bytes === undefined) {
    bytes = Buffer.from(toolsText(tools));
    toolBytes.set(tools, bytes);
  }
  return bytes;
}

function asEngineTools(tools: readonly Tool[]): EngineTool[] {
  return tools.map((tool) => ({
    type: 'function',
    function: {
      name: tool.name,
      ...(tool.description === undefined ? {} : { description: tool.description }),
      parameters: tool.parameters,
      ...(tool.strict === undefined ? {} : { strict: tool.strict }),
    },
  }));
}

/** Path and body for the engine: a stream with usage, unless its whole answer is wanted at once (`isWhole`). */
export function engineBody(
  request: CommonRequest,
  { isWhole = false }: { isWhole?: boolean } = {},
): { path: string; body: Record<string, unknown> } {
  const settings = engineSettings(request, { isWhole });
  if (request.input.kind === 'chat') {
    const { messages, tools } = engineChat(request);
    return { path: CHAT_PATH, body: { ...settings, messages, ...(tools.length === 0 ? {} : { tools }) } };
  }
  const prompt = request.input.kind === 'text' ? request.input.text : Array.from(request.input.tokens);
  return { path: '/v1/completions', body: { ...settings, prompt } };
}

/** Everything of the engine's body but the prompt: neither messages nor tools. */
export function engineSettings(
  request: CommonRequest,
  { isWhole }: { isWhole: boolean },
): Record<string, unknown> {
  const settings: Record<string, unknown> = { ...request.extra, model: request.model, stream: !isWhole };
  if (!isWhole) settings['stream_options'] = { include_usage: true };
  addSampling(request, settings);
  if (request.input.kind !== 'chat') return settings;
  if (request.toolChoice.kind !== 'none' && request.tools.length > 0) {
    settings['tool_choice'] = toolChoiceField(request.toolChoice);
    settings['parallel_tool_calls'] = request.parallelToolCalls;
  }
  addFormat(request, settings);
  const { effort, kwargs } = reasoningFields(request);
  if (effort !== undefined) settings['reasoning_effort'] = effort;
  if (kwargs !== undefined) settings['chat_template_kwargs'] = kwargs;
  return settings;
}

/** The chat as the engine gets it; `kwargs` are the template's further variables. */
export interface EngineChat {
  messages: readonly EngineMessage[];
  tools: EngineTool[];
  kwargs: Record<string, unknown>;
}

/** Throws TypeError for a request that is no chat: that is a bug of the caller. */
export function engineChat(request: CommonRequest): EngineChat {
  if (request.input.kind !== 'chat') throw new TypeError('not a chat');
  const { effort, kwargs } = reasoningFields(request);
  return {
    messages: engineMessages(request.input.messages),
    tools: request.toolChoice.kind === 'none' ? [] : engineTools(request.tools),
    kwargs: {
      ...(effort === undefined ? {} : { reasoning_effort: effort }),
      ...(typeof kwargs === 'object' && kwargs !== null ? kwargs : {}),
    },
  };
}

const ownerLists = new GrownLists<Message, readonly number[]>();

/** Index of the request's message each engine message comes from: a user turn with tool results becomes several. */
export function engineMessageOwners(messages: readonly Message[]): readonly number[] {
  const before = ownerLists.find(messages);
  const owners: number[] = before === null ? [] : [...before.made];
  for (let index = before?.count ?? 0; index < messages.length; index++) {
    const { role, blocks } = messages[index] as Message;
    let results = 0;
    if (role !== 'assistant') for (const block of blocks) if (block.type === 'tool_result') results += 1;
    const count = results > 0 && results === blocks.length ? results : results + 1;
    for (let n = 0; n < count; n += 1) owners.push(index);
  }
  ownerLists.keep(messages, messages.length, owners);
  return owners;
}

function addEngineMessages({ role, blocks }: Message, out: EngineMessage[]): void {
  if (role === 'assistant') {
    out.push(assistantMessage(blocks));
    return;
  }
  let results = 0;
  for (const block of blocks) {
    if (block.type !== 'tool_result') continue;
    results += 1;
    const content = block.isError ? [ERROR_MARK, ...block.content] : block.content;
    out.push({ role: 'tool', tool_call_id: block.toolUseId, content: contentOf(content) });
  }
  if (results === blocks.length && results > 0) return;
  const rest = results === 0 ? blocks : blocks.filter((block) => block.type !== 'tool_result');
  out.push({ role, content: contentOf(rest) });
}

const ERROR_MARK: Block = { type: 'text', text: 'Error: ' };

function assistantMessage(blocks: readonly Block[]): EngineMessage {
  const calls = blocks.filter((block) => block.type === 'tool_use');
  const thinking = blocks.flatMap((block) => (block.type === 'thinking' ? [block.text] : [])).join('');
  const content = contentOf(blocks);
  return {
    role: 'assistant',
    content: content === '' && calls.length > 0 ? null : content,
    ...(thinking === '' ? {} : { reasoning_content: thinking }),
    ...(calls.length === 0
      ? {}
      : {
          tool_calls: calls.map((call) => ({
            id: call.id,
            type: 'function',
            function: { name: call.name, arguments: call.arguments },
          })),
        }),
  };
}

/** Text blocks are joined to one string: templates and engines treat one-element lists and strings unlike. */
function contentOf(blocks: readonly Block[]): string | EnginePart[] {
  const [only] = blocks;
  if (blocks.length === 1 && only?.type === 'text') return only.text;
  const hasImage = blocks.some((block) => block.type === 'image');
  if (!hasImage) return blocks.flatMap((block) => (block.type === 'text' ? [block.text] : [])).join('\n');
  return blocks.flatMap((block): EnginePart[] => {
    if (block.type === 'text') return [{ type: 'text', text: block.text }];
    if (block.type === 'image')
      return [{ type: 'image_url', image_url: { url: `data:${block.mediaType};base64,${block.data}` } }];
    return [];
  });
}

function toolChoiceField(choice: ToolChoice): unknown {
  return choice.kind === 'tool' ? { type: 'function', function: { name: choice.name } } : choice.kind;
}

function addSampling(request: CommonRequest, out: Record<string, unknown>): void {
  const { sampling } = request;
  const add = (name: string, value: unknown): void => {
    if (value !== undefined) out[name] = value;
  };
  add('temperature', sampling.temperature);
  add('top_p', sampling.topP);
  add('top_k', sampling.topK);
  add('min_p', sampling.minP);
  add('seed', sampling.seed);
  add('frequency_penalty', sampling.frequencyPenalty);
  add('presence_penalty', sampling.presencePenalty);
  add('repetition_penalty', sampling.repetitionPenalty);
  add('max_tokens', request.maxTokens);
  add('stop', request.stop.length === 0 ? undefined : request.stop);
  add('n', request.n === 1 ? undefined : request.n);
  add('cache_salt', request.hints.cacheSalt);
}

function addFormat({ format }: CommonRequest, out: Record<string, unknown>): void {
  if (format.kind === 'text') return;
  if (format.kind === 'json_object') {
    out['response_format'] = { type: 'json_object' };
    return;
  }
  const { name, schema, strict } = format;
  const json_schema = { name, schema, ...(strict === undefined ? {} : { strict }) };
  out['response_format'] = { type: 'json_schema', json_schema };
}

function reasoningFields(request: CommonRequest): { effort: string | undefined; kwargs: unknown } {
  const { reasoning } = request;
  const kwargs = request.extra['chat_template_kwargs'];
  const base = typeof kwargs === 'object' && kwargs !== null ? (kwargs as Record<string, unknown>) : {};
  return {
    effort: reasoning.effort,
    kwargs: reasoning.enabled === undefined ? kwargs : { enable_thinking: reasoning.enabled, ...base },
  };
}
