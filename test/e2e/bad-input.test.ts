/** Wrong input of every kind: a clear sentence, the right exit code or dialect, and nothing lost. */
import { copyFileSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Home, makeHome, type RunningStack, root } from './harness.js';
import { openTerminal } from './pseudo-terminal.js';

let home: Home;
let stack: RunningStack;

beforeAll(async () => {
  home = makeHome();
  stack = await home.up('--workers', '1', '--set', 'slots=2', '--set', 'limits.body_bytes=200000');
});

afterAll(async () => {
  await stack?.down();
  home?.remove();
});

const post = (route: string, body: string, headers: Record<string, string> = {}) =>
  fetch(`${stack.url}${route}`, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json', ...headers },
  });

const long = 'many words about nothing in particular '.repeat(2_000);

describe('commands', () => {
  it('suggest the nearest recipe for an unknown one', async () => {
    const result = await home.cli('up', '--name', 'other', '--recipe', 'smolm2');
    expect(result.code).toBe(2);
    expect(result.stderr).toContain('smollm2');
  });

  it('name the command that was meant', async () => {
    const typo = await home.cli('statsu');
    expect(typo).toMatchObject({ code: 2, stdout: '' });
    expect(typo.stderr).toBe(
      'dynamo: There is no command `statsu`.\n  Did you mean `dynamo status`? `dynamo --help` lists them all.\n',
    );
    expect((await home.cli('recipe', 'shw')).stderr).toContain('`dynamo recipe show`');
    const words = await home.cli('up', 'recipe', 'smollm2');
    expect(words).toMatchObject({ code: 2, stdout: '' });
    expect(words.stderr).toContain('takes no `recipe smollm2`, and flags begin with two dashes: --recipe');
    expect((await home.cli('up', '--recpie', 'x')).stderr).toContain('Did you mean --recipe?');
  });

  it('print every problem of a malformed recipe with its path', async () => {
    const file = path.join(home.dir, 'bad.yaml');
    writeFileSync(file, 'name: Bad Name\nmodel: {context: -1}\nvariants: []\n');
    const result = await home.cli('recipe', 'check', file);
    expect(result.code).toBe(2);
    for (const at of ['name', 'model.context', 'variants'])
      expect(result.stdout + result.stderr).toContain(at);
    expect((await home.cli('up', '--name', 'other', '--recipe', file)).code).toBe(2);
  });

  it.runIf(process.platform === 'linux' && process.arch === 'x64')(
    'say how to install an engine that is missing, before anything is fetched or started',
    async () => {
      const result = await home.cli('up', '--name', 'other', '--recipe', 'smollm2-vllm-cpu');
      expect(result).toMatchObject({ code: 1, stdout: '' });
      expect(result.stderr).toContain('Install it with `dynamo engine install vllm --cpu`');
      expect((await home.cli('recipe', 'list')).stdout).toContain('needs: dynamo engine install vllm --cpu');
      const doctor = await home.cli('doctor', '--recipe', 'smollm2-vllm-cpu', '--json');
      expect(doctor.code).not.toBe(0);
      expect(doctor.stdout).toContain('dynamo engine install vllm --cpu');
    },
  );

  it.runIf(process.platform === 'linux' && process.arch === 'x64')(
    'run no code that comes with a model unless the user says so',
    async () => {
      const shipped = readFileSync(path.join(root, 'recipes', 'smollm2-vllm-cpu.yaml'), 'utf8');
      const file = path.join(home.dir, 'theirs.yaml');
      writeFileSync(file, shipped.replace(/^( +)args:\n/m, '$1args:\n$1  trust-remote-code: true\n'));
      const refused = await home.cli('up', '--name', 'other', '--recipe', file);
      expect(refused).toMatchObject({ code: 2, stdout: '' });
      expect(refused.stderr).toMatch(/Python code that comes with the model: --trust-remote-code/);
      expect((await home.cli('plan', '--recipe', file)).stdout).toContain('wants --trust-remote-code');
      // Said, it goes on to the next thing that is missing here.
      const trusted = await home.cli('up', '--name', 'other', '--recipe', file, '--trust-remote-code');
      expect(trusted.stderr).toContain('dynamo engine install');
    },
  );

  it.runIf(process.platform === 'linux' && process.arch === 'x64')(
    'ask whoever sits at a terminal whether code that comes with a model may run; only yes is yes',
    async () => {
      const shipped = readFileSync(path.join(root, 'recipes', 'smollm2-vllm-cpu.yaml'), 'utf8');
      const file = path.join(home.dir, 'asked.yaml');
      writeFileSync(file, shipped.replace(/^( +)args:\n/m, '$1args:\n$1  trust-remote-code: true\n'));
      const answered = async (answer: string) => {
        const terminal = openTerminal(`up --name other --recipe ${file}`, home.env);
        await terminal.sees(/with your rights\? \[y\/N\]/);
        terminal.type(answer);
        const code = await terminal.ended();
        return { code, text: terminal.see().lines.join(' ').replaceAll(/\s+/g, ' ') };
      };
      const no = await answered('\r');
      expect(no).toMatchObject({ code: 2, text: expect.stringContaining('add --trust-remote-code') });
      const left = await answered('\x04');
      expect(left.code).toBe(2);
      const yes = await answered('y\r');
      expect(yes).toMatchObject({ code: 1, text: expect.stringContaining('dynamo engine install') });
    },
  );

  it('refuse a recipe this host cannot run, with every reason, exit code 3', async () => {
    const result = await home.cli('up', '--name', 'other', '--recipe', 'glm5');
    expect(result.code).toBe(3);
    expect(result.stderr).toMatch(/needs 8 × 141 GB.*no GPU/);
    expect((await home.cli('plan', '--recipe', 'minimax-m2.5')).code).toBe(3);
  });

  it('say who holds a taken port and which is the next free one', async () => {
    const holder = net.createServer();
    await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
    const { port } = holder.address() as net.AddressInfo;
    const result = await home.cli('up', '--name', 'other', '--no-tui', '--port', String(port));
    holder.close();
    expect(result.code).toBe(1);
    expect(result.stderr).toContain(`Port ${port} on 127.0.0.1 is in use`);
    expect(result.stderr).toMatch(/by .*\d+/);
    expect(result.stderr).toMatch(/--port \d+/);
  });

  it('notice a corrupt model file before starting anything', async () => {
    const other = makeHome();
    const file = path.join(
      other.dir,
      'data',
      'models',
      'smollm2',
      path.basename(process.env['DYNAMO_TEST_MODEL']!),
    );
    rmSync(file);
    mkdirSync(path.dirname(file), { recursive: true });
    copyFileSync(process.env['DYNAMO_TEST_MODEL']!, file);
    truncateSync(file, 90_000_000);
    const result = await other.cli('up', '--no-tui', '--port', '0');
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/SHA-256/);
    expect(result.stderr).toContain('dynamo model rm smollm2');
    other.remove();
  });

  it('exit with 4 when there is nothing to stop, show or attach to', async () => {
    for (const command of [['down'], ['status'], ['status', '--json'], ['top', '--once']]) {
      const result = await home.cli(...command, '--name', 'nobody');
      expect(result.code, command.join(' ')).toBe(4);
      expect(result.stderr).toContain('No stack named `nobody` is running');
    }
  });

  it('refuse a name that would leave the state folder', async () => {
    expect((await home.cli('down', '--name', '../../etc')).code).toBe(2);
  });

  it('refuse a router module that is none, a folder nothing can be recorded in and a collector without an address, before anything starts', async () => {
    const file = path.join(home.dir, 'router.mjs');
    writeFileSync(file, 'export default { choose() {} };\n');
    const router = await home.cli('up', '--name', 'other', '--router', file);
    expect(router.code).toBe(2);
    expect(router.stderr).toContain('has no `select`');
    expect((await home.cli('replay', file, '--router', './nowhere.mjs')).code).toBe(2);
    const record = await home.cli('up', '--name', 'other', '--record', path.join(file, 'below'));
    expect(record.code).toBe(2);
    expect(record.stderr).toContain('Nothing can be recorded');
    const otel = await home.cli('up', '--name', 'other', '--otel', 'localhost:4318', '--dry-run');
    expect(otel).toMatchObject({ code: 2, stdout: '' });
    expect(otel.stderr).toContain('http://127.0.0.1:4318');
  });

  it('answer wrong flags with exit code 2', async () => {
    expect((await home.cli('up', '--no-such-flag')).code).toBe(2);
    expect((await home.cli('up', '--port', 'eighty')).code).toBe(2);
    expect((await home.cli('up', '--set', 'novalue', '--name', 'other')).code).toBe(2);
  });
});

