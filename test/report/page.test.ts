/** The page: everything it is told, nothing from elsewhere. How it looks in a browser is in `test/engines/report.test.ts`. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromRun } from '../../src/report/from-run.js';
import { reportPage } from '../../src/report/html/page.js';
import { escapeHtml, seconds } from '../../src/report/html/text.js';
import { MetricsCollector } from '../../src/telemetry/metrics/collector.js';
import { HistoryBook } from '../../src/telemetry/run-history.js';
import { runReport } from '../../src/telemetry/run-report.js';
import type { Snapshot } from '../../src/telemetry/types.js';
import { sessionOf, snapshotOf } from '../tui/snapshots.js';

const run = () => {
  const history = new HistoryBook();
  const collector = new MetricsCollector();
  for (let n = 0; n < 8; n += 1) {
    const id = `${n}`;
    const at = 10_000 + n * 1_000;
    const events = [
      { type: 'request.started', id, dialect: 'chat', model: 'm', isStream: true },
      { type: 'request.first_token', id, ttftMs: 100 + 10 * n },
      {
        type: 'request.finished',
        id,
        usage: { promptTokens: 100, cachedTokens: 10 * n, outputTokens: 4, reasoningTokens: 0 },
        e2eMs: 300,
        stopReason: 'stop',
      },
    ] as const;
    for (const event of events) {
      history.apply({ ...event, at, sequence: 0 });
      collector.apply({ ...event, at, sequence: 0 });
    }
  }
  return { history: history.history(), collector };
};

const pageOf = (change: Partial<Snapshot> = {}, marks: string[] = []): string => {
  const { history, collector } = run();
  return reportPage(fromRun(runReport({ ...snapshotOf(), ...change }, history, collector), marks));
};

describe('the page of a run', () => {
  it('has every part, and says what the figures are worth', () => {
    const page = pageOf({}, ['SIMULATED']);
    for (const title of ['Hit rate over time', 'Latency', 'Tier flow', 'Misses by cause', 'Sessions'])
      expect(page).toContain(`<h2>${title}</h2>`);
    expect(page).toContain('<span class="mark">SIMULATED</span>');
    expect(page.match(/<polyline/g)?.length).toBeGreaterThanOrEqual(3);
  });

  it('asks for nothing: no address, no script, and a policy that forbids both', () => {
    const page = pageOf();
    expect(page).toContain(`content="default-src 'none'; style-src 'unsafe-inline'"`);
    expect(page).not.toMatch(/https?:|<script|<link|<img|url\(|@import|src=/);
  });

  it('takes nothing from outside for markup', () => {
    const session = sessionOf({ id: '<img src=x onerror=alert(1)>"', harness: '<b>', role: '&' });
    const page = pageOf({ sessions: [session] });
    expect(page).not.toMatch(/<img|<b>&/);
    expect(page).toContain('&#60;img src=x onerror=alert(1)&#62;&#34;');
    fc.assert(fc.property(fc.string(), (text) => !/[<>"']/.test(escapeHtml(text))));
  });

  it('of a run without a request says so', () => {
    const report = runReport(
      snapshotOf({ requests: 0 }),
      new HistoryBook().history(),
      new MetricsCollector(),
    );
    expect(reportPage(fromRun(report, []))).toContain('No request has ended yet.');
  });
});

describe('figures', () => {
  it('are told in units one can read', () => {
    expect([null, 0, 0.0002, 0.0047, 0.25, 1.5, 30, 300].map(seconds)).toEqual([
      '–',
      '0',
      '0.20 ms',
      '4.7 ms',
      '250 ms',
      '1.5 s',
      '30 s',
      '5 min',
    ]);
  });
});
