/** What is true of one harness. */
import type { IncomingHttpHeaders } from 'node:http';
import type { CommonRequest } from '../request/types.js';

/** One request as a harness file looks at it. */
export interface Sighting {
  headers: IncomingHttpHeaders;
  /** The body as received. */
  body: Record<string, unknown>;
  request: CommonRequest;
}

/** What a harness's own headers say. */
export interface Identity {
  id: string;
  parentId?: string;
  role?: string;
}

/** Contract: pure; never throws, whatever the headers and the body hold. */
export interface Harness {
  readonly name: string;
  /** Whether this harness sent the request. */
  isSender(sighting: Sighting): boolean;
  /** The session as this harness names it; undefined when it says nothing. */
  identify(sighting: Sighting): Identity | undefined;
  /** Role by content (`title`, `compact`), where headers do not tell; undefined when unsure. */
  role?(sighting: Sighting): string | undefined;
  /** Takes out of the request what only varies and would spoil every shared prefix. Mutates nothing. */
  strip?(request: CommonRequest): CommonRequest;
}
