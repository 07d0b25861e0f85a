/** How an engine takes up an answer that another worker of it began, in fields of its body. */
export type Continuation =
  /** It is given the ids of the answer's first tokens, says those again, in few pieces, and goes on from there. */
  | { readonly way: 'repeats'; readonly idsField: string; readonly continuedField: string }
  /** It only completes raw tokens: prompt and answer so far, without its parsers of calls and reasoning. */
  | { readonly way: 'completes'; readonly idsField: string };

// `idsField`, set to true, makes the engine tell the ids of the answer's tokens with its pieces.
