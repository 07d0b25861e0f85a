/** `/v1/messages`: Anthropic's Messages API. */
import type { Dialect } from '../types.js';
import { decodeMessages } from './decode.js';
import { encodeMessagesError } from './error.js';
import { MessagesStream } from './stream.js';
import { encodeMessage } from './whole.js';

export const messagesDialect: Dialect = {
  name: 'messages',
  decode: decodeMessages,
  streamEncoder: (request, context) => new MessagesStream(request, context),
  encodeWhole: encodeMessage,
  encodeError: encodeMessagesError,
};
