/** How an engine takes up an answer that another worker of it began: body fields. */
export interface ContinuationFields {
  /** Set to true, the engine tells the ids of the answer's tokens with its pieces. */
  readonly idsField: string;
  /** Ids of the answer's first tokens: the engine says those again, in few pieces, and goes on from there. */
  readonly continuedField: string;
}
