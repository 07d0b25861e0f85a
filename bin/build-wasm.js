#!/usr/bin/env node
// Compiles the AssemblyScript sources to WebAssembly and writes each module as base64 into its committed
// `*.generated.ts`, so that neither a build nor an installation needs the compiler. `--check` writes nothing and
// fails when a committed file is not what its source compiles to.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

/** One entry per generated file; each name in `modules` becomes an exported constant. */
export const TARGETS = [
  {
    source: 'src/prompt/hash/assembly/xxh3.ts',
    output: 'src/prompt/hash/xxh3.generated.ts',
    modules: { XXH3_WASM: [] },
  },
  {
    source: 'src/router/index/assembly/index.ts',
    output: 'src/router/index/index.generated.ts',
    modules: { INDEX_SIMD_WASM: ['--enable', 'simd'], INDEX_SCALAR_WASM: [] },
  },
];

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const isCheck = process.argv.includes('--check');
  for (const target of TARGETS) {
    const text = await generate(target);
    const file = path.join(root, target.output);
    if (!isCheck) writeFileSync(file, text);
    else if (readFileSync(file, 'utf8') !== text) {
      process.stderr.write(
        `${target.output} is not what ${target.source} compiles to: run bin/build-wasm.js\n`,
      );
      process.exitCode = 1;
    }
  }
}

/** Text of a target's generated file. */
export async function generate({ source, output, modules }) {
  const lines = [`/** Compiled from ${source} by bin/build-wasm.js; do not edit. */`];
  for (const [name, flags] of Object.entries(modules)) {
    const bytes = await compile(source, flags);
    lines.push(`export const ${name} =`, `  '${bytes.toString('base64')}';`);
  }
  if (!output.endsWith('.generated.ts')) throw new Error(`${output} must end in .generated.ts`);
  return `${lines.join('\n')}\n`;
}

async function compile(source, flags) {
  const scratch = mkdtempSync(path.join(os.tmpdir(), 'dynamo-wasm-'));
  const outFile = path.join(scratch, 'module.wasm');
  try {
    const { error, stderr } = await asc.main([
      path.join(root, source),
      '--outFile',
      outFile,
      '--runtime',
      'stub',
      '--noAssert',
      '--use',
      'abort=',
      '-O3',
      '--converge',
      ...flags,
    ]);
    if (error) throw new Error(`${source}: ${error.message}\n${stderr.toString()}`);
    return readFileSync(outFile);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
