/** Whether two messages for an engine are the same; texts are compared as the runtime compares strings, at memory speed. */
import type { EngineMessage, EnginePart } from './engine-body.js';

export function isSameMessage(a: EngineMessage, b: EngineMessage): boolean {
  if (a === b) return true;
  return (
    a.role === b.role &&
    a.tool_call_id === b.tool_call_id &&
    a.reasoning_content === b.reasoning_content &&
    isSameContent(a.content, b.content) &&
    isSameCalls(a.tool_calls, b.tool_calls)
  );
}

/** Leading messages two conversations have in common. */
export function commonMessages(a: readonly EngineMessage[], b: readonly EngineMessage[]): number {
  const length = Math.min(a.length, b.length);
  let at = 0;
  while (at < length && isSameMessage(a[at] as EngineMessage, b[at] as EngineMessage)) at += 1;
  return at;
}

function isSameContent(a: EngineMessage['content'], b: EngineMessage['content']): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  return a.length === b.length && a.every((part, at) => isSamePart(part, b[at] as EnginePart));
}

function isSamePart(a: EnginePart, b: EnginePart): boolean {
  if (a.type === 'text') return b.type === 'text' && a.text === b.text;
  return b.type === 'image_url' && a.image_url.url === b.image_url.url;
}

function isSameCalls(a: EngineMessage['tool_calls'], b: EngineMessage['tool_calls']): boolean {
  if (a === b) return true;
  if (a === undefined || b === undefined || a.length !== b.length) return false;
  return a.every((call, at) => {
    const other = b[at] as typeof call;
    return (
      call.id === other.id &&
      call.function.name === other.function.name &&
      call.function.arguments === other.function.arguments
    );
  });
}
