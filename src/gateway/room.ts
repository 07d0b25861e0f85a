/** What every handler of the gateway shares. */

import type { PinLedger } from '../retention/pin-ledger.js';
import type { BodyMemo } from './body-memo.js';
import type { KeyRing } from './key-ring.js';
import type { RegionTally } from './region-tally.js';
import type { RequestNotes } from './request-notes.js';
import type { ResponseKeeper } from './response-store.js';
import type { GatewayDeps } from './types.js';
import type { Warming } from './warming.js';
import type { Warn } from './warn-once.js';

export interface GatewayRoom {
  readonly deps: GatewayDeps;
  /** Bodies parsed lately: a next turn's is parsed from where it differs. */
  readonly bodies: BodyMemo;
  /** Who requests are from. */
  readonly keys: KeyRing;
  /** Answers of `/v1/responses` that can be gone on from. */
  readonly responses: ResponseKeeper;
  /** Facts of recent requests, for `GET /dynamo/v1/requests/{id}`. */
  readonly notes: RequestNotes;
  /** Tells the kinds of tokens of requests that are over. */
  readonly regions: RegionTally;
  /** Requests in work; waited for, then ended, when the gateway closes. */
  readonly running: Set<Endable>;
  /** Streams that never end by themselves; ended at once when the gateway closes. */
  readonly listeners: Set<Endable>;
  /** What each key has been promised to be kept. */
  readonly pins: PinLedger;
  /** Prefixes computed ahead. */
  readonly warming: Warming;
  /** Tells of a field that was accepted and ignored. */
  readonly warn: Warn;
  isDraining(): boolean;
}

export interface Endable {
  /** Ends it in the client's dialect. */
  end(): void;
}
