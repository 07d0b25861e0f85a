/** `dynamo report` of a real stack and of its recording, opened in a real browser. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ReportData } from '../../src/report/types.js';
import { type Home, makeHome, type RunningStack, until } from '../e2e/harness.js';
import { installBrowser, notHere, openPage, type Page } from './support/browser.js';

let home: Home;
let stack: RunningStack;
let recording: string;

/** Text that leaves its chart, or lies over another text of it. */
const MISPLACED = `[...document.querySelectorAll('svg')].flatMap((svg) => {
  const box = svg.getBoundingClientRect();
  const texts = [...svg.querySelectorAll('text')].map((text) => [text.textContent, text.getBoundingClientRect()]);
  const outside = texts.filter(([, at]) => at.left < box.left - 1 || at.right > box.right + 1 || at.bottom > box.bottom + 1);
  const over = texts.filter(([, a], index) => texts.some(([, b], other) => other > index &&
    a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 2 && b.top < a.bottom - 2));
  return [...outside, ...over].map(([words]) => words);
})`;

async function conversation(session: number): Promise<void> {
  const messages: object[] = [
    { role: 'system', content: `Agent ${session % 2}. ${'Be exact. '.repeat(120)}` },
  ];
  for (let turn = 0; turn < 4; turn += 1) {
    messages.push({ role: 'user', content: `Step ${turn} of ${session}.` });
    const headers = { 'content-type': 'application/json', 'x-dynamo-session-id': `agent-${session}` };
    const body = JSON.stringify({ model: 'glm-5.1', max_tokens: 8, messages });
    const response = await fetch(`${stack.url}/v1/chat/completions`, { method: 'POST', headers, body });
    const answer = (await response.json()) as { choices: { message: object }[] };
    messages.push(answer.choices[0]!.message);
  }
}

async function report(...args: string[]): Promise<{ file: string; data: ReportData }> {
  const out = path.join(home.dir, `report-${args.length}.html`);
  const { stdout, stderr, code } = await home.cli('report', ...args, '--out', out);
  expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
  const json = await home.cli('report', ...args, '--json');
  return { file: stdout.trim(), data: JSON.parse(json.stdout) as ReportData };
}

async function inBrowser(file: string, look: (page: Page) => Promise<void>): Promise<void> {
  const page = await openPage(pathToFileURL(file).href);
  try {
    await look(page);
    expect(page.requested()).toEqual([pathToFileURL(file).href]);
    expect(page.complaints()).toEqual([]);
  } finally {
    await page.close();
  }
}

describe.skipIf(notHere !== null)(`a report in a browser${notHere === null ? '' : ` (${notHere})`}`, () => {
  beforeAll(async () => {
    await installBrowser();
    home = makeHome();
    recording = path.join(home.dir, 'recording');
    const speed = ['--set', 'simulator.speed=50'];
    stack = await home.up(
      '--recipe',
      'glm5',
      '--simulate',
      '--workers',
      '2',
      ...speed,
      '--record',
      recording,
    );
    await Promise.all([0, 1, 2, 3].map(conversation));
    // Kinds and causes are told a little after the requests, the recording is written behind them.
    await until(async () => (await stack.snapshot()).recording?.requests === 16, 'the recording');
    const known = async () => (await stack.snapshot()).byKind.system.tokens > 0;
    await until(known, 'the kinds of text');
  });

  afterAll(async () => {
    await stack?.down();
    home?.remove();
  });

  it('shows every part of a run, at every width, light and dark, and asks for nothing else', async () => {
    const { file, data } = await report();
    await inBrowser(file, async (page) => {
      const titles = await page.evaluate<string[]>(
        `[...document.querySelectorAll('h2')].map((h) => h.textContent)`,
      );
      expect(titles).toEqual(['Hit rate over time', 'Latency', 'Tier flow', 'Misses by cause', 'Sessions']);
      const text = await page.evaluate<string>('document.body.innerText');
      expect(text).toContain('SIMULATED');
      for (let session = 0; session < 4; session += 1) expect(text).toContain(`agent-${session}`);
      const rate = ((100 * data.tokens.cached) / data.tokens.prompt).toFixed(1);
      expect(text).toContain(`${rate} %`);
      for (const width of [1_400, 1_100, 700, 390]) {
        await page.resize(width, 900);
        const wide = await page.evaluate<number>('document.documentElement.scrollWidth');
        expect(wide).toBeLessThanOrEqual(width);
        expect(await page.evaluate(MISPLACED)).toEqual([]);
      }
      const paper = () => page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
      const light = await paper();
      await page.emulate([{ name: 'prefers-color-scheme', value: 'dark' }]);
      expect(await paper()).not.toBe(light);
      expect((await page.picture()).subarray(1, 4).toString()).toBe('PNG');
    });
  });

  it('of the recording tells the same tokens', async () => {
    const run = await report();
    const { file, data } = await report(recording);
    expect(data.requests.total).toBe(16);
    const { prompt, cached, generated } = run.data.tokens;
    expect(data.tokens).toMatchObject({ prompt, cached, generated });
    await inBrowser(file, async (page) => {
      const text = await page.evaluate<string>('document.body.innerText');
      expect(text).toMatch(/A recording/);
      expect(await page.evaluate(MISPLACED)).toEqual([]);
    });
  });

  it('cannot be made of nothing, and says what to try', async () => {
    const other = await home.cli('report', '--name', 'nobody');
    expect(other).toMatchObject({ code: 4, stdout: '' });
    const empty = await home.cli('report', path.join(home.dir, 'none'));
    expect(empty).toMatchObject({ code: 2, stdout: '' });
    const denied = await home.cli('report', '--out', path.join(home.dir, 'no', 'such', 'folder.html'));
    expect(denied).toMatchObject({ code: 2, stdout: '' });
    expect(denied.stderr).toContain('cannot be written');
    expect(readFileSync(path.join(home.dir, 'report-0.html'), 'utf8')).toContain('<!doctype html>');
  });
});
