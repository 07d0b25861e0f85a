/** `/v1/responses`: OpenAI's Responses API. */
import { encodeOpenAiError } from '../openai-error.js';
import { sseNamed } from '../sse.js';
import type { Dialect } from '../types.js';
import { decodeResponses } from './decode.js';
import { ResponsesRun } from './run.js';
import { ResponsesStream } from './stream.js';

export const responsesDialect: Dialect = {
  name: 'responses',
  decode: decodeResponses,
  streamEncoder: (request, context) => new ResponsesStream(new ResponsesRun(request, context), sseNamed),
  encodeWhole: (request, events, context) => {
    const run = new ResponsesRun(request, context);
    for (const event of events) run.push(event);
    return run.response();
  },
  encodeError: encodeOpenAiError,
};
