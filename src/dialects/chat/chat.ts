/** `/v1/chat/completions`. */
import { encodeOpenAiError } from '../openai-error.js';
import type { Dialect } from '../types.js';
import { decodeChat } from './decode.js';
import { ChatStream } from './stream.js';
import { encodeChat } from './whole.js';

export const chatDialect: Dialect = {
  name: 'chat',
  decode: decodeChat,
  streamEncoder: (request, context) => new ChatStream(request, context),
  encodeWhole: encodeChat,
  encodeError: encodeOpenAiError,
};
