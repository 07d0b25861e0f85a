/** `/v1/completions`: text or token ids in, text out. */
import { encodeOpenAiError } from '../openai-error.js';
import type { Dialect } from '../types.js';
import { decodeCompletion } from './decode.js';
import { CompletionStream, encodeCompletion } from './encode.js';

export const completionsDialect: Dialect = {
  name: 'completions',
  decode: decodeCompletion,
  streamEncoder: (request, context) => new CompletionStream(request, context),
  encodeWhole: encodeCompletion,
  encodeError: encodeOpenAiError,
};
