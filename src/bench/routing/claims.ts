/** Means over the variants, and what was asked for beside what came out. Pure. */
import { OURS, PAUSING, type RoutingRow, TAGGED, THEIR_BEST, THEIRS } from './bench.js';
import type { CellFigures } from './cell.js';

/** A figure that has to be at most or at least a bound. */
export interface Claim {
  what: string;
  value: number;
  bound: number;
  isReached: boolean;
}

export interface RoutingMean {
  part: RoutingRow['part'];
  f: number | null;
  variant: string | null;
  router: string;
  figures: CellFigures;
}

/** One row per part, capacity and router, in the order they came. Longest wait and worst slowdown are the largest, not the mean. */
export function meansOf(rows: readonly RoutingRow[]): RoutingMean[] {
  const groups = new Map<string, RoutingRow[]>();
  for (const row of rows) {
    const key = JSON.stringify([row.part, row.f, row.router]);
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return [...groups.values()].map((group) => {
    const { part, f, router, variant } = group[0] as RoutingRow;
    return { part, f, router, variant: f === null ? variant : null, figures: meanOf(group) };
  });
}

function meanOf(group: readonly RoutingRow[]): CellFigures {
  const all = group.map(({ figures }) => figures);
  const mean = (of: (one: CellFigures) => number): number =>
    all.reduce((sum, one) => sum + of(one), 0) / all.length;
  const most = (of: (one: CellFigures) => number): number => Math.max(...all.map(of));
  const ofClass = (name: 'tagged' | 'others') => ({
    p50Ms: mean((one) => one[name].p50Ms),
    p99Ms: mean((one) => one[name].p99Ms),
    sessionS: mean((one) => one[name].sessionS),
  });
  const hasFairness = all.every(({ jain }) => jain !== null);
  return {
    hitRate: mean(({ hitRate }) => hitRate),
    reachable: mean(({ reachable }) => reachable),
    ttftMeanMs: mean(({ ttftMeanMs }) => ttftMeanMs),
    ttftP50Ms: mean(({ ttftP50Ms }) => ttftP50Ms),
    ttftP99Ms: mean(({ ttftP99Ms }) => ttftP99Ms),
    makespanS: mean(({ makespanS }) => makespanS),
    longestWaitS: most(({ longestWaitS }) => longestWaitS),
    slowdownMean: hasFairness ? mean(({ slowdownMean }) => slowdownMean ?? 0) : null,
    slowdownWorst: hasFairness ? most(({ slowdownWorst }) => slowdownWorst ?? 0) : null,
    jain: hasFairness ? mean(({ jain }) => jain ?? 0) : null,
    moves: mean(({ moves }) => moves),
    tagged: ofClass('tagged'),
    others: ofClass('others'),
    cpuS: mean(({ cpuS }) => cpuS),
  };
}

/** What issue 5 of this project asked for, of the means; parts that were not run have no claims. */
export function claimsOf(means: readonly RoutingMean[]): Claim[] {
  const find = (part: string, router: string, f: number | null = null): CellFigures | undefined =>
    means.find((mean) => mean.part === part && mean.router === router && mean.f === f)?.figures;
  const best = (f: number | null, part: string): CellFigures[] =>
    [THEIRS, ...THEIR_BEST].flatMap(({ name }) => find(part, name, f) ?? []);
  return [
    ...capacityClaims(find('capacity', OURS.name, 1), best(1, 'capacity'), 1),
    ...capacityClaims(find('capacity', OURS.name, 0.5), best(0.5, 'capacity'), 0.5),
    ...capacityClaims(find('capacity', OURS.name, 0.25), best(0.25, 'capacity'), 0.25),
    ...pausingClaims(find('pausing', PAUSING.name, 0.25)),
    ...priorityClaims(
      find('priority', `${OURS.name}${TAGGED}`, 0.25),
      find('capacity', OURS.name, 0.25),
      find('capacity', THEIRS.name, 0.25),
    ),
    ...openLoopClaims(find('open-loop', OURS.name), best(null, 'open-loop')),
    ...overloadClaims(find('overload', `${OURS.name}${TAGGED}`), find('overload', THEIRS.name)),
  ];
}

function capacityClaims(ours: CellFigures | undefined, theirs: CellFigures[], f: number): Claim[] {
  const [first] = theirs;
  if (ours === undefined || first === undefined) return [];
  const ofBound = ours.hitRate / ours.reachable;
  const mean = ours.ttftMeanMs / first.ttftMeanMs;
  const best = Math.max(...theirs.map(({ hitRate }) => hitRate));
  const beside = atLeast(`f = ${f}: hits over Dynamo's with its best flag`, ours.hitRate / best, 1);
  if (f >= 0.5) {
    return [
      atLeast(`f = ${f}: share of what is reachable`, ofBound, f >= 1 ? 0.99 : 0.98),
      atMost(`f = ${f}: mean first token over Dynamo's`, mean, f >= 1 ? 0.5 : 0.25),
      beside,
    ];
  }
  return [
    atLeast(`f = ${f}: hits over Dynamo's`, ours.hitRate / first.hitRate, 1.25),
    atMost(`f = ${f}: mean first token over Dynamo's`, mean, 0.85),
    atMost(`f = ${f}: p99 of first token over Dynamo's`, ours.ttftP99Ms / first.ttftP99Ms, 0.75),
    atMost(`f = ${f}: longest wait, s`, ours.longestWaitS, 90),
    atMost(`f = ${f}: makespan over Dynamo's`, ours.makespanS / first.makespanS, 1.02),
    beside,
  ];
}

function pausingClaims(ours: CellFigures | undefined): Claim[] {
  if (ours === undefined) return [];
  return [
    atLeast('f = 0.25, pausing: hits', ours.hitRate, 0.5),
    atMost('f = 0.25, pausing: longest wait, s', ours.longestWaitS, 80),
  ];
}

function priorityClaims(
  ours: CellFigures | undefined,
  untagged: CellFigures | undefined,
  theirs: CellFigures | undefined,
): Claim[] {
  if (ours === undefined || untagged === undefined || theirs === undefined) return [];
  const sessions = ours.others.sessionS / untagged.others.sessionS;
  return [
    atMost("priority: tagged p50 of first token over Dynamo's", ours.tagged.p50Ms / theirs.tagged.p50Ms, 0.2),
    atMost("priority: tagged p99 over Dynamo's", ours.tagged.p99Ms / theirs.tagged.p99Ms, 0.3),
    atMost("priority: others' conversations over our untagged run", sessions, 1.06),
    atMost('priority: makespan over our untagged run', ours.makespanS / untagged.makespanS, 1.03),
  ];
}

function openLoopClaims(ours: CellFigures | undefined, theirs: CellFigures[]): Claim[] {
  if (ours === undefined) return [];
  const best = Math.max(...theirs.map(({ hitRate }) => hitRate));
  return [
    atLeast('open loop: hits', ours.hitRate, 0.16),
    atLeast("open loop: hits over Dynamo's with its best flag", ours.hitRate / best, 1),
    atMost('open loop: CPU seconds of one run', ours.cpuS, 20),
  ];
}

function overloadClaims(ours: CellFigures | undefined, theirs: CellFigures | undefined): Claim[] {
  if (ours === undefined || theirs === undefined) return [];
  return [
    atMost('overload: tagged p50 of first token, s', ours.tagged.p50Ms / 1000, 0.7),
    atMost("overload: last answer over Dynamo's", ours.makespanS / theirs.makespanS, 1.05),
  ];
}

const atLeast = (what: string, value: number, bound: number): Claim => ({
  what: `${what} ≥ ${bound}`,
  value,
  bound,
  isReached: value >= bound,
});
const atMost = (what: string, value: number, bound: number): Claim => ({
  what: `${what} ≤ ${bound}`,
  value,
  bound,
  isReached: value <= bound,
});
