/** `/v1/responses/compact`: a conversation in, what goes on in its place out. */
import type { CommonRequest, Message } from '../../request/types.js';
import { bodyFields } from '../fields.js';
import { encodeOpenAiError } from '../openai-error.js';
import type { Dialect } from '../types.js';
import { keptTurns } from './compaction.js';
import { decodeResponses, inputOf } from './decode.js';
import { responsesDialect } from './responses.js';
import { ResponsesRun } from './run.js';
import { stateOf } from './state.js';

/** Always whole and never stored: the client holds what it gets. */
export const compactDialect: Dialect = {
  ...responsesDialect,
  decode: (value, context) => {
    const body = bodyFields(value);
    const input = [...inputOf(body), { type: 'compaction_trigger' }];
    return decodeResponses({ ...body, input, store: false, stream: false }, context);
  },
  encodeWhole: (request, events, context) => {
    const run = new ResponsesRun(request, context);
    for (const event of events) run.push(event);
    const { id, created_at, output, usage } = run.response();
    return {
      id,
      object: 'response.compaction',
      created_at,
      output: [...keptItems(request), ...(output as unknown[])],
      usage,
    };
  },
  encodeError: encodeOpenAiError,
};

function keptItems(request: CommonRequest): Record<string, unknown>[] {
  return keptTurns(stateOf(request).history).map((turn, index) => ({
    id: `msg_${request.id}_k${index}`,
    type: 'message',
    status: 'completed',
    role: turn.role === 'system' ? 'developer' : 'user',
    content: partsOf(turn),
  }));
}

function partsOf({ blocks }: Message): Record<string, unknown>[] {
  return blocks.flatMap((block): Record<string, unknown>[] => {
    if (block.type === 'text') return [{ type: 'input_text', text: block.text }];
    if (block.type !== 'image') return [];
    const url = `data:${block.mediaType};base64,${block.data}`;
    return [{ type: 'input_image', image_url: url, detail: 'auto' }];
  });
}
