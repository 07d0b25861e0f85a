/**
 * Every error the product can report: code, sentence, what to try, HTTP status, exit code.
 *
 * A sentence says what happened and where; the remedy says what to try. Dialects turn the same error into
 * their own envelope. `docs/errors.md` lists every code, and a test says so.
 */

interface ErrorEntry {
  /** Sentence with `{name}` places. */
  template: string;
  remedy: string;
  /** HTTP status towards a client. */
  status: number;
  /** Process exit code of a command that fails with it. */
  exit: 1 | 2 | 3 | 4;
}

const entry = (status: number, exit: ErrorEntry['exit'], template: string, remedy = ''): ErrorEntry => ({
  template,
  remedy,
  status,
  exit,
});

export const ERRORS = {
  // Requests: the client's mistake.
  invalid_json: entry(400, 2, 'The body is not valid JSON: {detail}', 'Send one JSON object.'),
  invalid_request: entry(400, 2, '{detail}', ''),
  unknown_model: entry(
    404,
    2,
    'The model `{model}` does not exist here; this stack serves `{served}`.',
    'Ask for `{served}`.',
  ),
  prompt_too_long: entry(
    400,
    2,
    'prompt is too long: {tokens} tokens > {limit} maximum',
    'Shorten the conversation or choose a model with a larger context.',
  ),
  body_too_large: entry(
    413,
    2,
    'The body is larger than {limit} bytes.',
    'Send less, or raise --set limits.body_bytes.',
  ),
  unauthorized: entry(
    401,
    2,
    'The API key is missing or wrong.',
    'Send it as `authorization: Bearer KEY` or `x-api-key: KEY`.',
  ),
  forbidden_host: entry(
    403,
    2,
    'The host header `{host}` is not allowed here.',
    'Use the address the stack printed.',
  ),
  forbidden_origin: entry(
    403,
    2,
    'A web page of `{origin}` may not use this stack.',
    'Use a client that is no web page, or one served from this address.',
  ),
  too_many_headers: entry(431, 2, 'The request has {count} headers; {limit} are allowed.', 'Send fewer.'),
  previous_response_not_found: entry(
    400,
    2,
    "Previous response with id '{id}' not found.",
    'Send the whole conversation without previous_response_id.',
  ),
  no_route: entry(404, 2, 'There is nothing at {method} {path}.', '{suggestion}'),
  not_found: entry(404, 2, 'There is nothing at {method} {path}.', 'GET /v1/models lists what is served.'),
  method_not_allowed: entry(405, 2, '{method} is not allowed on {path}.', 'Use {allowed}.'),
  unsupported: entry(400, 2, '{detail}', ''),
  request_timeout: entry(408, 1, 'The body did not arrive within {ms} ms.', 'Send it without pauses.'),
  client_closed: entry(499, 1, 'The client closed the connection.', ''),
  key_busy: entry(
    429,
    1,
    'The key `{name}` has {limit} requests in work already.',
    'Wait for one of them to end.',
  ),
  // Requests: our side.
  overloaded: entry(529, 1, 'Every worker is busy; {waiting} requests wait.', 'Retry after {seconds} s.'),
  not_ready: entry(503, 1, 'No worker is ready: {detail}', 'See `dynamo status`.'),
  draining: entry(503, 1, 'The stack is shutting down.', 'Retry after it has started again.'),
  engine_error: entry(
    502,
    1,
    'The engine on worker {worker} refused the request: {detail}',
    'See `dynamo logs {worker}`.',
  ),
  engine_lost: entry(
    502,
    1,
    'Worker {worker} was lost before the answer was complete: {detail}',
    'Send the request again.',
  ),
  no_summary: entry(
    502,
    1,
    'The model gave no summary of the conversation.',
    'Send the request again, or have the client summarise.',
  ),
  engine_timeout: entry(
    504,
    1,
    'Worker {worker} sent nothing for {seconds} s.',
    'See `dynamo logs {worker}`.',
  ),
  internal: entry(500, 1, 'Something in dynamo failed: {detail}', 'Please report it with `dynamo logs`.'),
  // Recipes and plans.
  unknown_recipe: entry(404, 2, 'There is no recipe `{name}`.', '{suggestion}'),
  invalid_recipe: entry(
    400,
    2,
    'The recipe {file} has {count} problem(s):\n{problems}',
    'Fix them and run `dynamo recipe check {file}`.',
  ),
  host_refused: entry(400, 3, 'This host cannot run {recipe}:\n{refusals}', '{suggestion}'),
  usage: entry(400, 2, '{detail}', '{remedy}'),
  engine_unreachable: entry(
    502,
    4,
    'No attached engine answers at {url}: {detail}',
    'Start the engine first, or check the address: `curl URL/v1/models` must list its model.',
  ),
  trace_invalid: entry(
    400,
    2,
    'The trace {file} cannot be read: {at}: {problem}',
    '`dynamo replay --help` lists the forms it reads; `dynamo report` reads what `up --record` wrote.',
  ),
  // Model files.
  unknown_model_file: entry(
    404,
    2,
    'There is no model `{name}` to fetch.',
    'Known: {known}. A GGUF file of your own is used by its path: `dynamo up --recipe ./FILE.gguf`.',
  ),
  model_corrupt: entry(
    500,
    1,
    'The model file {path} is corrupt: its SHA-256 is {actual}, expected {expected}.',
    'Remove it with `dynamo model rm {name}` and run `dynamo model pull {name}`.',
  ),
  model_unreachable: entry(
    500,
    1,
    'The model {name} could not be fetched: {detail}',
    'Without a network, put {file} (SHA-256 {sha256}) at {path}.',
  ),
  hub_model: entry(500, 1, 'The model {id} could not be fetched: {detail}.', '{remedy}'),
  model_missing: entry(500, 1, 'The model file {path} does not exist.', '{remedy}'),
  model_invalid: entry(
    500,
    1,
    'The model file {path} cannot be used: {detail}',
    'Give a whole GGUF file of a chat model, or fetch it again.',
  ),
  disk_full: entry(
    500,
    1,
    '{path} has {free} free, {needed} are needed.',
    'Free space there or point DYNAMO_HOME elsewhere.',
  ),
  // Stack and workers.
  unsafe_folder: entry(
    500,
    1,
    'The folder {dir} cannot be used for sockets and pages: {why}.',
    'Remove it, or point XDG_RUNTIME_DIR or DYNAMO_HOME to a folder of your own.',
  ),
  untrusted_code: entry(
    400,
    2,
    'The variant {variant} of {recipe} has vLLM run Python code that comes with the model: {args}.',
    'If you trust {model}, add --trust-remote-code; `dynamo plan` and `--simulate` run none of it.',
  ),
  stack_running: entry(
    409,
    1,
    'A stack named `{name}` is already running at {url} (pid {pid}).',
    'Stop it with `dynamo down --name {name}` or start another with `--name OTHER --port PORT`.',
  ),
  stack_not_running: entry(
    404,
    4,
    'No stack named `{name}` is running.',
    'Start it with `dynamo up --name {name}`.',
  ),
  port_in_use: entry(
    409,
    1,
    'Port {port} on {host} is in use{holder}.',
    'The next free port is {next}: use `--port {next}`.',
  ),
  worker_failed: entry(500, 1, 'Worker {worker} did not start: {detail}\n{tail}', '{remedy}'),
  start_failed: entry(500, 1, 'The stack did not start: {detail}', '{remedy}'),
  engine_missing: entry(500, 1, 'The engine {engine} is not available on this host: {detail}', '{remedy}'),
  // Coding agents.
  harness_missing: entry(
    500,
    1,
    '{title} is not installed: there is no `{program}` on PATH.',
    'Install it with `npm install -g {package}`; dynamo installs nothing by itself.',
  ),
  stack_unreachable: entry(
    502,
    1,
    'The stack does not answer as it should: {detail}',
    'See `dynamo status` and `dynamo logs`.',
  ),
  unsupported_node: entry(
    500,
    1,
    'Node {version} is too old; dynamo needs 20.20 or newer.',
    'Install it from nodejs.org.',
  ),
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof ERRORS;

export type ErrorFields = Record<string, string | number>;

/** An expected failure with a code of the registry. `param` names the request field at fault, if any. */
export class DynamoError extends Error {
  readonly code: ErrorCode;
  readonly fields: ErrorFields;
  readonly remedy: string;
  readonly status: number;
  readonly exit: number;
  readonly param: string | null;
  /** Seconds the client should wait before it tries again, when that helps. */
  retryAfterSeconds: number | null = null;

  constructor(
    code: ErrorCode,
    fields: ErrorFields = {},
    options: { cause?: unknown; param?: string; status?: number; exit?: number } = {},
  ) {
    const found: ErrorEntry = ERRORS[code];
    super(fill(found.template, fields), { cause: options.cause });
    this.name = 'DynamoError';
    this.code = code;
    this.fields = fields;
    this.remedy = fill(found.remedy, fields);
    this.status = options.status ?? found.status;
    this.exit = options.exit ?? found.exit;
    this.param = options.param ?? null;
  }
}

/** Any thrown value as a DynamoError; what is not one becomes `internal` with its message. */
export function toDynamoError(error: unknown): DynamoError {
  if (error instanceof DynamoError) return error;
  const detail = error instanceof Error ? error.message : String(error);
  return new DynamoError('internal', { detail }, { cause: error });
}

function fill(template: string, fields: ErrorFields): string {
  return template.replace(/\{(\w+)\}/g, (place, name: string) =>
    name in fields ? String(fields[name]) : place,
  );
}
