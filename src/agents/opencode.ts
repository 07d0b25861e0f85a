/** opencode: session headers of its own and of the AI SDK's affinity, its title agent. */
import { readHeader, userAgent } from './read-header.js';
import { systemText } from './system-text.js';
import type { Harness } from './types.js';

export const opencode: Harness = {
  name: 'opencode',
  isSender: ({ headers }) =>
    /opencode/.test(userAgent(headers)) ||
    headers['x-opencode-session'] !== undefined ||
    /^ses_/.test(String(headers['x-session-id'] ?? '')),
  identify: ({ headers }) => {
    const id = readHeader(headers, 'x-opencode-session', 'x-session-id', 'x-session-affinity');
    if (id === undefined) return undefined;
    const parentId = readHeader(headers, 'x-parent-session-id', 'x-opencode-parent-session');
    return { id, ...(parentId === undefined ? {} : { parentId, role: 'subagent' }) };
  },
  role: ({ request }) => {
    if (request.tools.length > 0) return undefined;
    const text = systemText(request);
    if (/title generator/i.test(text)) return 'title';
    return /context summarization agent|summariz\w+ conversations/i.test(text) ? 'compact' : undefined;
  },
};
