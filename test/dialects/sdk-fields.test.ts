/**
 * Every request field the official SDKs declare is accepted. The names are read from the SDKs' own types, so a new
 * SDK with a new field fails here until somebody has looked at it.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { chatDialect } from '../../src/dialects/chat/chat.js';
import { completionsDialect } from '../../src/dialects/completions/completions.js';
import { messagesDialect } from '../../src/dialects/messages/messages.js';
import type { Dialect } from '../../src/dialects/types.js';
import { engineBody } from '../../src/request/engine-body.js';

type Samples = Record<string, unknown>;

const modules = path.join(import.meta.dirname, '../../node_modules');
const tool = { type: 'function', function: { name: 'f', parameters: { type: 'object' } } };
const user = [{ role: 'user', content: 'hi' }];

/** Without the conversation it refers to an answer would be wrong: the SDK goes on without it when it is refused. */
const REFUSED = 'thread';

const CHAT: Samples = {
  messages: user,
  model: 'm',
  audio: { format: 'wav', voice: 'alloy' },
  frequency_penalty: 0.5,
  function_call: 'auto',
  functions: [{ name: 'f', parameters: { type: 'object' } }],
  logit_bias: { '50256': -100 },
  logprobs: true,
  max_completion_tokens: 10,
  max_tokens: 10,
  metadata: { a: 'b' },
  modalities: ['text'],
  moderation: { model: 'omni' },
  n: 2,
  parallel_tool_calls: false,
  prediction: { type: 'content', content: 'x' },
  presence_penalty: -0.5,
  prompt_cache_key: 'k',
  prompt_cache_options: { ttl: '1h' },
  prompt_cache_retention: '24h',
  reasoning_effort: 'minimal',
  response_format: { type: 'json_object' },
  safety_identifier: 's',
  seed: 7,
  service_tier: 'flex',
  stop: ['a', 'b'],
  store: true,
  stream: true,
  stream_options: { include_usage: true, include_obfuscation: false },
  temperature: 0,
  tool_choice: 'auto',
  tools: [tool],
  top_logprobs: 2,
  top_p: 1,
  user: 'u',
  verbosity: 'low',
  web_search_options: {},
};

const COMPLETIONS: Samples = {
  model: 'm',
  prompt: 'hi',
  best_of: 1,
  echo: true,
  frequency_penalty: 0,
  logit_bias: { '1': 1 },
  logprobs: 2,
  max_tokens: 4,
  n: 1,
  presence_penalty: 0,
  seed: 1,
  stop: 'x',
  stream: true,
  stream_options: { include_usage: true },
  suffix: '',
  temperature: 1,
  top_p: 0.5,
  user: 'u',
};

const MESSAGES: Samples = {
  max_tokens: 10,
  messages: user,
  model: 'm',
  cache_control: { type: 'ephemeral', ttl: '1h' },
  container: 'c',
  diagnostics: { previous_message_id: 'msg_1' },
  inference_geo: 'us',
  metadata: { user_id: 'u' },
  output_config: { effort: 'high', format: { type: 'json_schema', schema: { type: 'object' } } },
  service_tier: 'auto',
  speed: 'fast',
  stop_sequences: ['x'],
  stream: true,
  system: [{ type: 'text', text: 'sys', cache_control: { type: 'ephemeral' } }],
  thinking: { type: 'adaptive', display: 'summarized' },
  tool_choice: { type: 'any', disable_parallel_tool_use: true },
  tools: [{ name: 'f', input_schema: { type: 'object' }, eager_input_streaming: true, defer_loading: true }],
  user_profile_id: 'p',
  workspace_id: 'w',
};

const BETA_MESSAGES: Samples = {
  ...MESSAGES,
  billing_policy: 'x',
  compaction: { trigger: { type: 'input_tokens', value: 1 } },
  context_management: { edits: [{ type: 'clear_tool_uses_20250919' }] },
  fallback_credit_token: 't',
  fallbacks: [{ model: 'n' }],
  mcp_servers: [{ type: 'url', name: 's', url: 'https://s' }],
  output_format: { type: 'json_schema', schema: { type: 'object' } },
  // Sent as a header by the SDK.
  betas: ['interleaved-thinking-2025-05-14'],
};

