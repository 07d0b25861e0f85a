/** How much may be computed ahead: a share of all prompt tokens computed, so that guesses never become the work. */

export interface WarmBudgetOptions {
  /** Of all computed prompt tokens, warm-ups included; 0..1, below 1. */
  share: number;
  /** Tokens that may be computed ahead before any request has come. */
  headStart: number;
}

export class WarmBudget {
  readonly #options: WarmBudgetOptions;
  #served = 0;
  #warmed = 0;

  constructor(options: WarmBudgetOptions) {
    this.#options = options;
  }

  /** A user's request had this many prompt tokens computed. */
  served(tokens: number): void {
    this.#served += tokens;
  }

  warmed(tokens: number): void {
    this.#warmed += tokens;
  }

  allows(tokens: number): boolean {
    const { share, headStart } = this.#options;
    return share > 0 && this.#warmed + tokens <= headStart + (this.#served * share) / (1 - share);
  }
}
