/** What the Responses encoder needs of the request again. */
import type { CommonRequest, Message } from '../../request/types.js';
import type { Fields } from '../fields.js';
import type { ToolNames } from './tool-names.js';

export interface ResponsesState {
  /** The body as received, echoed in the response object. */
  body: Fields;
  inputItems: unknown[];
  /** The conversation without `instructions`. */
  history: Message[];
  toolNames: ToolNames;
  isKept: boolean;
  /** `generate: false`: the prompt is computed and nothing is said. */
  isPrewarm: boolean;
  /** The answer is a summary of the conversation, as one `compaction` item. */
  isCompaction: boolean;
  /** Reasoning goes into `summary` when the client asked for one, else into `content`. */
  wantsSummary: boolean;
  /** Reasoning also goes into `encrypted_content`, to be sent back. */
  wantsEncrypted: boolean;
}

export function stateOf(request: CommonRequest): ResponsesState {
  return request.dialectState['responses'] as ResponsesState;
}
