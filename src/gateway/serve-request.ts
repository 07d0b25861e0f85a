/**
 * A request's whole way: read the body → decode → recognise the agent → prompt → route → worker → answer.
 * Everything else in this room is one of these steps.
 */
import { readHeader } from '../agents/read-header.js';
import type { Dialect, EncodeContext } from '../dialects/types.js';
import { DynamoError, toDynamoError } from '../errors.js';
import { LIMITS } from '../limits.js';
import type { PreparedPrompt } from '../prompt/types.js';
import type { CommonRequest, Usage } from '../request/types.js';
import { type CacheWrites, cacheWrites, hasMarks } from '../retention/cache-writes.js';
import { annotationsOf } from './annotations.js';
import type { BodyBytes } from './body-bytes.js';
import { withinShare } from './cache-share.js';
import { Client } from './client.js';
import type { Exchange } from './exchange.js';
import { fitRequest } from './fit.js';
import { forward } from './forward.js';
import { decodeIncoming } from './incoming.js';
import { keptFor } from './kept-view.js';
import { readJson } from './read-body.js';
import { createReply, type Reply } from './reply.js';
import { newRequestId } from './request-id.js';
import { RequestMeter } from './request-meter.js';
import type { GatewayRoom } from './room.js';
import type { HttpCall } from './routes.js';
import { type ErrorEncoder, sendError } from './send.js';

/** Never rejects: the client gets every failure in its dialect, telemetry hears of it. */
export function serveRequest(call: HttpCall, dialect: Dialect, room: GatewayRoom): Promise<void> {
  const bytesMax = room.deps.config.bodyBytes;
  const parse = (bytes: BodyBytes): unknown => room.bodies.parse(bytes);
  return serveFrom(call, room, {
    encodeError: dialect.encodeError,
    read: async () => ({ dialect, body: await readJson(call.request, { bytesMax }, parse) }),
  });
}

/** Where body and dialect come from; `encodeError` is for failures before the dialect is known. */
export interface RequestSource {
  encodeError: ErrorEncoder;
  read(): Promise<{ dialect: Dialect; body: unknown }>;
}

/** The same for a body whose dialect it names itself. */
export function serveFrom(call: HttpCall, room: GatewayRoom, source: RequestSource): Promise<void> {
  const client = new Client(call.response);
  const exchange: Exchange = {
    call,
    client,
    responses: keptFor(call.request, room),
    reply: (options) => createReply({ ...options, client }),
    refuse: (error, requestId) => sendError(call.response, error, { encode: source.encodeError, requestId }),
  };
  return serveExchange(exchange, room, source);
}

/** The same for any way a client can be talked to. */
export async function serveExchange(
  exchange: Exchange,
  room: GatewayRoom,
  source: RequestSource,
): Promise<void> {
  const { deps } = room;
  const { call, client, responses } = exchange;
  const id = newRequestId();
  const meter = new RequestMeter(id, deps.emit);
  let reply: Reply | undefined;
  let leave = () => {};
  room.running.add(client);
  try {
    admit(room);
    leave = room.keys.enter(call.request);
    const { dialect, body } = await source.read();
    meter.bodyRead();
    const incoming = decodeIncoming(body, { id, call, dialect, room, responses });
    const { model, harness, role } = incoming;
    room.warming.arrived(incoming.request);
    const traceParent = readHeader(call.request.headers, 'traceparent');
    meter.started(incoming.request, { model, harness, role, traceParent });
    room.notes.add(incoming.request, model, room.keys.policyOf(call.request)?.name ?? null);
    const prompt = await deps.prompt.prepare(incoming.request, client.signal);
    meter.prepared();
    deps.onPrompt?.(incoming.request, prompt);
    const fitting = fitRequest(incoming.request, prompt, deps.served);
    const request = withinShare(fitting, prompt, room.keys.policyOf(call.request), room);
    const context = encodeContext(exchange, { model, request, prompt, meter });
    const annotations = annotationsOf(request, prompt, room.warn);
    reply = exchange.reply({ dialect, request, context, annotations });
    const job = { request, prompt, reply, meter, deps, warming: room.warming, signal: client.signal };
    await forward(job, room.notes);
    if (meter.usage !== null) room.regions.add({ id, prompt, cachedTokens: meter.usage.cachedTokens });
  } catch (error) {
    const known = knownError(client.signal.aborted ? client.signal.reason : error);
    settle(meter, known);
    if (reply === undefined) exchange.refuse(known, id);
    else reply.fail(known);
  } finally {
    reply?.close();
    leave();
    room.running.delete(client);
  }
}

/** Throws `draining` or `overloaded` before anything is read. */
export function admit(room: GatewayRoom): void {
  if (room.isDraining()) throw new DynamoError('draining');
  if (room.running.size <= LIMITS.requestsMax) return;
  const error = new DynamoError('overloaded', { waiting: room.running.size, seconds: 1 });
  error.retryAfterSeconds = 1;
  throw error;
}

/** A body nested so deep that walking it overflows the stack is the client's mistake. */
function knownError(error: unknown): DynamoError {
  const isTooDeep = error instanceof RangeError && /call stack/i.test(error.message);
  if (!isTooDeep) return toDynamoError(error);
  return new DynamoError('invalid_request', { detail: 'The body is nested too deeply.' }, { cause: error });
}

/** Codes of failures that are no fault of ours: nothing was computed for them. */
const REJECTIONS = new Set(['overloaded', 'key_busy', 'not_ready', 'draining']);

function settle(meter: RequestMeter, error: DynamoError): void {
  if (error.code === 'client_closed') meter.cancelled();
  else if (error.status < 500 && error.code !== 'engine_error') meter.rejected(error);
  else if (REJECTIONS.has(error.code)) meter.rejected(error);
  else meter.failed(error);
}

function encodeContext(
  exchange: Exchange,
  facts: { model: string; request: CommonRequest; prompt: PreparedPrompt; meter: RequestMeter },
): EncodeContext {
  const { model, request, prompt, meter } = facts;
  const { extraFields } = request.hints;
  return {
    model,
    created: unixSeconds(),
    now: unixSeconds,
    promptTokens: prompt.tokens.length,
    ...(hasMarks(request) ? { cacheWrites: (usage) => writesOf(request, prompt, usage) } : {}),
    ...(extraFields.length === 0 ? {} : { nvext: () => meter.extension(extraFields) }),
    keep: (kept) => exchange.responses.put(kept),
  };
}

/** Where a mark ends is exact for prompts that are looked through in a few milliseconds, and by share of the text beyond. */
function writesOf(request: CommonRequest, prompt: PreparedPrompt, usage: Usage): CacheWrites {
  const isShort = usage.promptTokens <= LIMITS.regionTallyTokens;
  const regions = isShort ? prompt.regions : (prompt.roughRegions?.() ?? prompt.regions);
  return cacheWrites(request, regions, usage);
}

function unixSeconds(): number {
  return Math.floor(Date.now() / 1000);
}
