/** A name for conversations that nobody names, made of what stays the same from turn to turn. */
import { hash } from 'node:crypto';
import type { Block, CommonRequest, Message } from '../request/types.js';

/** Characters looked at of the system prompt and of the first user turn each: a name must not cost what a prompt costs. */
const LOOK_CHARS = 4_096;
const NAME_HEX_DIGITS = 16;

/**
 * The same for every turn of a conversation: from its system prompt and first user turn. Two conversations that begin
 * alike share it. Undefined for what is no conversation.
 */
export function contentSession({ input }: CommonRequest): string | undefined {
  if (input.kind !== 'chat') return undefined;
  const user = input.messages.find(({ role }) => role === 'user');
  if (user === undefined) return undefined;
  const [first] = input.messages;
  const known = names.get(user);
  if (known !== undefined && known.first === first) return known.name;
  const system = first?.role === 'system' ? beginning(first) : '';
  const digest = hash('sha1', `${system}\u0000${beginning(user)}`, 'hex');
  const name = `content-${digest.slice(0, NAME_HEX_DIGITS)}`;
  names.set(user, { first, name });
  return name;
}

/** By the turns it is made of: they stay the same objects from request to request. */
const names = new WeakMap<Message, { first: Message | undefined; name: string }>();

function beginning({ blocks }: Message): string {
  let text = '';
  for (const block of blocks) {
    if (text.length >= LOOK_CHARS) break;
    text += `${block.type}:${textOf(block).slice(0, LOOK_CHARS - text.length)}\u0000`;
  }
  return text;
}

function textOf(block: Block): string {
  if (block.type === 'text') return block.text;
  return block.type === 'image' ? block.data : '';
}
