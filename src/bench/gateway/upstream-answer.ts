/** The upstream's answers, rendered once: vLLM's chat endpoint as bytes. */

export const CHUNKS = 64;
export const UPSTREAM_MODEL = 'bench';

const TOKENS = Array.from({ length: CHUNKS }, (_, index) => ` token${index}`);
/** What every answer says. */
export const ANSWER_TEXT = TOKENS.join('');

const BASE = { id: 'chatcmpl-bench', created: 1_731_000_000, model: UPSTREAM_MODEL };
/** Nobody tokenizes here: prompt tokens are said to be a quarter of the body's bytes. */
const BYTES_PER_TOKEN = 4;

export interface AskedFor {
  bodyBytes: number;
  hasUsage: boolean;
}

/** One answer in one piece. */
export function wholeAnswer({ bodyBytes }: AskedFor): Buffer {
  const message = { role: 'assistant', content: ANSWER_TEXT, refusal: null, tool_calls: [] };
  const choice = { index: 0, message, logprobs: null, finish_reason: 'stop', stop_reason: null };
  return Buffer.from(
    JSON.stringify({
      ...BASE,
      object: 'chat.completion',
      choices: [choice],
      usage: usage(bodyBytes, CHUNKS),
      prompt_logprobs: null,
    }),
  );
}

/** The role, then one event for each token. */
export const OPENING_CHUNK = event({ role: 'assistant', content: '' }, null);
export const TOKEN_CHUNKS: readonly Buffer[] = TOKENS.map((content) => event({ content }, null));
const FINISH_CHUNK = event({ content: '' }, 'stop');
const DONE = Buffer.from('data: [DONE]\n\n');

/** What follows the tokens, in one write: finish, usage when asked for, done. */
export function closing({ bodyBytes, hasUsage }: AskedFor, tokens = CHUNKS): Buffer {
  if (!hasUsage) return Buffer.concat([FINISH_CHUNK, DONE]);
  const told = { ...BASE, object: 'chat.completion.chunk', choices: [], usage: usage(bodyBytes, tokens) };
  return Buffer.concat([FINISH_CHUNK, Buffer.from(`data: ${JSON.stringify(told)}\n\n`), DONE]);
}

/** A token that says when it was sent, in microseconds of this machine's monotonic clock. */
export const stampedChunk = (microseconds: bigint): Buffer => event({ content: ` @${microseconds}` }, null);

function event(delta: object, finish: string | null): Buffer {
  const choice = { index: 0, delta, logprobs: null, finish_reason: finish };
  return Buffer.from(
    `data: ${JSON.stringify({ ...BASE, object: 'chat.completion.chunk', choices: [choice] })}\n\n`,
  );
}

function usage(bodyBytes: number, completion: number): object {
  const prompt = Math.ceil(bodyBytes / BYTES_PER_TOKEN);
  return {
    prompt_tokens: prompt,
    total_tokens: prompt + completion,
    completion_tokens: completion,
    prompt_tokens_details: null,
  };
}
