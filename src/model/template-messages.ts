/**
 * Engine messages in the form templates expect. Templates that know tools get them structured; for those that
 * do not, tools, calls and results become text in the Hermes form (`<tool_call>`, `<tool_response>`), the most
 * widely trained one.
 */
import { DynamoError } from '../errors.js';
import type { EngineMessage, EnginePart, EngineTool } from '../request/engine-body.js';

export interface TemplateMessage {
  role: string;
  content: string | EnginePart[];
  reasoning_content?: string;
  tool_calls?: { id: string; type: 'function'; function: { name: string; arguments: unknown } }[];
  tool_call_id?: string;
}

/** For templates that write tool calls: arguments become objects, as vLLM gives them; no content becomes ''. */
export function toolAwareMessages(
  messages: readonly EngineMessage[],
  readsImages: boolean,
): TemplateMessage[] {
  return messages.map((message) => {
    const { tool_calls: calls, ...rest } = message;
    const content = contentFor(message, readsImages);
    if (calls === undefined) return { ...rest, content };
    return {
      ...rest,
      content,
      tool_calls: calls.map((call) => ({
        ...call,
        function: { name: call.function.name, arguments: parsedArguments(call.function.arguments) },
      })),
    };
  });
}

/** For templates that know no tools: calls join the assistant's text, results join the user turn after them. */
export function plainMessages(messages: readonly EngineMessage[], readsImages: boolean): TemplateMessage[] {
  const out: TemplateMessage[] = [];
  let isInResults = false;
  for (const message of messages) {
    const plain = plainMessage(message, readsImages);
    const last = out.at(-1);
    const joins = isInResults && plain.role === 'user' && last !== undefined;
    if (joins) last.content = joined(last.content, plain.content);
    else out.push(plain);
    isInResults = message.role === 'tool';
  }
  return out;
}

/** The same messages with the tools described in the first system message. */
export function withToolText(
  messages: readonly TemplateMessage[],
  tools: readonly EngineTool[],
  template: { defaultSystem: string; acceptsSystem: boolean },
): TemplateMessage[] {
  const text = toolText(tools);
  const [first, ...rest] = messages;
  const extendsFirst = first !== undefined && (first.role === 'system' || !template.acceptsSystem);
  if (extendsFirst) return [{ ...first, content: joined(first.content, text) }, ...rest];
  const content = template.defaultSystem === '' ? text : `${template.defaultSystem}\n\n${text}`;
  return [{ role: template.acceptsSystem ? 'system' : 'user', content }, ...messages];
}

function toolText(tools: readonly EngineTool[]): string {
  return [
    `You can call these functions, given as JSON:\n<tools>${JSON.stringify(tools)}</tools>`,
    'To call one, answer with <tool_call>{"name": FUNCTION_NAME, "arguments": ARGUMENTS_OBJECT}</tool_call>.',
  ].join('\n');
}

function plainMessage(message: EngineMessage, readsImages: boolean): TemplateMessage {
  const content = contentFor(message, readsImages);
  if (message.role === 'tool') {
    const text = typeof content === 'string' ? content : textOf(content);
    return { role: 'user', content: `<tool_response>\n${text}\n</tool_response>` };
  }
  const calls = (message.tool_calls ?? []).map((call) => {
    const body = { name: call.function.name, arguments: parsedArguments(call.function.arguments) };
    return `<tool_call>\n${JSON.stringify(body)}\n</tool_call>`;
  });
  const reasoning =
    message.reasoning_content === undefined ? {} : { reasoning_content: message.reasoning_content };
  const text = calls.length === 0 ? content : joined(content, calls.join('\n'));
  return { role: message.role, ...reasoning, content: text };
}

function contentFor(message: EngineMessage, readsImages: boolean): string | EnginePart[] {
  const { content } = message;
  if (content === null) return '';
  if (typeof content === 'string') return content;
  if (readsImages || content.every((part) => part.type === 'text'))
    return readsImages ? content : textOf(content);
  throw new DynamoError('unsupported', { detail: 'This model cannot read images.' }, { param: 'messages' });
}

function textOf(parts: readonly EnginePart[]): string {
  return parts.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('\n');
}

function joined(left: string | EnginePart[], right: string | EnginePart[]): string | EnginePart[] {
  if (typeof left === 'string' && typeof right === 'string') return left === '' ? right : `${left}\n${right}`;
  return [...partsOf(left), ...partsOf(right)];
}

function partsOf(content: string | EnginePart[]): EnginePart[] {
  return typeof content === 'string' ? [{ type: 'text', text: content }] : content;
}

/** Arguments that are not a JSON object stay the text they are. */
function parsedArguments(text: string): unknown {
  if (text === '') return {};
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : text;
  } catch {
    return text;
  }
}