describe('requests', () => {
  const chat = (messages: unknown) => JSON.stringify({ model: 'smollm2', messages, max_tokens: 4 });

  it('with invalid JSON are a 400 in each dialect', async () => {
    const openai = await post('/v1/chat/completions', '{"model":');
    expect([openai.status, (await openai.json()).error.type]).toEqual([400, 'invalid_request_error']);
    const anthropic = await post('/v1/messages', '{"model":', { 'anthropic-version': '2023-06-01' });
    expect([anthropic.status, await anthropic.json()]).toMatchObject([
      400,
      { type: 'error', error: { type: 'invalid_request_error' } },
    ]);
    expect((await post('/v1/responses', '{')).status).toBe(400);
  });

  it('for an unknown model are a 404 naming the served one', async () => {
    const openai = await post(
      '/v1/chat/completions',
      JSON.stringify({ model: 'gpt-9', messages: [{ role: 'user', content: 'x' }] }),
    );
    expect(openai.status).toBe(404);
    expect((await openai.json()).error.message).toContain('smollm2');
    const anthropic = await post(
      '/v1/messages',
      JSON.stringify({ model: 'gpt-9', max_tokens: 1, messages: [{ role: 'user', content: 'x' }] }),
    );
    expect([anthropic.status, (await anthropic.json()).error.type]).toEqual([404, 'not_found_error']);
  });

  it('longer than the context are refused in each dialect’s own words', async () => {
    const openai = await post('/v1/chat/completions', chat([{ role: 'user', content: long }]));
    expect([openai.status, (await openai.json()).error.code]).toEqual([400, 'context_length_exceeded']);
    const anthropic = await post('/v1/messages', chat([{ role: 'user', content: long }]));
    expect(anthropic.status).toBe(400);
    expect((await anthropic.json()).error.message).toMatch(/^prompt is too long: \d+ tokens > 8192 maximum/);
  });

  it('over the body limit are a 413', async () => {
    const response = await post(
      '/v1/chat/completions',
      chat([{ role: 'user', content: 'x'.repeat(300_000) }]),
    );
    expect(response.status).toBe(413);
  });

  it('leave the stack serving', async () => {
    const response = await post('/v1/chat/completions', chat([{ role: 'user', content: 'hi' }]));
    expect(response.status).toBe(200);
    const { requests, stack: now } = await stack.snapshot();
    expect(now.state).toBe('ready');
    expect(requests.active).toBe(0);
  });
});
