/** vLLM tells ids with its chunks; an answer goes on as a completion of prompt and answer so far. */
import type { Continuation } from '../../request/continuation.js';

export const VLLM_CONTINUATION: Continuation = { way: 'completes', idsField: 'return_token_ids' };
