/** Kept answers in memory and on disk: written behind, read back after a restart. */
import type { KeptResponse } from '../dialects/types.js';
import { DynamoError } from '../errors.js';
import { LIMITS } from '../limits.js';
import { type OwnedResponse, ResponseFiles } from './response-files.js';
import type { ResponseKeeper, ResponseStore } from './response-store.js';
import type { Warn } from './warn-once.js';

/** Trouble with the disk is told and costs durability, never an answer. */
export class DurableResponses implements ResponseKeeper {
  readonly #memory: ResponseStore;
  readonly #files: ResponseFiles;
  readonly #warn: Warn;
  /** Answers not on disk yet; one deleted in the meantime is taken out. */
  readonly #waiting = new Map<string, OwnedResponse>();
  /** Answers whose file is still to be removed. */
  readonly #deleted = new Set<string>();
  #work: Promise<void> = Promise.resolve();

  /** Throws `start_failed` where the folder cannot be used. */
  constructor(dir: string, { memory, warn }: { memory: ResponseStore; warn: Warn }) {
    this.#memory = memory;
    this.#warn = warn;
    try {
      this.#files = new ResponseFiles(dir);
    } catch (error) {
      const detail = `the folder for kept responses, ${dir}: ${messageOf(error)}`;
      throw new DynamoError('start_failed', { detail, remedy: 'Leave out --set responses.store=disk.' });
    }
  }

  get(id: string, owner = ''): KeptResponse | undefined {
    return this.#memory.get(id, owner) ?? this.#waitingOf(id, owner) ?? this.#read(id, owner);
  }

  put(kept: KeptResponse, owner = ''): void {
    this.#memory.put(kept, owner);
    if (this.#waiting.size >= LIMITS.keptWritesWaiting) {
      this.#warn(
        'responses_not_written',
        'the disk does not keep up; some responses are kept in memory only',
        '',
      );
      return;
    }
    this.#waiting.set(kept.id, { owner, kept });
    this.#then(async () => {
      const entry = this.#waiting.get(kept.id);
      if (entry === undefined) return;
      await this.#files.write(entry).finally(() => this.#waiting.delete(kept.id));
    });
  }

  delete(id: string, owner = ''): boolean {
    if (this.get(id, owner) === undefined) return false;
    this.#memory.delete(id, owner);
    this.#waiting.delete(id);
    this.#deleted.add(id);
    this.#then(() => this.#files.remove(id).finally(() => this.#deleted.delete(id)));
    return true;
  }

  close(): Promise<void> {
    return this.#work;
  }

  #waitingOf(id: string, owner: string): KeptResponse | undefined {
    const entry = this.#waiting.get(id);
    return entry?.owner === owner ? entry.kept : undefined;
  }

  #read(id: string, owner: string): KeptResponse | undefined {
    if (this.#deleted.has(id)) return undefined;
    try {
      const found = this.#files.read(id);
      if (found === undefined || found.owner !== owner) return undefined;
      this.#memory.put(found.kept, owner);
      return found.kept;
    } catch (error) {
      this.#warn('response_unreadable', `the kept response ${id} cannot be read: ${messageOf(error)}`);
      return undefined;
    }
  }

  /** One thing at a time, in the order it was asked for. */
  #then(step: () => Promise<void>): void {
    this.#work = this.#work.then(step).catch((error) => {
      this.#warn('responses_not_written', `a response is kept in memory only: ${messageOf(error)}`);
    });
  }
}

/** What a JSON parser says quotes the text. */
function messageOf(error: unknown): string {
  if (error instanceof SyntaxError) return 'it is not valid JSON';
  return error instanceof Error ? error.message : String(error);
}
