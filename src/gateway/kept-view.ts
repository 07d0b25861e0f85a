/** Kept responses as one client sees them: its own, and nobody else's. */
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { KeptResponse } from '../dialects/types.js';
import type { GatewayRoom } from './room.js';

export interface KeptView {
  get(id: string): KeptResponse | undefined;
  put(kept: KeptResponse): void;
  delete(id: string): boolean;
}

/** What the sender of this request may read; answers it did not want stored are not kept. */
export function keptFor(request: IncomingMessage, { responses, keys }: GatewayRoom): KeptView {
  // Asked for when it is needed: most requests keep nothing.
  const owner = () => (keys.isNeeded ? ownerOf(request) : '');
  return {
    get: (id) => responses.get(id, owner()),
    put: (kept) => {
      if (kept.isStored) responses.put(kept, owner());
    },
    delete: (id) => responses.delete(id, owner()),
  };
}

/** Both headers that can carry a key count, so that whoever knows only one of two values is somebody else. */
function ownerOf({ headers }: IncomingMessage): string {
  const given = JSON.stringify([headers.authorization ?? null, headers['x-api-key'] ?? null]);
  return createHash('sha256').update(given).digest('base64url');
}
