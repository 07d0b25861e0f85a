/** A Messages body as a common request. Unknown fields, betas and blocks are accepted. */
import { DynamoError } from '../../errors.js';
import type { CommonRequest, ResponseFormat } from '../../request/types.js';
import {
  bodyFields,
  booleanField,
  type Fields,
  invalid,
  isFields,
  numberField,
  objectField,
  requiredText,
} from '../fields.js';
import { decodeHints } from '../hints.js';
import { warnIgnored } from '../ignored.js';
import { reasoningOf } from '../reasoning.js';
import { decodeSampling, engineFieldsOf, stopOf } from '../sampling.js';
import type { DecodeContext } from '../types.js';
import { decodeMessagesTools, toolChoiceOf } from './decode-tools.js';
import { decodeTurns } from './decode-turns.js';

/** Fields that change an answer at Anthropic and cannot here. */
const IGNORED: Record<string, string> = {
  compaction: 'conversations are not compacted here; the client does it',
  container: 'there are no containers here',
  context_management: 'conversations are not edited here; the client does it',
  fallbacks: 'one model is served here',
  mcp_servers: 'MCP servers are not called from here; the client does it',
};

/** Throws `invalid_request` or `unsupported` naming the field. */
export function decodeMessages(value: unknown, context: DecodeContext): CommonRequest {
  const body = bodyFields(value);
  const maxTokens = numberField(body, 'max_tokens', { min: 0, isInteger: true });
  if (maxTokens === undefined && context.isMeasured !== true) throw invalid('max_tokens', 'is required');
  const choice = objectField(body, 'tool_choice');
  const tools = decodeMessagesTools(body, context);
  refuseThread(body);
  warnIgnored(body, IGNORED, context);
  return {
    id: context.requestId,
    dialect: 'messages',
    model: requiredText(body, 'model'),
    input: { kind: 'chat', messages: decodeTurns(body, context) },
    tools,
    toolChoice: toolChoiceOf(body, tools, context),
    parallelToolCalls: choice?.['disable_parallel_tool_use'] !== true,
    sampling: decodeSampling(body),
    // Zero asks only for the prompt to be read; engines generate at least one token.
    ...(maxTokens === undefined ? {} : { maxTokens: Math.max(1, maxTokens) }),
    stop: stopOf(body, 'stop_sequences'),
    format: formatOf(body),
    n: 1,
    reasoning: reasoningFields(body),
    stream: booleanField(body, 'stream') ?? false,
    includeUsage: true,
    hints: decodeHints(body, context.headers),
    extra: engineFieldsOf(body),
    dialectState: { hidesThinking: isThinkingHidden(body) },
  };
}

/** `adaptive` leaves it to the model's template, which is what the word means there. */
function reasoningFields(body: Fields): CommonRequest['reasoning'] {
  const thinking = objectField(body, 'thinking') ?? {};
  const config = isFields(body['output_config']) ? body['output_config'] : {};
  const { type } = thinking;
  return reasoningOf({
    enabled: type === 'enabled' ? true : type === 'disabled' ? false : undefined,
    effort: typeof config['effort'] === 'string' ? config['effort'] : undefined,
    budgetTokens: numberField(thinking, 'budget_tokens', { min: 0, isInteger: true }, 'thinking.'),
  });
}

/**
 * A conversation held by the server: the client would send only what is new. Anthropic's client sends the whole
 * conversation from then on when it is told in these words.
 */
function refuseThread(body: Fields): void {
  if (objectField(body, 'thread') === undefined) return;
  const detail = 'thread: conversations are not kept here; send the whole conversation';
  throw new DynamoError(
    'unsupported',
    { detail, error_code: 'thread_unsupported_request' },
    { param: 'thread' },
  );
}

/** The client keeps thinking as a signature alone. */
function isThinkingHidden(body: Fields): boolean {
  return isFields(body['thinking']) && body['thinking']['display'] === 'omitted';
}

function formatOf(body: Fields): ResponseFormat {
  const config = isFields(body['output_config']) ? body['output_config'] : {};
  const format = config['format'] ?? body['output_format'];
  if (!isFields(format) || format['type'] !== 'json_schema') return { kind: 'text' };
  const { schema } = format;
  if (!isFields(schema)) throw invalid('output_config.format.schema', 'must be a JSON schema object');
  return { kind: 'json_schema', name: 'answer', schema, strict: true };
}
