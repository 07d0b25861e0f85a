/** The whole of `dynamo bench live`: each policy on a stack of its own, so that every cache starts cold. */
import type { Paths } from '../cli/paths.js';
import type { PlanWish } from '../stack/resolve-plan.js';
import { benchSecondTurn, benchSessions, type SecondTurnResult, type SessionsResult } from './live.js';
import { type Machine, machine } from './machine.js';
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
  machine: Machine;
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
