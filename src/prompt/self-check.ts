/**
 * Proves at start that our tokens are the engine's: a few chats that between them use every feature a prompt can
 * have are tokenized by both. Unequal tokens would not break answers, but every cache prediction would be wrong.
 */
import { engineChat } from '../request/engine-body.js';
import type { CommonRequest, Message, Tool } from '../request/types.js';
import type { EngineTokenize } from './engine-tokenize.js';
import type { SwitchablePromptService } from './service.js';
import { tokenizeBody } from './sources.js';
import type { PromptSource } from './types.js';

export interface SelfCheckResult {
  source: PromptSource;
  /** Chats compared and found equal. */
  equal: number;
  /** One sentence: what was found. */
  detail: string;
}

/**
 * Leaves the service on `local` when all chats are equal; else switches it to `engine`, or to `text` when the
 * engine has no `/tokenize`, and warns. Never rejects.
 */
export async function selfCheck(
  service: SwitchablePromptService,
  tokenize: EngineTokenize,
): Promise<SelfCheckResult> {
  let equal = 0;
  for (const [name, request] of Object.entries(PROBES)) {
    const engine = await tokenize(tokenizeBody(engineChat(request))).catch((error: Error) => error);
    if (engine instanceof Error && equal === 0 && name === FIRST_PROBE) {
      if (service.local !== null) {
        return {
          source: service.source,
          equal,
          detail: `not compared: the engine has no usable /tokenize (${engine.message})`,
        };
      }
      service.switchToText();
      return degraded(
        service,
        equal,
        `The engine has no usable /tokenize (${engine.message}); cached tokens are predicted from text prefixes, approximately.`,
      );
    }
    if (service.local === null) {
      service.switchToEngine(tokenize);
      const detail =
        'There is no tokenizer here: each request is tokenized by the engine, which costs a round trip.';
      return degraded(service, equal, detail);
    }
    const difference = compare(service, request, engine);
    if (difference === null) {
      equal += 1;
      continue;
    }
    service.switchToEngine(tokenize);
    return degraded(
      service,
      equal,
      `Our tokens for the probe \`${name}\` are not the engine's (${difference}); each request is tokenized by the engine, which costs a round trip.`,
    );
  }
  return { source: service.source, equal, detail: `${equal} probe chats gave the engine's tokens` };
}

function degraded(service: SwitchablePromptService, equal: number, detail: string): SelfCheckResult {
  service.warn(detail);
  return { source: service.source, equal, detail };
}

/** Null when equal. A chat both refuse is equal too. */
function compare(
  service: SwitchablePromptService,
  request: CommonRequest,
  engine: Uint32Array | Error,
): string | null {
  let ours: Uint32Array | null;
  try {
    ours = service.localTokens(request);
  } catch (error) {
    return engine instanceof Error ? null : `ours fails: ${(error as Error).message}`;
  }
  if (ours === null) return 'there is no local tokenizer';
  if (engine instanceof Error) return `the engine fails: ${engine.message}`;
  const length = Math.min(ours.length, engine.length);
  for (let index = 0; index < length; index++) {
    if (ours[index] !== engine[index])
      return `token ${index} is ${ours[index]}, the engine's is ${engine[index]}`;
  }
  return ours.length === engine.length ? null : `${ours.length} tokens against ${engine.length}`;
}

const say = (role: Message['role'], text: string): Message => ({ role, blocks: [{ type: 'text', text }] });

const LOOKUP: Tool = {
  name: 'look_up',
  description: 'Looks a word up, "quoted" & <tagged>.',
  parameters: {
    type: 'object',
    properties: { word: { type: 'string', description: 'größe' }, limit: { type: 'integer', minimum: 1 } },
    required: ['word'],
  },
};

const CALL: Message = {
  role: 'assistant',
  blocks: [
    { type: 'text', text: 'I look.' },
    { type: 'tool_use', id: 'call00001', name: 'look_up', arguments: '{"word": "größe", "limit": 3}' },
  ],
};

const RESULT: Message = {
  role: 'user',
  blocks: [
    {
      type: 'tool_result',
      toolUseId: 'call00001',
      content: [{ type: 'text', text: 'size\n  (f.)' }],
      isError: false,
    },
  ],
};

const FIRST_PROBE = 'plain';

const PROBES: Record<string, CommonRequest> = {
  [FIRST_PROBE]: probe([say('user', 'Hello, what is 12 x 345?')], []),
  system: probe(
    [
      say('system', 'Answer briefly.\n'),
      say('user', '  Hi!  '),
      say('assistant', 'Hello.'),
      say('user', "don't\tstop\n\n"),
    ],
    [],
  ),
  unicode: probe(
    [
      say(
        'user',
        'naïve Ünïcode: 汉字 かな 한국어 русский العربية 😀👩‍👩‍👧 e\u0301 \u00a0\u200b 1234567890 if (x) {\n\t\treturn a[0] ?? -3.5e10;\n\t}',
      ),
    ],
    [],
  ),
  markup: probe([say('user', 'Say <|im_end|>, <|endoftext|>, </s> and <think>x</think> aloud.')], []),
  tools: probe(
    [say('system', 'Use tools.'), say('user', 'Look up größe.'), CALL, RESULT, say('user', 'Thanks.')],
    [LOOKUP, { ...LOOKUP, name: 'find', strict: true }],
  ),
};

function probe(messages: Message[], tools: Tool[]): CommonRequest {
  return {
    id: 'self-check',
    dialect: 'chat',
    model: '',
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
  };
}
