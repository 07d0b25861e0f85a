/** The whole of `dynamo bench live`: each policy on a stack of its own, so that every cache starts cold. */
import os from 'node:os';
import type { Paths } from '../cli/paths.js';
import type { PlanWish } from '../stack/resolve-plan.js';
import { benchSecondTurn, benchSessions, type SecondTurnResult, type SessionsResult } from './live.js';
import { withOwnStack } from './own-stack.js';

export interface LiveOptions {
  paths: Paths;
  wish: PlanWish;
  routers: string[];
  sessions: number;
  turns: number;
  conversations: number;
  note(text: string): void;
}

export interface LiveReport {
  machine: { cpu: string; cpus: number; memoryGiB: number; node: string };
  stackStartMs: number;
  secondTurn: SecondTurnResult;
  sessions: SessionsResult[];
}

export async function runLive(options: LiveOptions): Promise<LiveReport> {
  const { paths, wish, routers, note } = options;
  const stackOf = (router: string) => ({ paths, wish, router, name: `bench-${process.pid}` });
  note('second turns of fresh conversations');
  const first = await withOwnStack(stackOf(routers[0] ?? 'kv'), async (stack) => ({
    stackStartMs: stack.startMs,
    secondTurn: await benchSecondTurn(stack, options.conversations),
  }));
  const sessions: SessionsResult[] = [];
  for (const router of routers) {
    note(`${options.sessions} sessions × ${options.turns} turns with ${router}`);
    sessions.push(await withOwnStack(stackOf(router), (stack) => benchSessions(stack, router, options)));
  }
  return { machine: machine(), ...first, sessions };
}

function machine(): LiveReport['machine'] {
  const cpu = os.cpus()[0]?.model.trim() ?? 'unknown';
  return {
    cpu,
    cpus: os.availableParallelism(),
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    node: process.versions.node,
  };
}
