/** Arguments of vLLM and SGLang that make them run Python code which is not their own. Pure. */
import type { Plan } from './types.js';

const CODE_FLAGS: ReadonlySet<string> = new Set([
  'trust-remote-code',
  'hf-overrides.auto_map',
  'middleware',
  'worker-cls',
  'worker-extension-cls',
  'scheduler-cls',
  'logits-processors',
  'tool-parser-plugin',
  'reasoning-parser-plugin',
  'io-processor-plugin',
  // SGLang's.
  'custom-weight-loader',
  'enable-custom-logit-processor',
  'forward-hooks',
]);
/** Fields of its JSON options that name a Python module. */
const CODE_FIELD = /module_path|_cls["'=]|auto_map/;

/** The flags of a plan that bring foreign code, as they stand on the command line; none for engines of ours. */
export function foreignCodeFlags({ engine, engineArgs = [] }: Pick<Plan, 'engine' | 'engineArgs'>): string[] {
  if (engine !== 'vllm' && engine !== 'sglang') return [];
  return engineArgs.filter((word, at) => {
    if (!word.startsWith('--')) return false;
    // vLLM takes underscores for dashes, and a value behind an equals sign.
    const name = word.slice(2).split('=')[0]?.replaceAll('_', '-') ?? '';
    const value = engineArgs[at + 1] ?? '';
    return (
      CODE_FLAGS.has(name) || CODE_FIELD.test(word) || (!value.startsWith('--') && CODE_FIELD.test(value))
    );
  });
}
