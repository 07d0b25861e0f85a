/** From a request body to prompt tokens. */
import { type ChatTemplate, renderChat } from '../../../model/chat-template.js';
import type { EventEndpoints } from '../../../plan/types.js';
import type { EngineMessage, EngineTool } from '../../../request/engine-body.js';
import type { EngineCore } from '../types.js';
import type { WorkerMetrics } from './metrics.js';

/** An error in vLLM's envelope. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly type: string,
    message: string,
    readonly param: string | null = null,
  ) {
    super(message);
  }
}

export interface ServerContext {
  core: EngineCore;
  names: string[];
  template: ChatTemplate;
  addBos: boolean;
  metrics: WorkerMetrics;
  events: EventEndpoints | null;
}

/** Chat (`messages`) or plain prompt (`prompt`: text or token ids). */
export function promptTokens(context: ServerContext, body: Record<string, unknown>): Uint32Array {
  const { core, template, addBos } = context;
  if (body['messages'] !== undefined) {
    if (!Array.isArray(body['messages']) || body['messages'].length === 0)
      throw new ApiError(400, 'BadRequestError', 'messages must be a list with entries', 'messages');
    // The gateway has rendered and tokenized this very chat already, proven equal at the start.
    if (body['prompt_token_ids'] !== undefined)
      return tokenIds(context, body['prompt_token_ids'], 'prompt_token_ids');
    const text = renderChat(template, {
      messages: body['messages'] as EngineMessage[],
      tools: (body['tools'] as EngineTool[] | undefined) ?? [],
      addGenerationPrompt: body['add_generation_prompt'] !== false,
      kwargs: (body['chat_template_kwargs'] as Record<string, unknown> | undefined) ?? {},
    });
    return core.tokenize(text, { addSpecial: false, parseSpecial: true });
  }
  const prompt = body['prompt'];
  if (typeof prompt === 'string') return core.tokenize(prompt, { addSpecial: addBos, parseSpecial: true });
  return tokenIds(context, Array.isArray(prompt) && Array.isArray(prompt[0]) ? prompt[0] : prompt, 'prompt');
}

function tokenIds({ core }: ServerContext, value: unknown, param: string): Uint32Array {
  const isId = (id: unknown) =>
    Number.isInteger(id) && (id as number) >= 0 && (id as number) < core.info.vocabTokens;
  if (Array.isArray(value) && value.length > 0 && value.every(isId))
    return Uint32Array.from(value as number[]);
  throw new ApiError(400, 'BadRequestError', `${param} must be text or a list of token ids`, param);
}
