/** What every source of a model file is given, and how it says that it cannot help. */
import type { CatalogModel } from './catalog.js';
import type { PullPhase } from './progress.js';

export type Environment = Record<string, string | undefined>;

export interface SourceContext {
  model: Pick<CatalogModel, 'bytes' | 'sha256'>;
  env: Environment;
  signal?: AbortSignal;
  /** Called often; `total` when it is not the model file's own size. */
  onBytes(phase: PullPhase, doneBytes: number, totalBytes?: number): void;
}

/** This source cannot give the file; the next one may. The message is a clause without a full stop. */
export class SourceFailure extends Error {
  override readonly name = 'SourceFailure';
}
