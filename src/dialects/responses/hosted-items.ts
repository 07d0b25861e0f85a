/**
 * Items of tools that run at OpenAI or by OpenAI's own rules, in a conversation that began elsewhere. None can be
 * called here, but what was asked and what came of it is part of the conversation: each becomes a call and its result.
 */
import type { ImageBlock, TextBlock } from '../../request/types.js';
import { type Fields, isFields, shown } from '../fields.js';
import { imageFromUrl } from '../images.js';
import { argumentText } from '../tools.js';
import type { TurnList } from '../turns.js';
import { flatName } from './tool-names.js';

interface HostedParts {
  /** Name and arguments of what was asked. */
  call?: [name: string, args: unknown];
  /** What came of it; undefined when the item does not say. */
  result?: string | ImageBlock | undefined;
  isError?: boolean;
}

/** Answers false for a type that is not one of them. */
export function addHostedItem(turns: TurnList, item: Fields): boolean {
  const type = shown(item['type']);
  const read = Object.hasOwn(READERS, type) ? READERS[type] : undefined;
  if (read === undefined) return false;
  const { call, result, isError = false } = read(item);
  const id = callIdOf(turns, item);
  if (call !== undefined) {
    const [name, args] = call;
    turns.assistantPiece([{ type: 'tool_use', id, name, arguments: argumentText(args) || '{}' }]);
  }
  if (result !== undefined) {
    const content: TextBlock | ImageBlock =
      typeof result === 'string' ? { type: 'text', text: result } : result;
    turns.toolResult({ type: 'tool_result', toolUseId: id, content: [content], isError });
  }
  return true;
}

/** A local shell's output may name its call's item instead of the call; no two of them are open at once. */
function callIdOf(turns: TurnList, item: Fields): string {
  const { type, call_id: callId, approval_request_id: approvalId, id } = item;
  if (text(callId) !== '') return text(callId);
  if (type === 'mcp_approval_response') return text(approvalId);
  if (type !== 'local_shell_call_output') return text(id) || 'call';
  const calls = turns.messages.flatMap(({ blocks }) => blocks.filter((block) => block.type === 'tool_use'));
  const named = calls.find((call) => call.id === id) ?? calls.findLast(({ name }) => name === 'local_shell');
  return named?.id ?? (text(id) || 'call');
}

const READERS: Record<string, (item: Fields) => HostedParts> = {
  local_shell_call: ({ action }) => ({ call: ['local_shell', action] }),
  local_shell_call_output: ({ output }) => ({ result: text(output) }),
  shell_call: ({ action }) => ({ call: ['shell', action] }),
  shell_call_output: ({ output }) => ({ result: shellText(output) }),
  apply_patch_call: ({ operation }) => ({ call: ['apply_patch', operation] }),
  apply_patch_call_output: ({ output, status }) => ({ result: text(output) || text(status) }),
  computer_call: ({ action, actions }) => ({ call: ['computer', actions ?? action] }),
  computer_call_output: ({ output }) => ({ result: screenshot(output) }),
  web_search_call: ({ action, results }) => ({
    call: ['web_search', action],
    result: Array.isArray(results) ? JSON.stringify(results) : 'The results were used in what follows.',
  }),
  file_search_call: ({ queries, results }) => ({
    call: ['file_search', { queries }],
    result: Array.isArray(results)
      ? results.map(foundText).join('\n\n')
      : 'The results were used in what follows.',
  }),
  code_interpreter_call: ({ code, outputs }) => ({
    call: ['code_interpreter', { code: code ?? '' }],
    result: Array.isArray(outputs)
      ? outputs.map((each) => text(each?.logs) || text(each?.url)).join('\n')
      : '',
  }),
  image_generation_call: ({ revised_prompt: prompt, result }) => ({
    call: ['image_generation', { prompt: prompt ?? '' }],
    result: typeof result === 'string' ? 'An image was made.' : 'No image was made.',
  }),
  mcp_call: ({ server_label: server, name, arguments: args, output, error }) => ({
    call: [flatName(text(name), text(server)), args],
    result: error === undefined || error === null ? text(output) : argumentText(error),
    isError: error !== undefined && error !== null,
  }),
  mcp_approval_request: ({ server_label: server, name, arguments: args }) => ({
    call: [flatName(text(name), text(server)), args],
  }),
  mcp_approval_response: ({ approve, reason }) => ({
    result: `${approve === true ? 'Approved.' : 'Not approved.'} ${text(reason)}`.trim(),
  }),
  tool_search_call: ({ arguments: args }) => ({ call: ['tool_search', args] }),
  tool_search_output: ({ tools }) => ({ result: `Found: ${namesOf(tools).join(', ') || 'nothing'}` }),
  program: ({ code }) => ({ call: ['program', { code: code ?? '' }] }),
  program_output: ({ result }) => ({ result: text(result) }),
};

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function shellText(output: unknown): string {
  if (!Array.isArray(output)) return text(output);
  return output
    .map((each) => {
      if (!isFields(each)) return '';
      const outcome = isFields(each['outcome']) ? each['outcome'] : {};
      const code = outcome['type'] === 'exit' ? `exit code ${outcome['exit_code']}` : text(outcome['type']);
      return [text(each['stdout']), text(each['stderr']), code].filter((part) => part !== '').join('\n');
    })
    .join('\n');
}

function screenshot(output: unknown): string | ImageBlock {
  const url = isFields(output) ? text(output['image_url']) : '';
  return url.startsWith('data:') ? imageFromUrl(url, 'output.image_url') : 'A screenshot was taken.';
}

function foundText(result: unknown): string {
  if (!isFields(result)) return '';
  return [text(result['filename']), text(result['text'])].filter((part) => part !== '').join(':\n');
}

function namesOf(tools: unknown): string[] {
  if (!Array.isArray(tools)) return [];
  return tools.flatMap((tool) => (isFields(tool) && typeof tool['name'] === 'string' ? [tool['name']] : []));
}
