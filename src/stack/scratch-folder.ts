/** A folder per worker for what an engine leaves behind: vLLM puts a dozen sockets and files into TMPDIR and removes none. */
import { createHash } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/**
 * An empty folder only we may enter, under the temporary folder because programs expect room there, with a name short
 * enough for socket addresses. The same for the same worker of the same stack (`runtimeDir`), so that the next start
 * removes what a `kill -9` left. Throws when somebody else owns it.
 */
export function makeScratchFolder(runtimeDir: string, worker: string): string {
  const tag = createHash('sha256').update(path.resolve(runtimeDir)).digest('hex').slice(0, 12);
  const folder = path.join(os.tmpdir(), `dynamo-${os.userInfo().uid}-${tag}-${worker}`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { mode: 0o700 });
  return folder;
}
