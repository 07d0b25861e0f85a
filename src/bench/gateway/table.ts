/** The table of cells: candidates one after the other within each round, so that drift of the machine shows. */
import { type Machine, machine } from '../machine.js';
import { requestsOf, sizeText } from './cells.js';
import { type Candidate, type CellResult, cellResult, type EventLoop } from './rows.js';
import type { Bench } from './run.js';
import type { Cell, Measured } from './types.js';

export interface TableReport {
  definition: string;
  machine: Machine;
  versions: { dynamo: string; undici: string };
  at: string;
  router: string;
  cells: CellResult[];
}

export interface TableOptions {
  cells: readonly Cell[];
  /** Measured seconds aimed at for each cell and candidate. */
  seconds: number;
  rounds: number;
  router: string;
  dynamoVersion: string;
  note(text: string): void;
}

/** Seeds of two rounds or cells never meet. */
const SEEDS_PER_ROUND = 50_000_000;
const ORDER: readonly Candidate[] = ['direct', 'passThrough', 'ours', 'directAgain'];

export async function measureTable(bench: Bench, options: TableOptions): Promise<TableReport> {
  const cells: CellResult[] = [];
  for (const [index, cell] of options.cells.entries()) {
    options.note(`${index + 1}/${options.cells.length} ${cellText(cell)}`);
    cells.push(await measureCell(bench, cell, index, options));
  }
  return {
    definition: DEFINITION,
    machine: machine(),
    versions: { dynamo: options.dynamoVersion, undici: process.versions['undici'] ?? '' },
    at: new Date().toISOString(),
    router: options.router,
    cells,
  };
}

async function measureCell(
  bench: Bench,
  cell: Cell,
  index: number,
  { seconds, rounds }: TableOptions,
): Promise<CellResult> {
  const requests = Math.max(cell.connections, Math.ceil(requestsOf(cell, seconds) / rounds));
  const measured: Record<Candidate, Measured>[] = [];
  const eventLoops: EventLoop[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const seed = 1_000 + (index * rounds + round) * SEEDS_PER_ROUND;
    const results: Partial<Record<Candidate, Measured>> = {};
    for (const candidate of ORDER) {
      const job = { kind: 'measure', ...cell, ...targetOf(bench, candidate), requests, seed } as const;
      const onOpened = () => restartEventLoop(bench);
      results[candidate] = (await bench.driver.run(job, { onOpened })) as Measured;
      if (candidate === 'ours') eventLoops.push((await bench.stack.client.snapshot()).eventLoopMs);
    }
    measured.push(results as Record<Candidate, Measured>);
  }
  return cellResult(cell, measured, eventLoops);
}

export function targetOf(bench: Bench, candidate: Candidate): { url: string; pid: number } {
  const { upstream, passThrough, stack } = bench;
  if (candidate === 'ours') return { url: stack.url, pid: stack.pid };
  if (candidate === 'passThrough') return { url: passThrough.urls[0] ?? '', pid: passThrough.pid };
  return { url: upstream.urls[0] ?? '', pid: upstream.pid };
}

/** So that its delays are those of the measured part alone. */
export const restartEventLoop = ({ stack }: Bench): Promise<unknown> =>
  stack.client.call('POST', '/admin/event-loop/restart');

export const cellText = ({ mode, bodyBytes, isStream, connections }: Cell): string =>
  `${mode}, ${sizeText(bodyBytes)}, ${isStream ? 'stream' : 'plain'}, ${connections} connection${connections === 1 ? '' : 's'}`;

const DEFINITION =
  'closed loop, keep-alive, one session per connection and its turns in order; next = the session with one turn more, ' +
  'repeated = the same bytes again, cold = a conversation never seen; stream = 64 chunks; 4 upstream ports, bodies read and not parsed; ' +
  'added = against the mean of direct before and after; first byte = of the answer’s body; CPU = user + system of the candidate’s ' +
  'process alone (of the upstream’s for direct) over the measured part; the load driver and the upstream are processes of their own ' +
  'on the same cores; pass-through = Node, body parsed, the same bytes sent on, no routing';
