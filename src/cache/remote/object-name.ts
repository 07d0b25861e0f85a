/**
 * Names of pages in a remote store: they hold a page's facts, so that a listing is a catalogue and nothing has to be
 * fetched to know it: `<key>.<parent or root>.<local hash>.<p|d><priority>`.
 */
import { keyText } from '../page-format.js';
import type { PageFacts } from '../types.js';

const NAME = /^([0-9a-f]{16})\.([0-9a-f]{16}|root)\.([0-9a-f]{16})\.([pd])(\d{1,3})$/;

export function objectName({ key, parent, localHash, origin, priority }: PageFacts): string {
  const above = parent === null ? 'root' : keyText(parent);
  return `${keyText(key)}.${above}.${keyText(localHash)}.${origin === 'decode' ? 'd' : 'p'}${Math.round(priority)}`;
}

/** Null for a name that is none of ours. */
export function namedFacts(name: string): PageFacts | null {
  const match = NAME.exec(name);
  if (match === null) return null;
  const [, key, parent, local, origin, priority] = match;
  return {
    key: BigInt(`0x${key}`),
    parent: parent === 'root' ? null : BigInt(`0x${parent}`),
    localHash: BigInt(`0x${local}`),
    origin: origin === 'd' ? 'decode' : 'prefill',
    priority: Math.min(100, Number(priority)),
    expiresAt: 0,
  };
}
