/** The three ways from a request to tokens: our own template and tokenizer, the engine's `/tokenize`, text alone. */
import { renderChat } from '../model/chat-template.js';
import type { PromptModel } from '../model/local-model.js';
import { joinTokens } from '../model/tokenizer.js';
import { type EngineChat, engineChat, engineMessageOwners } from '../request/engine-body.js';
import type { CommonRequest } from '../request/types.js';
import type { EngineTokenize } from './engine-tokenize.js';
import { kindOf } from './marks.js';
import { regionsByShare, regionsOfSpans, type WeightedPart, wholeRegion } from './regions.js';
import type { EncodedText, SegmentCache } from './segment-cache.js';
import { chatSpans } from './text-spans.js';
import type { Region } from './types.js';

/** Tokens of a prompt; regions are computed only when asked for. */
export interface TokenizedPrompt {
  tokens: Uint32Array;
  regions(): Region[];
  /** By the share of the text. */
  roughRegions(): Region[];
}

export function localPrompt(
  request: CommonRequest,
  model: PromptModel,
  cache: SegmentCache,
): TokenizedPrompt {
  const { input } = request;
  if (input.kind === 'tokens') return plainPrompt(input.tokens);
  if (input.kind === 'text') return plainPrompt(withBos(cache.encode(input.text).tokens, model));
  const chat = engineChat(request);
  const text = renderChat(model.template, { ...chat, addGenerationPrompt: true });
  const encoded = cache.encode(text);
  return {
    tokens: encoded.tokens,
    regions: () => localRegions(request, model, chat, { text, encoded }),
    roughRegions: () => regionsByShare(weightedParts(request, chat), encoded.tokens.length),
  };
}

export async function enginePrompt(
  request: CommonRequest,
  tokenize: EngineTokenize,
): Promise<TokenizedPrompt> {
  const { input } = request;
  if (input.kind === 'tokens') return plainPrompt(input.tokens);
  if (input.kind === 'text') return plainPrompt(await tokenize({ prompt: input.text }));
  const chat = engineChat(request);
  const tokens = await tokenize(tokenizeBody(chat));
  const regions = () => regionsByShare(weightedParts(request, chat), tokens.length);
  return { tokens, regions, roughRegions: regions };
}

/**
 * No token ids: four UTF-8 bytes stand for one token, which is about right in number and keeps equal prefixes
 * equal. Never matches an engine's events; for workers whose cache is only estimated.
 */
export function textPrompt(request: CommonRequest): TokenizedPrompt {
  const { input } = request;
  if (input.kind === 'tokens') return plainPrompt(input.tokens);
  if (input.kind === 'text') return plainPrompt(bytesAsTokens(input.text));
  const chat = engineChat(request);
  const tokens = bytesAsTokens(chatAsText(chat));
  const regions = () => regionsByShare(weightedParts(request, chat), tokens.length);
  return { tokens, regions, roughRegions: regions };
}

/** Body of a chat for `/tokenize`, in vLLM's words. */
export function tokenizeBody(chat: EngineChat): Record<string, unknown> {
  return {
    messages: chat.messages,
    ...(chat.tools.length === 0 ? {} : { tools: chat.tools }),
    ...(Object.keys(chat.kwargs).length === 0 ? {} : { chat_template_kwargs: chat.kwargs }),
    add_generation_prompt: true,
  };
}

function localRegions(
  request: CommonRequest,
  model: PromptModel,
  chat: EngineChat,
  rendered: { text: string; encoded: EncodedText },
): Region[] {
  const { text, encoded } = rendered;
  const specialStarts = encoded.runs.filter((run) => run.isSpecial).map((run) => run.charStart);
  const spans = chatSpans({ ...chat, template: model.template, text, specialStarts });
  if (spans === null) return regionsByShare(weightedParts(request, chat), encoded.tokens.length);
  return regionsOfSpans(spans, encoded, model.tokenizer.byteLength, requestMessages(request));
}

function requestMessages(request: CommonRequest): readonly number[] {
  return request.input.kind === 'chat' ? engineMessageOwners(request.input.messages) : [];
}

/** Regions by the share of each message's JSON, whose byte lengths are known. */
export function regionsByBytes(
  request: CommonRequest,
  chat: EngineChat,
  sizes: { messages: readonly number[]; tools: number },
  tokens: number,
): Region[] {
  const owners = requestMessages(request);
  const parts: WeightedPart[] = [];
  for (const [index, part] of chat.messages.entries()) {
    const message = owners[index] ?? -1;
    const size = sizes.messages[index] ?? 0;
    const reasoning = Math.min(size, part.reasoning_content?.length ?? 0);
    if (reasoning > 0) parts.push({ kind: 'reasoning', message, weight: reasoning });
    parts.push({ kind: kindOf(part), message, weight: size - reasoning });
  }
  return regionsByShare(withTools(parts, chat, sizes.tools), tokens);
}

function weightedParts(request: CommonRequest, chat: EngineChat): WeightedPart[] {
  const owners = requestMessages(request);
  const tools = chat.tools.length === 0 ? 0 : JSON.stringify(chat.tools).length;
  const parts = chat.messages.flatMap((message, index): WeightedPart[] => {
    const owner = owners[index] ?? -1;
    const reasoning = message.reasoning_content?.length ?? 0;
    const rest =
      JSON.stringify(message.content ?? '').length + JSON.stringify(message.tool_calls ?? []).length;
    return [
      { kind: 'reasoning', message: owner, weight: reasoning },
      { kind: kindOf(message), message: owner, weight: rest },
    ];
  });
  return withTools(parts, chat, tools);
}

/** Templates list the tools with the leading system message. */
function withTools(parts: readonly WeightedPart[], chat: EngineChat, weight: number): WeightedPart[] {
  const toolsPart: WeightedPart = { kind: 'tools', message: -1, weight };
  const leads = chat.messages[0]?.role === 'system' ? 2 : 0;
  return [...parts.slice(0, leads), toolsPart, ...parts.slice(leads)].filter((part) => part.weight > 0);
}

function plainPrompt(tokens: Uint32Array): TokenizedPrompt {
  const regions = () => wholeRegion(tokens.length);
  return { tokens, regions, roughRegions: regions };
}

function withBos(tokens: Uint32Array, { leadToken }: PromptModel): Uint32Array {
  return leadToken === null ? tokens : joinTokens([Uint32Array.of(leadToken), tokens]);
}

function chatAsText(chat: EngineChat): string {
  const lead = JSON.stringify({ tools: chat.tools, ...chat.kwargs });
  return [lead, ...chat.messages.map((message) => JSON.stringify(message))].join('\n');
}

/** A trailing part of four bytes is left out: padded it would differ from what a longer prompt has there. */
function bytesAsTokens(text: string): Uint32Array {
  const bytes = Buffer.from(text, 'utf8');
  return Uint32Array.from({ length: Math.floor(bytes.length / 4) }, (_, index) =>
    bytes.readUInt32LE(index * 4),
  );
}
