/** From a body to the common request: decode, check the model name, recognise the agent. */
import { recognise } from '../agents/recognise.js';
import { bodyFields } from '../dialects/fields.js';
import type { Dialect } from '../dialects/types.js';
import { DynamoError } from '../errors.js';
import { withStrictTools } from '../request/strict-tools.js';
import type { CommonRequest } from '../request/types.js';
import type { Caller } from './exchange.js';
import { type KeptView, keptFor } from './kept-view.js';
import { withinBounds, withoutForbidden } from './key-policy.js';
import type { GatewayRoom } from './room.js';
import type { ServedModel } from './types.js';

export interface Incoming {
  /** Under the served model's own name, without a preamble that only varies. */
  request: CommonRequest;
  /** Model name the client asked for, which its answer carries. */
  model: string;
  harness: string;
  role: string;
}

/** Throws `invalid_request`, `unsupported` or `unknown_model`. */
export function decodeIncoming(
  value: unknown,
  options: {
    id: string;
    call: Caller;
    dialect: Dialect;
    room: GatewayRoom;
    responses?: KeptView;
    isMeasured?: boolean;
  },
): Incoming {
  const { id, call, dialect, room, responses = keptFor(call.request, room), isMeasured = false } = options;
  const { headers } = call.request;
  const body = bodyFields(value);
  const decoded = dialect.decode(body, {
    requestId: id,
    headers,
    warn: (code, message) => room.warn(code, message, id),
    kept: (responseId) => responses.get(responseId),
    isMeasured,
  });
  checkModel(decoded.model, room.deps.served);
  const policy = room.keys.policyOf(call.request);
  const allowed = policy === null ? decoded : withoutForbidden(decoded, policy);
  const known = recognise({ headers, body, request: allowed });
  const bounded = policy === null ? known.request : withinBounds(known.request, policy);
  const request = { ...bounded, model: room.deps.served.name };
  const sent = room.deps.served.strictTools === true ? withStrictTools(request) : request;
  return { ...known, model: decoded.model, request: sent };
}

function checkModel(model: string, served: ServedModel): void {
  if (served.acceptAnyName || model === served.name || served.aliases.includes(model)) return;
  throw new DynamoError(
    'unknown_model',
    { model: model.slice(0, 100), served: served.name },
    { param: 'model' },
  );
}
