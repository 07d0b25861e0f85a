/** A failure of the connection to a worker as an error of our registry. */
import { DynamoError } from '../errors.js';

/** Timeouts of an open request → `engine_timeout`; everything else a socket can do → `engine_lost`. */
export function linkFailure(error: unknown, worker: string, silenceMs: number): DynamoError {
  if (error instanceof DynamoError) return error;
  const code = codeOf(error);
  if (code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT') {
    return new DynamoError(
      'engine_timeout',
      { worker, seconds: Math.ceil(silenceMs / 1000) },
      { cause: error },
    );
  }
  return new DynamoError('engine_lost', { worker, detail: sentence(code, error) }, { cause: error });
}

function sentence(code: string, error: unknown): string {
  switch (code) {
    case 'ECONNREFUSED':
      return 'nothing listens on its port';
    case 'ECONNRESET':
    case 'EPIPE':
    case 'UND_ERR_SOCKET':
      return 'it closed the connection';
    case 'UND_ERR_CONNECT_TIMEOUT':
      return 'its port did not answer';
    case 'UND_ERR_DESTROYED':
    case 'UND_ERR_CLOSED':
      return 'the stack let go of it';
    default:
      return error instanceof Error ? error.message || code : String(error);
  }
}

/** Node joins the failures of several addresses into one AggregateError whose own code is the first one's. */
function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return '';
  const { code, cause } = error as { code?: unknown; cause?: unknown };
  if (typeof code === 'string') return code;
  return cause === undefined ? '' : codeOf(cause);
}
