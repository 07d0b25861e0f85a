/** Files that come with dynamo beside its code. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { DynamoError } from '../../errors.js';

/** Path of a file of the package, from `src/` as well as from `dist/src/`; `internal` when the installation lacks it. */
export function packageFile(name: string): string {
  let folder = path.dirname(fileURLToPath(import.meta.url));
  while (path.dirname(folder) !== folder) {
    const file = path.join(folder, name);
    if (existsSync(path.join(folder, 'package.json')) && existsSync(file)) return file;
    folder = path.dirname(folder);
  }
  throw new DynamoError('internal', { detail: `${name} is missing from this installation` });
}
