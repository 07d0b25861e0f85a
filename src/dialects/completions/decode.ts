/** A completions body as a common request. */
import { LIMITS } from '../../limits.js';
import type { CommonRequest, TextInput, TokensInput } from '../../request/types.js';
import {
  bodyFields,
  booleanField,
  type Fields,
  invalid,
  numberField,
  objectField,
  requiredText,
  textField,
  unsupported,
} from '../fields.js';
import { decodeHints } from '../hints.js';
import { decodeSampling, engineFieldsOf, stopOf } from '../sampling.js';
import type { DecodeContext } from '../types.js';

/** OpenAI's default, which engines follow; said out loud so that every engine gives the same. */
const MAX_TOKENS_DEFAULT = 16;

/** Throws `invalid_request` or `unsupported` naming the field. */
export function decodeCompletion(value: unknown, context: DecodeContext): CommonRequest {
  const body = bodyFields(value);
  const input = decodePrompt(body);
  const echo = echoOf(body, input);
  return {
    id: context.requestId,
    dialect: 'completions',
    model: requiredText(body, 'model'),
    input,
    tools: [],
    toolChoice: { kind: 'auto' },
    parallelToolCalls: true,
    sampling: decodeSampling(body),
    maxTokens: numberField(body, 'max_tokens', { min: 1, isInteger: true }) ?? MAX_TOKENS_DEFAULT,
    stop: stopOf(body, 'stop'),
    format: { kind: 'text' },
    n: choicesOf(body),
    reasoning: {},
    stream: booleanField(body, 'stream') ?? false,
    includeUsage: booleanField(objectField(body, 'stream_options') ?? {}, 'include_usage') ?? false,
    hints: decodeHints(body, context.headers),
    extra: { ...engineFieldsOf(body), ...answerFields(body) },
    dialectState: echo === undefined ? {} : { echo },
  };
}

/** `best_of` computes more choices than it gives; no engine here ranks them. */
function choicesOf(body: Fields): number {
  const n = numberField(body, 'n', { min: 1, max: LIMITS.choicesMax, isInteger: true }) ?? 1;
  const best = numberField(body, 'best_of', { min: 0, isInteger: true }) ?? n;
  if (best > n) throw unsupported('best_of', 'no engine here ranks choices; ask for them with n');
  return n;
}

function decodePrompt(body: Fields): TextInput | TokensInput {
  const { prompt } = body;
  if (typeof prompt === 'string') return { kind: 'text', text: prompt };
  if (!Array.isArray(prompt)) throw invalid('prompt', 'must be a string or a list of token ids');
  if (prompt.length === 0) throw invalid('prompt', 'must not be empty');
  const [first] = prompt as unknown[];
  if (typeof first === 'number') return { kind: 'tokens', tokens: tokenIds(prompt) };
  if (prompt.length > 1) {
    throw unsupported(
      'prompt',
      'a list of prompts is not taken here; send a request for each, at the same time',
    );
  }
  if (typeof first === 'string') return { kind: 'text', text: first };
  if (Array.isArray(first) && first.length > 0) return { kind: 'tokens', tokens: tokenIds(first) };
  throw invalid('prompt', 'must be a string or a list of token ids');
}

function tokenIds(list: unknown[]): Uint32Array {
  const tokens = new Uint32Array(list.length);
  for (let index = 0; index < list.length; index += 1) {
    const id = list[index];
    const isId = typeof id === 'number' && Number.isInteger(id) && id >= 0 && id < 2 ** 31;
    if (!isId) throw invalid(`prompt[${index}]`, 'must be a token id');
    tokens[index] = id;
  }
  return tokens;
}

function answerFields(body: Fields): Record<string, unknown> {
  const logprobs = numberField(body, 'logprobs', { min: 0, max: LIMITS.logprobsTop, isInteger: true });
  const suffix = textField(body, 'suffix');
  if (suffix !== undefined && suffix !== '') throw unsupported('suffix', 'there is no text to insert before');
  return logprobs === undefined ? {} : { logprobs };
}

/** The prompt's text to begin each choice with: done here, because not every engine does. */
function echoOf(body: Fields, input: TextInput | TokensInput): string | undefined {
  if (booleanField(body, 'echo') !== true) return undefined;
  if (input.kind === 'tokens') throw unsupported('echo', 'only a prompt of text can be echoed');
  if (body['logprobs'] !== undefined && body['logprobs'] !== null) {
    throw unsupported('echo', 'the log probabilities of a prompt are not computed here');
  }
  return input.text;
}
