/** A running stack as the screen sees it: snapshots, explanations, the logs on disk, and what may be done to it. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Snapshot } from '../telemetry/types.js';
import type { StackClient } from './attach.js';
import { decisionText } from './decision-text.js';
import { tailFile } from './tail-file.js';

export interface StackSource {
  subscribe(listener: (snapshot: Snapshot) => void): () => void;
  explain(id: string): Promise<string>;
  readLog(source: string): string[] | null;
  restart(worker: string): Promise<void>;
}

/** Two frames a second are enough for a person, and cost little. */
const INTERVAL_MS = 500;
/** What one look at a log reads: more lines than any screen has, and a search through the last while. */
const LOG_BYTES = 128 * 1024;
const LOG_LINES = 2_000;
/** A worker loads its weights again; engines say themselves when that takes too long. */
export const RESTART_TIMEOUT_MS = 60 * 60_000;

/** `stateDir` holds the logs; `onLost` is called once when the stack no longer answers. */
export function screenSource(client: StackClient, stateDir: string, onLost?: () => void): StackSource {
  return {
    subscribe: (listener) => client.subscribe(listener, INTERVAL_MS, onLost),
    explain: async (id) =>
      decisionText(await client.call('GET', `/dynamo/v1/requests/${encodeURIComponent(id)}`)),
    readLog: (source) => {
      const file = path.join(stateDir, `${path.basename(source)}.log`);
      return existsSync(file) ? tailFile(file, LOG_LINES, LOG_BYTES) : null;
    },
    restart: async (worker) => {
      await client.call('POST', restartPath(worker), undefined, RESTART_TIMEOUT_MS);
    },
  };
}

/** Admin route that drains and restarts one worker; it answers when the worker serves again. */
export const restartPath = (worker: string): string => `/admin/workers/${encodeURIComponent(worker)}/restart`;
