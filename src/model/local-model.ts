/** Everything needed to turn a chat into this model's tokens, from one read of its file. */
import { DynamoError } from '../errors.js';
import { type ChatTemplate, compileChatTemplate } from './chat-template.js';
import { type ModelFacts, modelFacts } from './facts.js';
import { readGgufMetadata } from './gguf.js';
import { buildTokenizer, type Tokenizer } from './tokenizer.js';

export interface LocalModel {
  facts: ModelFacts;
  tokenizer: Tokenizer;
  template: ChatTemplate;
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
    template: compileChatTemplate(facts.chatTemplate, facts),
  };
}