const TYPES: [name: string, file: string, type: string, dialect: Dialect, samples: Samples][] = [
  [
    'chat',
    'openai/resources/chat/completions/completions.d.ts',
    'ChatCompletionCreateParamsBase',
    chatDialect,
    CHAT,
  ],
  [
    'completions',
    'openai/resources/completions.d.ts',
    'CompletionCreateParamsBase',
    completionsDialect,
    COMPLETIONS,
  ],
  [
    'messages',
    '@anthropic-ai/sdk/resources/messages/messages.d.ts',
    'MessageCreateParamsBase',
    messagesDialect,
    MESSAGES,
  ],
  [
    'messages, beta',
    '@anthropic-ai/sdk/resources/beta/messages/messages.d.ts',
    'MessageCreateParamsBase',
    messagesDialect,
    BETA_MESSAGES,
  ],
];

function bodyOf(file: string, type: string): string {
  const text = readFileSync(path.join(modules, file), 'utf8');
  const body = new RegExp(`^export interface ${type} [^{]*\\{([^]*?)^\\}`, 'm').exec(text)?.[1];
  if (body === undefined) throw new Error(`${file} has no interface ${type}`);
  return body;
}

/** `type` literals of the members of a union. */
function kindsOf(file: string, union: string): string[] {
  const text = readFileSync(path.join(modules, file), 'utf8');
  const members = new RegExp(`^export type ${union} = (.*);$`, 'm').exec(text)?.[1]?.split(' | ') ?? [];
  return members.flatMap((member) => {
    const literals = /^ {4}type\??: (.*);$/m.exec(bodyOf(file, member))?.[1] ?? '';
    return [...literals.matchAll(/'([^']+)'/g)].map(([, kind]) => kind as string);
  });
}

/** Names of the fields an interface declares. */
function declared(file: string, type: string): string[] {
  const body = bodyOf(file, type);
  return [...body.matchAll(/^ {4}(\w+)\??:/gm)].map(([, name]) => name as string);
}

const decode = (dialect: Dialect, body: Samples) =>
  dialect.decode(body, { requestId: 'r', headers: {}, warn: () => {} });

describe.each(TYPES)('%s', (_name, file, type, dialect, samples) => {
  const names = declared(file, type);
  const needed = ['model', 'messages', 'prompt', ...(dialect === messagesDialect ? ['max_tokens'] : [])];
  const required = Object.fromEntries(Object.entries(samples).filter(([name]) => needed.includes(name)));

  it('has a sample of every field the SDK declares', () => {
    expect(names.length).toBeGreaterThan(15);
    expect(names.filter((name) => !(name in samples) && name !== REFUSED)).toEqual([]);
  });

  it.each(Object.keys(samples))('accepts %s, and null for it', (name) => {
    const needsTools = name === 'tool_choice' ? { tools: samples['tools'] } : {};
    const request = decode(dialect, { ...required, ...needsTools, [name]: samples[name] });
    expect(JSON.stringify(engineBody(request).body)).toContain('"stream":true');
    if (!(name in required)) decode(dialect, { ...required, [name]: null });
  });

  it('accepts all of them together', () => {
    // The log probabilities of an echoed prompt are refused.
    decode(dialect, { ...samples, echo: false });
  });
});

describe('messages, beta', () => {
  const file = '@anthropic-ai/sdk/resources/beta/messages/messages.d.ts';
  const tools = kindsOf(file, 'BetaToolUnion');
  const blocks = kindsOf(file, 'BetaContentBlockParam');

  it('declares tools and blocks', () => {
    expect([tools.length, blocks.length].every((count) => count > 20)).toBe(true);
  });

  it.each(tools)('accepts a tool of type %s', (type) => {
    const tool = {
      type,
      name: 'x',
      mcp_server_name: 's',
      ...(type === 'custom' ? { input_schema: {} } : {}),
    };
    decode(messagesDialect, { model: 'm', max_tokens: 9, messages: user, tools: [tool] });
  });

  it.each(blocks)('accepts a block of type %s, in both roles and in a tool result', (type) => {
    const source =
      type === 'image'
        ? { type: 'base64', media_type: 'image/png', data: 'AA' }
        : { type: 'text', media_type: 'text/plain', data: 'd' };
    const block = {
      ...{ type, id: 'i', tool_use_id: 'u', name: 'n', input: {}, text: 't', thinking: 't', signature: 's' },
      ...{ data: 'd', title: 'T', content: [{ type: 'text', text: 'c' }] },
      source: type === 'search_result' ? 'https://s' : source,
    };
    const messages = [
      { role: 'user', content: [block] },
      { role: 'assistant', content: [block] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'u', content: [block] }] },
    ];
    decode(messagesDialect, { model: 'm', max_tokens: 9, messages });
  });
});
