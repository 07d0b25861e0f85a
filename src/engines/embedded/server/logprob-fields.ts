/** Log probabilities of a run of tokens in OpenAI's two forms. */
import type { EngineCore, TokenLogprobs } from '../types.js';

/** Chat form: one entry per token with its bytes and alternatives. */
export function chatLogprobs(core: EngineCore, entries: readonly TokenLogprobs[]): unknown {
  const shown = (token: number, logprob: number) => {
    const bytes = core.piece(token, { special: true });
    return { token: textOf(bytes), logprob, bytes: Array.from(bytes) };
  };
  return {
    content: entries.map(({ token, logprob, top }) => ({
      ...shown(token, logprob),
      top_logprobs: top.map((entry) => shown(entry.token, entry.logprob)),
    })),
  };
}

/** Completions form: parallel lists. `offset`: characters of the answer before these tokens. */
export function textLogprobs(core: EngineCore, entries: readonly TokenLogprobs[], offset: number): unknown {
  const text = (token: number): string => textOf(core.piece(token, { special: true }));
  let at = offset;
  const offsets = entries.map(({ token }) => {
    const start = at;
    at += text(token).length;
    return start;
  });
  return {
    text_offset: offsets,
    token_logprobs: entries.map(({ logprob }) => logprob),
    tokens: entries.map(({ token }) => text(token)),
    // The chosen token is always among the alternatives, as in vLLM.
    top_logprobs: entries.map(({ token, logprob, top }) =>
      Object.fromEntries([...top, { token, logprob }].map((entry) => [text(entry.token), entry.logprob])),
    ),
  };
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
}
