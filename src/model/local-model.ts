/** Everything needed to turn a chat into this model's tokens, from one read of its file. */
import { DynamoError } from '../errors.js';
import { type ChatTemplate, compileChatTemplate } from './chat-template.js';
import { type ModelFacts, modelFacts } from './facts.js';
import { readGgufMetadata } from './gguf.js';
import { buildTokenizer, type Tokenizer } from './tokenizer.js';

/** What turning a chat into tokens takes. */
export interface PromptModel {
  tokenizer: Tokenizer;
  template: ChatTemplate;
  /** Token that plain (untemplated) text starts with; null = none. */
  leadToken: number | null;
}

export interface LocalModel extends PromptModel {
  facts: ModelFacts;
}

/** About 0.3 s. Rejects with `model_missing`, or `model_invalid` (no chat template, unknown tokenizer, …). */
export async function loadLocalModel(path: string): Promise<LocalModel> {
  const metadata = await readGgufMetadata(path);
  const facts = modelFacts(metadata);
  if (facts.chatTemplate === null) {
    throw new DynamoError('model_invalid', {
      path,
      detail: 'it has no chat template, so it is no chat model.',
    });
  }
  return {
    facts,
    tokenizer: buildTokenizer(metadata),
    leadToken: facts.addBos ? facts.bosId : null,
    template: compileChatTemplate(facts.chatTemplate, facts),
  };
}
