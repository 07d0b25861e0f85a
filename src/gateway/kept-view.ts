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
export function keptFor(request: IncomingMessage, room: GatewayRoom): KeptView {
  const { responses } = room;
  // Asked for when it is needed: most requests keep nothing.
  const owner = () => ownerOf(request, room);
  return {
    get: (id) => responses.get(id, owner()),
    put: (kept) => {
      if (kept.isStored) responses.put(kept, owner());
    },
    delete: (id) => responses.delete(id, owner()),
  };
}

/** The key that let the request in, however it was sent; a digest of its digest, which is what a file may hold. */
function ownerOf(request: IncomingMessage, { keys }: GatewayRoom): string {
  const policy = keys.policyOf(request);
  return policy === null ? '' : createHash('sha256').update(`kept ${policy.sha256}`).digest('base64url');
}
