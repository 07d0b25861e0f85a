/** The pictures of the README: a real run of the default model on this machine, with four agents' conversations. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { makeHome, root, until } from '../e2e/harness.js';
import { openTerminal } from '../e2e/pseudo-terminal.js';
import { installBrowser, notHere, openPage } from '../engines/support/browser.js';
import { terminalSvg } from './terminal-svg.js';

const SIZE = { columns: 120, rows: 36 };
const AGENTS = 4;
const TURNS = 5;
const VIEWS: [key: string, name: string, words: RegExp][] = [
  ['1', 'overview', /\[overview\]/],
  ['3', 'cache', /\[cache\][\s\S]*disk/],
  ['5', 'sessions', /\[sessions\][\s\S]*agent-/],
];
const out = path.join(root, 'docs', 'pictures');

async function conversation(url: string, agent: number): Promise<void> {
  const rules = 'Read a file before you change it. Say what you did in one sentence. ';
  const messages: object[] = [
    { role: 'system', content: `You are a coding agent in repository ${agent % 2}. ${rules.repeat(12)}` },
  ];
  for (let turn = 0; turn < TURNS; turn += 1) {
    messages.push({ role: 'user', content: `Step ${turn}: what does file ${7 * turn + agent} do?` });
    const headers = { 'content-type': 'application/json', 'x-dynamo-session-id': `agent-${agent}` };
    const body = JSON.stringify({ model: 'smollm2', temperature: 0, max_tokens: 32, messages });
    const answer = await fetch(`${url}/v1/chat/completions`, { method: 'POST', headers, body });
    const { choices } = (await answer.json()) as { choices: { message: object }[] };
    messages.push(choices[0]!.message);
  }
}

export async function makePictures(): Promise<string[]> {
  const made: string[] = [];
  const write = (name: string, data: string | Buffer) => {
    const file = path.join(out, name);
    writeFileSync(file, data);
    made.push(path.relative(root, file));
  };
  mkdirSync(out, { recursive: true });
  const home = makeHome();
  const stack = await home.up('--workers', '2', '--tiers', 'cpu=1GiB,disk=4GiB');
  const terminal = openTerminal('top', { ...home.env, COLORTERM: 'truecolor' }, SIZE);
  try {
    await Promise.all(Array.from({ length: AGENTS }, (_, agent) => conversation(stack.url, agent)));
    const done = async () => {
      const { requests, byKind } = await stack.snapshot();
      return requests.active === 0 && byKind.system.tokens > 0;
    };
    await until(done, 'the last figures');
    for (const [key, name, words] of VIEWS) {
      await terminal.typeAndSee(key, words);
      write(`${name}.svg`, terminalSvg(terminal.see().cells, SIZE.columns, `dynamo top, the ${name} view`));
    }
    const page = path.join(home.dir, 'report.html');
    await home.cli('report', '--out', page);
    if (notHere !== null) throw new Error(notHere);
    await installBrowser();
    const browser = await openPage(pathToFileURL(page).href, { width: 1_000 });
    write('report.png', await browser.picture(1_080));
    await browser.close();
  } finally {
    terminal.type('q');
    await terminal.ended();
    await stack.down();
    home.remove();
  }
  return made;
}
