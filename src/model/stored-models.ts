/** What is in the model folder: list and remove. */
import { readdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { DynamoError } from '../errors.js';
import { CATALOG, findModel, modelFolder, modelPath } from './catalog.js';

export interface StoredModel {
  name: string;
  title: string;
  licence: string;
  /** Where the file is or would be. */
  path: string;
  state: 'present' | 'partial' | 'absent';
  /** Bytes on disk, files made from it included. */
  bytes: number;
  /** Bytes of the whole model file. */
  totalBytes: number;
}

/** Every model of the catalogue with its state on disk; checksums are not computed. */
export async function listModels(modelsDir: string): Promise<StoredModel[]> {
  return Promise.all(
    CATALOG.map(async (model) => {
      const file = modelPath(modelsDir, model);
      const size = await sizeOf(file);
      const bytes = await folderBytes(modelFolder(modelsDir, model));
      const state = size === model.bytes ? 'present' : bytes > 0 ? 'partial' : 'absent';
      const { name, title, licence, bytes: totalBytes } = model;
      return { name, title, licence, path: file, state, bytes, totalBytes };
    }),
  );
}

/** Removes a model's files, the partial and derived ones too. Returns the bytes freed; rejects when there are none. */
export async function removeModel(name: string, modelsDir: string): Promise<number> {
  const model = findModel(name);
  const folder = modelFolder(modelsDir, model);
  const bytes = await folderBytes(folder);
  if (bytes === 0) {
    const remedy = 'Nothing was removed.';
    throw new DynamoError('model_missing', { path: modelPath(modelsDir, model), remedy });
  }
  await rm(folder, { recursive: true, force: true });
  return bytes;
}

async function folderBytes(folder: string): Promise<number> {
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  const sizes = await Promise.all(names.map((name) => sizeOf(path.join(folder, name))));
  return sizes.reduce((sum, size) => sum + size, 0);
}

async function sizeOf(file: string): Promise<number> {
  return stat(file).then(
    (facts) => (facts.isFile() ? facts.size : 0),
    () => 0,
  );
}
