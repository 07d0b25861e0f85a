/** What comes from others: pinned, without scripts, each with a reason, and listed for whoever has to know. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

const root = path.resolve(import.meta.dirname, '../..');
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');

interface Manifest {
  dependencies: Record<string, string>;
  optionalDependencies: Record<string, string>;
  devDependencies: Record<string, string>;
  allowScripts: Record<string, boolean>;
  scripts: Record<string, string>;
}
interface Locked {
  version: string;
  license?: string;
  integrity?: string;
  dev?: boolean;
  hasInstallScript?: boolean;
}

const manifest = JSON.parse(read('package.json')) as Manifest;
const locked = (JSON.parse(read('package-lock.json')) as { packages: Record<string, Locked> }).packages;
const direct = { ...manifest.dependencies, ...manifest.optionalDependencies, ...manifest.devDependencies };
const LICENCES =
  /^\(?(MIT|ISC|0BSD|Apache-2\.0|BSD-[23]-Clause|BlueOak-1\.0\.0|MIT AND MPL-2\.0|MIT OR CC0-1\.0)\)?$/;

describe('every package', () => {
  it('is named with an exact version, and its reason is in docs/dependencies.md', () => {
    const listed = [...read('docs/dependencies.md').matchAll(/^\| (`.*?`) \|/gm)].flatMap(([, cell]) =>
      [...(cell ?? '').matchAll(/`([^`]+)`/g)].map(([, name]) => name),
    );
    expect(listed.sort()).toEqual(Object.keys(direct).sort());
    for (const [name, version] of Object.entries(direct)) expect(version, name).toMatch(/^\d+\.\d+\.\d+$/);
  });

  it('is locked with its hash, and runs no script when it is installed', () => {
    const others = Object.entries(locked).filter(([name]) => name !== '');
    expect(others.length).toBeGreaterThan(100);
    for (const [name, { integrity }] of others) expect(integrity, name).toMatch(/^sha512-/);
    const scripted = others.filter(([, { hasInstallScript }]) => hasInstallScript === true);
    const names = scripted.map(([name]) => name.replace(/^.*node_modules\//, ''));
    expect(names.filter((name) => manifest.allowScripts[name] !== false)).toEqual([]);
    expect(read('bin/setup.js')).toContain("'--ignore-scripts'");
    for (const hook of ['preinstall', 'install', 'postinstall', 'prepare'])
      expect(manifest.scripts).not.toHaveProperty(hook);
  });

  it('that a user gets is under a licence that lets it be passed on', () => {
    const unlike = Object.entries(locked).filter(
      ([name, { dev, license }]) => name !== '' && dev !== true && !LICENCES.test(license ?? ''),
    );
    expect(unlike.map(([name, { license }]) => `${name}: ${license}`)).toEqual([]);
  });

  it('is in the bill of materials, with hash and licence', () => {
    const text = execFileSync(process.execPath, [path.join(root, 'bin/sbom.js')], { encoding: 'utf8' });
    const { bomFormat, components } = JSON.parse(text) as {
      bomFormat: string;
      components: { name: string; version: string; licenses?: unknown[]; hashes?: unknown[] }[];
    };
    expect(bomFormat).toBe('CycloneDX');
    for (const [name, version] of Object.entries(manifest.dependencies))
      expect(components).toContainEqual(expect.objectContaining({ name, version }));
    for (const { name, licenses, hashes } of components)
      expect([licenses?.length, hashes?.length], name).toEqual([1, 1]);
    expect(components.map(({ name }) => name)).not.toContain('vitest');
    // Everything the lockfile does not call a development package, and nothing it does.
    const users = Object.entries(locked).filter(([name, { dev }]) => name !== '' && dev !== true);
    expect(components.length).toBe(users.length);
  });
});
