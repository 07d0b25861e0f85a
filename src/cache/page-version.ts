/**
 * The version of the pages in a folder, in a file of its own: the name of a page folder is a hash of all that changes
 * its bytes, the form of pages among it, so pages of another version are never met, and somebody has to tell of them.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** Of `page-format.ts` and of the namespace's making. */
export const PAGE_VERSION = 1;
const FILE = 'VERSION';

/** Marks a folder that has no mark yet. Throws for one of another version: its pages would be misread. */
export function claimVersion(folder: string): void {
  const found = versionIn(folder);
  if (found === null) {
    writeFileSync(path.join(folder, FILE), `${PAGE_VERSION}\n`, { mode: 0o600 });
  } else if (found !== PAGE_VERSION) {
    throw new Error(
      `${folder} holds pages of version ${found}, this dynamo knows ${PAGE_VERSION}; move it away`,
    );
  }
}

/** Page folders below `dir` that another version of dynamo made. */
export function foreignFolders(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && /^[0-9a-f]{32}$/.test(entry.name))
    .map(({ name }) => path.join(dir, name))
    .filter((folder) => (versionIn(folder) ?? PAGE_VERSION) !== PAGE_VERSION);
}

/** Null without a mark: made before there were any, which is version 1. NaN for a mark that is no number. */
function versionIn(folder: string): number | null {
  try {
    return Number.parseInt(readFileSync(path.join(folder, FILE), 'utf8'), 10);
  } catch {
    return null;
  }
}
