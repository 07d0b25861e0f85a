/** What the gateway asks of the prompt room. */
import type { CommonRequest } from '../request/types.js';
import type { PreparedPrompt } from './types.js';

/** Contract: `prepare` never rejects for a valid request; when ours cannot tokenize it falls back and says so. */
export interface PromptService {
  prepare(request: CommonRequest): Promise<PreparedPrompt>;
}
