/** `/v1/responses`: OpenAI's Responses API. */
import type { CommonRequest } from '../../request/types.js';
import { encodeOpenAiError } from '../openai-error.js';
import type { Dialect, EncodeContext } from '../types.js';
import { decodeResponses } from './decode.js';
import { ResponsesRun } from './run.js';
import { ResponsesEvents, ResponsesStream } from './stream.js';

export const responsesDialect: Dialect = {
  name: 'responses',
  decode: decodeResponses,
  streamEncoder: (request, context) => new ResponsesStream(responsesEvents(request, context)),
  encodeWhole: (request, events, context) => {
    const run = new ResponsesRun(request, context);
    for (const event of events) run.push(event);
    return run.response();
  },
  encodeError: encodeOpenAiError,
};

/** The events of an answer as objects, for a transport that frames them itself. */
export function responsesEvents(request: CommonRequest, context: EncodeContext): ResponsesEvents {
  return new ResponsesEvents(new ResponsesRun(request, context));
}
