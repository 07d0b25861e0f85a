/** Requests and models for the prompt room's tests. */

import { compileChatTemplate } from '../../../src/model/chat-template.js';
import { modelFacts } from '../../../src/model/facts.js';
import { readGgufMetadata } from '../../../src/model/gguf.js';
import type { LocalModel } from '../../../src/model/local-model.js';
import { buildTokenizer } from '../../../src/model/tokenizer.js';
import type { Block, CommonRequest, Message, Tool } from '../../../src/request/types.js';
import { ggufBytes, text as ggufText, tinyModel, writeGguf } from '../../model/support/tiny-gguf.js';
import type { Family } from './templates.js';

export const say = (role: Message['role'], text: string): Message => ({
  role,
  blocks: [{ type: 'text', text }],
});
export const turn = (role: Message['role'], ...blocks: Block[]): Message => ({ role, blocks });

export const LOOK: Tool = {
  name: 'look',
  description: 'Looks.',
  parameters: { type: 'object', properties: { word: { type: 'string' } } },
};

export function chat(
  messages: Message[],
  tools: Tool[] = [],
  changes: Partial<CommonRequest> = {},
): CommonRequest {
  return {
    id: 'r1',
    dialect: 'chat',
    model: 'tiny',
    input: { kind: 'chat', messages },
    tools,
    toolChoice: { kind: 'auto' },
    parallelToolCalls: true,
    sampling: {},
    stop: [],
    format: { kind: 'text' },
    n: 1,
    reasoning: {},
    stream: true,
    includeUsage: false,
    hints: { priority: 0, strictPriority: 0, speculativePrefill: false, extraFields: [], annotations: [] },
    extra: {},
    dialectState: {},
    ...changes,
  };
}

/** A tiny byte-level model with this family's template and special tokens. */
export async function familyModel(name: string, family: Family): Promise<LocalModel> {
  const metadata = await readGgufMetadata(
    writeGguf(
      ggufBytes(tinyModel({ 'tokenizer.chat_template': ggufText(family.source) }, family.specials)),
      `${name}.gguf`,
    ),
  );
  const facts = modelFacts(metadata);
  const leadToken = facts.addBos ? facts.bosId : null;
  return {
    facts,
    leadToken,
    tokenizer: buildTokenizer(metadata),
    template: compileChatTemplate(family.source, facts),
  };
}
