/** What `dynamo up` decided, as the stack process receives it on stdin: one JSON value, never in argv (keys). */
import type { Paths } from '../cli/paths.js';
import type { KeyPolicy } from '../gateway/key-policy.js';
import type { Plan } from '../plan/types.js';
import type { StackSettings } from './stack-settings.js';
import type { TracingSpec } from './tracing.js';

export interface StackSpec {
  name: string;
  paths: Paths;
  plan: Plan;
  host: string;
  port: number;
  /** Every key as its hash, with its bounds; empty = anyone may come in. No key itself ever reaches the stack process. */
  keyPolicies: KeyPolicy[];
  /** Routing policy by name. */
  router: string;
  /** Folder to record requests in. */
  record?: string;
  /** Where to send traces. */
  tracing?: TracingSpec;
  /** The stack ends when the command that started it does, however that ends. */
  endsWithStarter?: boolean;
  settings: StackSettings;
  /** Milliseconds (Unix) at which the user pressed return; start-up time is counted from here. */
  askedAt: number;
}

/** Messages of the stack process to the command that started it, over node's IPC channel. */
export type StartMessage =
  | { type: 'step'; text: string }
  | {
      type: 'worker';
      worker: string;
      state: string;
      phase: string;
      progress: number | null;
      /** Why it does not serve. */
      reason?: string;
    }
  | { type: 'ready'; url: string; model: string; workers: number; startMs: number }
  | { type: 'failed'; message: string; remedy: string; exit: number };

/** The only message the other way. */
export type LaunchMessage = { type: 'stop' };
