import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ReportClient } from '../../src/cache/report-client.js';
import { decodeReport, encodeReport, type Report } from '../../src/cache/report-lines.js';
import { listenReports } from '../../src/cache/report-server.js';
import { chain, folder, NAMESPACE } from './pages.js';

const REPORTS: Report[] = [
  { type: 'hello', worker: 'w0', namespace: NAMESPACE, pageBytes: 1_475_072, pageTokens: 64 },
  { type: 'stored', tier: 'cpu', pages: chain(2) },
  { type: 'used', tier: 'gpu', pages: [{ key: 2n ** 64n - 1n, priority: 80, expiresAt: 5 }], isWarm: false },
  { type: 'used', tier: 'disk', pages: [{ key: 1n, priority: 80, expiresAt: 5 }], isWarm: true },
  { type: 'dropped', tier: 'disk', pages: 3 },
  { type: 'missed', tier: 'disk', keys: [1n, 2n], why: 'corrupt' },
  { type: 'fault', tier: 'remote', message: 'refused' },
  { type: 'fault', tier: 'remote', message: null },
];

describe('a line', () => {
  it.each(REPORTS)('of $type is read as it was written', (report) => {
    expect(decodeReport(encodeReport(report))).toEqual(report);
  });

  it('of anything else is no report and never throws', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (line) => {
        expect(decodeReport(line)).toBeNull();
      }),
    );
  });

  it('altered anywhere is a report or none, and never throws', () => {
    const lines = REPORTS.map(encodeReport);
    fc.assert(
      fc.property(fc.constantFrom(...lines), fc.nat(), fc.string({ maxLength: 3 }), (line, at, text) => {
        const place = at % line.length;
        decodeReport(line.slice(0, place) + text + line.slice(place + 1));
      }),
    );
  });
});

it('what a worker tells arrives in order, also what it told before anybody listened', async () => {
  const socket = path.join(folder(), 'pages.sock');
  const client = new ReportClient(socket);
  client.stored('cpu', chain(1));
  client.open(REPORTS[0] as Extract<Report, { type: 'hello' }>);
  const got: Report[] = [];
  let done = (): void => {};
  const all = new Promise<void>((resolve) => {
    done = resolve;
  });
  const server = await listenReports(
    socket,
    (report) => {
      got.push(report);
      if (got.length === 3) done();
    },
    () => {},
  );
  client.fault('disk', 'full');
  await all;
  expect(got).toEqual([
    REPORTS[0],
    { type: 'stored', tier: 'cpu', pages: chain(1) },
    { type: 'fault', tier: 'disk', message: 'full' },
  ]);
  client.close();
  await server.close();
});
