/**
 * The common request as the chat-completions body every engine gets. The prompt room renders the very same
 * messages and tools, so what the router hashes is what the engine tokenizes.
 */
import type { Block, CommonRequest, Message, Tool, ToolChoice } from './types.js';

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

/** Messages in OpenAI form. A user turn with tool results becomes `tool` messages followed by the rest of the turn. */
export function engineMessages(messages: readonly Message[]): EngineMessage[] {
  return messages.flatMap(engineMessage);
}

export function engineTools(tools: readonly Tool[]): EngineTool[] {
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
  const common = {
    ...request.extra,
    model: request.model,
    ...(isWhole ? { stream: false } : { stream: true, stream_options: { include_usage: true } }),
    ...samplingFields(request),
  };
  if (request.input.kind === 'chat') {
    const tools = request.toolChoice.kind === 'none' ? [] : request.tools;
    return {
      path: '/v1/chat/completions',
      body: {
        ...common,
        messages: engineMessages(request.input.messages),
        ...(tools.length === 0
          ? {}
          : {
              tools: engineTools(tools),
              tool_choice: toolChoiceField(request.toolChoice),
              parallel_tool_calls: request.parallelToolCalls,
            }),
        ...formatFields(request),
        ...reasoningFields(request),
      },
    };
  }
  const prompt = request.input.kind === 'text' ? request.input.text : Array.from(request.input.tokens);
  return { path: '/v1/completions', body: { ...common, prompt } };
}

function engineMessage(message: Message): EngineMessage[] {
  if (message.role === 'assistant') return [assistantMessage(message.blocks)];
  const results = message.blocks.filter((block) => block.type === 'tool_result');
  const rest = message.blocks.filter((block) => block.type !== 'tool_result');
  const out: EngineMessage[] = results.map((block) => ({
    role: 'tool',
    tool_call_id: block.toolUseId,
    content: contentOf(block.isError ? [{ type: 'text', text: 'Error: ' }, ...block.content] : block.content),
  }));
  if (rest.length > 0 || results.length === 0) out.push({ role: message.role, content: contentOf(rest) });
  return out;
}

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

function samplingFields(request: CommonRequest): Record<string, unknown> {
  const { sampling } = request;
  return defined({
    temperature: sampling.temperature,
    top_p: sampling.topP,
    top_k: sampling.topK,
    min_p: sampling.minP,
    seed: sampling.seed,
    frequency_penalty: sampling.frequencyPenalty,
    presence_penalty: sampling.presencePenalty,
    repetition_penalty: sampling.repetitionPenalty,
    max_tokens: request.maxTokens,
    stop: request.stop.length === 0 ? undefined : request.stop,
    n: request.n === 1 ? undefined : request.n,
    cache_salt: request.hints.cacheSalt,
  });
}

function formatFields(request: CommonRequest): Record<string, unknown> {
  const { format } = request;
  if (format.kind === 'text') return {};
  if (format.kind === 'json_object') return { response_format: { type: 'json_object' } };
  const json_schema = defined({ name: format.name, schema: format.schema, strict: format.strict });
  return { response_format: { type: 'json_schema', json_schema } };
}

function reasoningFields(request: CommonRequest): Record<string, unknown> {
  const { reasoning } = request;
  const kwargs = request.extra['chat_template_kwargs'];
  const base = typeof kwargs === 'object' && kwargs !== null ? (kwargs as Record<string, unknown>) : {};
  return defined({
    reasoning_effort: reasoning.effort,
    chat_template_kwargs:
      reasoning.enabled === undefined ? kwargs : { enable_thinking: reasoning.enabled, ...base },
  });
}

function defined(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
