/** `/v1/models`, in OpenAI's shape or, with an `anthropic-version` header, in Anthropic's. */
import { DynamoError } from '../errors.js';
import type { GatewayRoom } from './room.js';
import type { HttpCall } from './routes.js';
import { sendJson } from './send.js';
import type { ServedModel } from './types.js';

export function serveModels({ request, response }: HttpCall, room: GatewayRoom): void {
  const { served } = room.deps;
  const names = namesOf(served);
  if (request.headers['anthropic-version'] !== undefined) {
    const data = names.map((name) => anthropicModel(name, served));
    sendJson(response, 200, { data, has_more: false, first_id: names[0], last_id: names.at(-1) });
    return;
  }
  const list = { object: 'list', data: names.map((name) => openAiModel(name, served)) };
  // Codex refreshes its catalogue here and fails without a list of its own; an empty one keeps what it knows.
  const isCodex = (request.url ?? '').includes('client_version=');
  sendJson(response, 200, isCodex ? { ...list, models: [] } : list);
}

/** Rejects with `unknown_model`. */
export function serveModel({ request, response, params }: HttpCall, room: GatewayRoom): void {
  const { served } = room.deps;
  const model = params['id'] ?? '';
  if (!namesOf(served).includes(model)) {
    throw new DynamoError(
      'unknown_model',
      { model: model.slice(0, 100), served: served.name },
      { param: 'model' },
    );
  }
  const isAnthropic = request.headers['anthropic-version'] !== undefined;
  sendJson(response, 200, isAnthropic ? anthropicModel(model, served) : openAiModel(model, served));
}

function namesOf(served: ServedModel): string[] {
  return [...new Set([served.name, ...served.aliases])];
}

/** Context length under the names that vLLM, OpenRouter and agents use. */
function openAiModel(id: string, served: ServedModel): Record<string, unknown> {
  const { created, contextTokens } = served;
  return {
    id,
    object: 'model',
    created,
    owned_by: 'dynamo',
    root: served.name,
    max_model_len: contextTokens,
    context_length: contextTokens,
    context_window: contextTokens,
  };
}

function anthropicModel(id: string, served: ServedModel): Record<string, unknown> {
  return {
    type: 'model',
    id,
    display_name: id,
    created_at: new Date(served.created * 1000).toISOString(),
    context_window: served.contextTokens,
    max_input_tokens: served.contextTokens,
  };
}
