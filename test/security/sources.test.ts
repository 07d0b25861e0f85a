/** What no source file may contain: ways to run text as a program, to listen to everybody, to skip a check. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

const root = path.resolve(import.meta.dirname, '../..');
const sources = ['src', 'commands', 'bin', 'python', 'examples'].flatMap((dir) =>
  readdirSync(path.join(root, dir), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(ts|tsx|js|mjs|py)$/.test(entry.name))
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)))
    .map((file) => ({ file, text: withoutComments(readFileSync(path.join(root, file), 'utf8')) })),
);

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '$1');
}

const filesWith = (pattern: RegExp): string[] =>
  sources.filter(({ text }) => pattern.test(text)).map(({ file }) => file);

describe('the sources', () => {
  it('are read', () => expect(sources.length).toBeGreaterThan(400));

  it('never give a shell a text: programs get their arguments one by one', () => {
    expect(filesWith(/\bshell:\s*true|\bexecSync\(|\bexecaCommand|child_process.*\bexec\b|\$`/)).toEqual([]);
    expect(filesWith(/os\.system|shell\s*=\s*True|os\.popen/)).toEqual([]);
    // One shell: a fixed script that takes the group to kill as its argument.
    expect(filesWith(/['"](\/bin\/)?(sh|bash|cmd(\.exe)?)['"]/)).toEqual(['src/supervisor/death-watch.ts']);
    const { text } = sources.find(({ file }) => file === 'src/supervisor/death-watch.ts')!;
    const script = /const SCRIPT = `([^`]*)`/.exec(text)?.[1] ?? '';
    expect(script).toContain('kill -9');
    expect(script.replaceAll('\\${', '')).not.toContain('${');
  });

  it('never run text as a program, and unpack nothing that can', () => {
    expect(filesWith(/\beval\(|new Function\(|vm\.run|runInNewContext(?!\('gc'\)| })/)).toEqual([]);
    expect(filesWith(/\bpickle\b|\bmarshal\.loads|yaml\.load\(/)).toEqual([]);
  });

  it('listen beyond this machine only where a file for other machines is written', () => {
    expect(
      filesWith(/0\.0\.0\.0|tcp:\/\/\*|\[::\]/).filter((file) => !file.startsWith('src/export/')),
    ).toEqual([
      // Reads such an address as one of this machine.
      'src/cli/served-model.ts',
    ]);
  });

  it('skip no certificate', () => {
    expect(filesWith(/rejectUnauthorized|NODE_TLS_REJECT|verify\s*=\s*False|--no-check-certificate/)).toEqual(
      [],
    );
  });

  it('compare keys in constant time', () => {
    const { text } = sources.find(({ file }) => file === 'src/gateway/key-ring.ts')!;
    expect(text).toContain('timingSafeEqual');
    expect(filesWith(/\b(apiKey|bearer|token)\s*===?\s*(key|held|policy)/i)).toEqual([]);
  });

  it('let no web page in from elsewhere', () => {
    expect(filesWith(/access-control-allow/i)).toEqual([]);
  });
});
