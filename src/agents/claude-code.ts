/** Claude Code: headers since 2.1.86 and 2.1.139, its billing block, its title and compaction calls. */
import type { Block, CommonRequest } from '../request/types.js';
import { readHeader, userAgent } from './read-header.js';
import { lastTurnTexts, systemText } from './system-text.js';
import type { Harness } from './types.js';
import { sessionInUserId } from './user-id.js';

const BILLING = 'x-anthropic-billing-header:';
const COMPACTION = /^CRITICAL: Respond with TEXT ONLY[\s\S]*create a detailed summary of/;
const SESSION = 'x-claude-code-session-id';

export const claudeCode: Harness = {
  name: 'claude-code',
  isSender: ({ headers }) => headers[SESSION] !== undefined || /claude-(cli|code)/.test(userAgent(headers)),
  identify: (sighting) => {
    const session = readHeader(sighting.headers, SESSION) ?? sessionInUserId(sighting.body);
    const agent = readHeader(sighting.headers, 'x-claude-code-agent-id');
    const parent = readHeader(sighting.headers, 'x-claude-code-parent-agent-id');
    if (agent === undefined || agent === session) return session === undefined ? undefined : { id: session };
    const parentId = parent ?? session;
    return { id: agent, role: 'subagent', ...(parentId === undefined ? {} : { parentId }) };
  },
  role: ({ request }) => {
    // Its compaction keeps the tools, so that the conversation is read from the cache.
    if (lastTurnTexts(request).some((text) => COMPACTION.test(text))) return 'compact';
    if (request.tools.length > 0) return undefined;
    const text = systemText(request);
    if (/summariz\w+ conversations|detailed summary of (the|our) conversation/i.test(text)) return 'compact';
    return /\btitle\b|new conversation topic|summarize this coding conversation/i.test(text)
      ? 'title'
      : undefined;
  },
  strip: withoutBilling,
};

/**
 * The first system block names version, entry point and a hash that differ between conversations (before 2.1.181
 * between requests): left in, no two sessions share the tokens of tools and system prompt after it.
 */
function withoutBilling(request: CommonRequest): CommonRequest {
  if (request.input.kind !== 'chat') return request;
  const [first, ...rest] = request.input.messages;
  const isMarked = first?.role === 'system' && first.blocks.some(isBilling);
  if (!isMarked) return request;
  const blocks = first.blocks.flatMap(withoutFirstLine);
  const messages = blocks.length === 0 ? rest : [{ ...first, blocks }, ...rest];
  return { ...request, input: { kind: 'chat', messages } };
}

function isBilling(block: Block): boolean {
  return block.type === 'text' && block.text.trimStart().startsWith(BILLING);
}

function withoutFirstLine(block: Block): Block[] {
  if (block.type !== 'text' || !isBilling(block)) return [block];
  const text = block.text.trimStart();
  const end = text.indexOf('\n');
  const left = end < 0 ? '' : text.slice(end + 1).trimStart();
  return left === '' ? [] : [{ ...block, text: left }];
}
