/** Reading the argv of a worker program of ours. */
import type { ParseArgsConfig } from 'node:util';
import { parseArgs } from 'node:util';
import { DynamoError } from '../errors.js';
import type { EventEndpoints } from '../plan/types.js';

/** Every method throws `usage`, with the same remedy. */
export class WorkerArgv {
  readonly #remedy: string;

  constructor(remedy: string) {
    this.#remedy = remedy;
  }

  parse<T extends NonNullable<ParseArgsConfig['options']>>(args: string[], options: T) {
    try {
      return parseArgs({ args, options }).values;
    } catch (error) {
      throw this.wrong(error instanceof Error ? error.message : String(error));
    }
  }

  wholeNumber(name: string, text: string, min: number, max: number): number {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw this.wrong(`--${name} must be a whole number from ${min} to ${max}, not ${JSON.stringify(text)}`);
  }

  /** Null for a worker that tells no events. */
  endpoints(values: {
    events?: string | undefined;
    replay?: string | undefined;
    topic: string;
  }): EventEndpoints | null {
    const { events, replay, topic } = values;
    if ((events === undefined) !== (replay === undefined))
      throw this.wrong('--events and --replay go together');
    return events === undefined || replay === undefined ? null : { events, replay, topic };
  }

  wrong(detail: string): DynamoError {
    return new DynamoError('usage', { detail: `${detail}.`, remedy: this.#remedy });
  }
}
