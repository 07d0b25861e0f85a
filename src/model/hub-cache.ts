/** The cache that huggingface_hub keeps, and engines read: `<cache>/models--OWNER--NAME/{blobs,snapshots,refs}`. */
import { existsSync } from 'node:fs';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { HubFile } from './hub-listing.js';
import type { Environment } from './source.js';

/** Honours HF_HUB_CACHE, HF_HOME and XDG_CACHE_HOME, as the Python package does. */
export function hubCacheDir(env: Environment): string {
  if (env['HF_HUB_CACHE']) return env['HF_HUB_CACHE'];
  const home =
    env['HF_HOME'] ?? path.join(env['XDG_CACHE_HOME'] ?? path.join(os.homedir(), '.cache'), 'huggingface');
  return path.join(home, 'hub');
}

export class HubCache {
  readonly dir: string;

  constructor(env: Environment, id: string) {
    this.dir = path.join(hubCacheDir(env), `models--${id.replaceAll('/', '--')}`);
  }

  blob = ({ blob }: HubFile): string => path.join(this.dir, 'blobs', blob);

  snapshot = (commit: string): string => path.join(this.dir, 'snapshots', commit);

  /** The commit a revision stood for when it was last fetched; null when it never was. */
  async commitOf(revision: string): Promise<string | null> {
    if (existsSync(this.snapshot(revision))) return revision;
    const text = await readFile(path.join(this.dir, 'refs', revision), 'utf8').catch(() => '');
    const commit = text.trim();
    return commit !== '' && existsSync(this.snapshot(commit)) ? commit : null;
  }

  has = (file: HubFile): boolean => existsSync(this.blob(file));

  /** Gives a whole blob its name within a commit. */
  async link(commit: string, file: HubFile): Promise<void> {
    const at = path.join(this.snapshot(commit), ...file.name.split('/'));
    await mkdir(path.dirname(at), { recursive: true });
    const target = path.relative(path.dirname(at), this.blob(file));
    await symlink(target, at).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }

  /** Once everything is there: from now on the revision means this commit. */
  async remember(revision: string, commit: string): Promise<void> {
    if (revision === commit) return;
    const file = path.join(this.dir, 'refs', revision);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, commit);
  }
}
