/** The default model for tests with the real library: `DYNAMO_TEST_MODEL` (set by `npm test`), or where `dynamo model pull` puts it. */
import { existsSync } from 'node:fs';
import { modelsDir, resolvePaths } from '../../../../src/cli/paths.js';
import { createCore, type LlamaCore } from '../../../../src/engines/embedded/core/create-core.js';
import { DEFAULT_MODEL, findModel, modelPath } from '../../../../src/model/catalog.js';
import { type JobOptions, type Outcome, run } from './jobs.js';

export function testModelPath(): string {
  const path =
    process.env['DYNAMO_TEST_MODEL'] ?? modelPath(modelsDir(resolvePaths()), findModel(DEFAULT_MODEL));
  if (!existsSync(path))
    throw new Error(`the test model is not at ${path}: run \`npm test\` or \`dynamo model pull\``);
  return path;
}

export function openCore(options: { slots: number; contextTokens?: number }): Promise<LlamaCore> {
  const modelSha256 = findModel(DEFAULT_MODEL).sha256;
  return createCore({ modelPath: testModelPath(), modelSha256, contextTokens: 1_024, ...options });
}

export function tokensOf(core: LlamaCore, text: string): Uint32Array {
  return core.tokenize(text, { addSpecial: false, parseSpecial: true });
}

export function chatOf(core: LlamaCore, user: string, system = 'You are a helpful assistant.'): Uint32Array {
  const turn = (role: string, text: string): string => `<|im_start|>${role}\n${text}<|im_end|>\n`;
  return tokensOf(core, `${turn('system', system)}${turn('user', user)}<|im_start|>assistant\n`);
}

export function textOf(core: LlamaCore, tokens: readonly number[]): string {
  return Buffer.concat(tokens.map((token) => core.piece(token, { special: true }))).toString();
}

export async function answer(
  core: LlamaCore,
  prompt: Uint32Array,
  options: Omit<JobOptions, 'prompt'> = {},
): Promise<Outcome & { text: string }> {
  const outcome = await run(core, { ...options, prompt });
  return { ...outcome, text: textOf(core, outcome.tokens) };
}
