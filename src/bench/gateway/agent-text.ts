/**
 * Text as agents send it: code, logs and paths over a few thousand names. A handful of repeated words would flatter every
 * tokenizer that remembers words, so names are many and some are met once.
 */
import { generator } from '../workload.js';

const SYLLABLES =
  're to da con fig par se ren der to ken blo ck hash rou ter wor ker cache str eam que ue pre fix in dex ses sion up date han dle er ror mod el ba tch';
const NAMES = names(4_000);

export type AgentText = (bytes: number) => string;

/** A source of text that is the same for the same seed. One byte a character. */
export function agentText(seed: number): AgentText {
  const next = generator(seed);
  // Cubed, so that few names are frequent and most are rare, as in a code base.
  const name = (): string => NAMES[Math.floor(NAMES.length * (next() / 2 ** 32) ** 3)] ?? 'value';
  const hex = (): string => next().toString(16);
  const lines: (() => string)[] = [
    () => `  const ${name()} = await ${name()}.${name()}(${name()}, ${next() % 1_000});\n`,
    () => `    if (${name()} === '${name()}') return ${name()}[${next() % 64}];\n`,
    () => `export function ${name()}(${name()}: string): ${name()} {\n`,
    () => `// The ${name()} of a ${name()} is kept until ${name()} says so.\n`,
    () => `      at ${name()} (/src/${name()}/${name()}.ts:${next() % 900}:${next() % 90})\n`,
    () =>
      `${next() % 60}:${next() % 60}.${next() % 1_000} INFO ${name()} ${hex()} took ${next() % 5_000} ms\n`,
    () => `+  "${name()}": { "${name()}": ${next() % 10_000}, "id": "${hex()}" },\n`,
  ];
  return (bytes) => {
    let text = '';
    while (text.length < bytes) text += lines[next() % lines.length]?.() ?? '\n';
    return text.slice(0, bytes);
  };
}

function names(count: number): string[] {
  const next = generator(4_711);
  const syllables = SYLLABLES.split(' ');
  const syllable = (): string => syllables[next() % syllables.length] ?? 'x';
  return Array.from({ length: count }, () => {
    const first = Array.from({ length: 1 + (next() % 3) }, syllable).join('');
    const second = next() % 2 === 0 ? '' : syllable() + syllable();
    return first + second.slice(0, 1).toUpperCase() + second.slice(1);
  });
}
