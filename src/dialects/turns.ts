/** Builds the turns of a conversation by the rules that keep prefixes stable. */
import type { Block, Message, ToolResultBlock } from '../request/types.js';

/**
 * System text at the start becomes one system turn; later system text becomes a user turn where it stands, because
 * hoisting it would change the start of the prompt and many templates refuse it in the middle. Tool results that
 * follow one another share a user turn.
 */
export class TurnList {
  readonly messages: Message[] = [];

  system(blocks: Block[]): void {
    if (blocks.length === 0) return;
    const last = this.messages.at(-1);
    if (last === undefined) this.messages.push({ role: 'system', blocks: [...blocks] });
    else if (last.role === 'system') last.blocks.push(...blocks);
    else this.messages.push({ role: 'user', blocks });
  }

  user(blocks: Block[]): void {
    this.messages.push({ role: 'user', blocks });
  }

  assistant(blocks: Block[]): void {
    this.messages.push({ role: 'assistant', blocks });
  }

  /** Turns of a conversation that goes on, as copies: they belong to whoever kept them. */
  again(messages: readonly Message[]): void {
    for (const { role, blocks } of messages) {
      if (role === 'system') this.system([...blocks]);
      else this.messages.push({ role, blocks: [...blocks] });
    }
  }

  /** Continues the assistant turn before it, for wire APIs that send an answer in pieces. */
  assistantPiece(blocks: Block[]): void {
    const last = this.messages.at(-1);
    if (last?.role === 'assistant') last.blocks.push(...blocks);
    else this.assistant([...blocks]);
  }

  toolResult(block: ToolResultBlock): void {
    const last = this.messages.at(-1);
    const isResults = last?.role === 'user' && last.blocks.every(({ type }) => type === 'tool_result');
    if (isResults && last.blocks.length > 0) last.blocks.push(block);
    else this.messages.push({ role: 'user', blocks: [block] });
  }
}
