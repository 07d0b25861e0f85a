/** Which format a recipe's parser names mean, and a parser for each. */
import { deepseekFormat } from './deepseek.js';
import { dsmlFormat } from './dsml.js';
import { glmFormat } from './glm.js';
import { HarmonyParser } from './harmony-parser.js';
import { hermesFormat } from './hermes.js';
import { kimiFormat } from './kimi.js';
import { LlamaParser } from './llama-parser.js';
import { minimaxFormat } from './minimax-m2.js';
import { qwen3CoderFormat } from './qwen3-coder.js';
import { ReasoningParser } from './reasoning-parser.js';
import { TaggedParser, textTo } from './tagged-parser.js';
import type {
  DeclaredTools,
  OutputParser,
  Parsed,
  ReasoningForm,
  TaggedFormat,
  ToolFormatName,
} from './types.js';

const TAGGED: Partial<Record<ToolFormatName, TaggedFormat>> = {
  hermes: hermesFormat,
  glm: glmFormat,
  'qwen3-coder': qwen3CoderFormat,
  'minimax-m2': minimaxFormat,
  deepseek: deepseekFormat,
  dsml: dsmlFormat,
  kimi: kimiFormat,
};

/** Names of vLLM's and SGLang's tool parsers, and our own. */
const TOOL_FORMATS: ReadonlyMap<string, ToolFormatName> = new Map([
  ['hermes', 'hermes'],
  ['qwen25', 'hermes'],
  ['glm', 'glm'],
  ['glm45', 'glm'],
  ['glm47', 'glm'],
  ['qwen3-coder', 'qwen3-coder'],
  ['qwen3_coder', 'qwen3-coder'],
  ['qwen3_xml', 'qwen3-coder'],
  ['minimax-m2', 'minimax-m2'],
  ['minimax_m2', 'minimax-m2'],
  ['deepseek', 'deepseek'],
  ['deepseek_v31', 'deepseek'],
  ['dsml', 'dsml'],
  ['deepseek_v32', 'dsml'],
  ['deepseek_v4', 'dsml'],
  ['kimi', 'kimi'],
  ['kimi_k2', 'kimi'],
  ['llama', 'llama'],
  ['llama3_json', 'llama'],
  ['llama4_json', 'llama'],
  ['harmony', 'harmony'],
  ['openai', 'harmony'],
  ['gpt-oss', 'harmony'],
]);

export const TOOL_FORMAT_NAMES: readonly string[] = [...new Set(TOOL_FORMATS.values())];

/** Undefined for a name nobody knows. */
export function toolFormat(name: string): ToolFormatName | undefined {
  return TOOL_FORMATS.get(name);
}

/** A fresh parser for one output. `format` null = reasoning only. */
export function createOutputParser(options: {
  format: ToolFormatName | null;
  reasoning: ReasoningForm;
  tools: DeclaredTools;
}): OutputParser {
  const { format, reasoning, tools } = options;
  // Harmony's channels are both at once.
  if (format === 'harmony') return new HarmonyParser(tools);
  return new ReasoningParser(reasoning, toolParser(format, tools));
}

function toolParser(format: ToolFormatName | null, tools: DeclaredTools): OutputParser {
  if (format === null || tools.size === 0) return PLAIN;
  const tagged = TAGGED[format];
  return tagged === undefined ? new LlamaParser(tools) : new TaggedParser(tagged, tools);
}

const PLAIN: OutputParser = {
  push(text) {
    const out: Parsed[] = [];
    textTo(out, text);
    return out;
  },
  finish: () => [],
};
