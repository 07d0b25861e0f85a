/**
 * The net between an engine's events and the gateway: raw text of a choice becomes text, reasoning and tool calls. As soon as
 * the engine itself sends a call or reasoning, its own parsers are in charge and everything passes as it is.
 */
import type { StreamEvent } from '../../request/types.js';
import { createOutputParser } from './formats.js';
import type { DeclaredTools, OutputParser, Parsed, ReasoningForm, ToolFormatName } from './types.js';

export interface FilterOptions {
  format: ToolFormatName | null;
  reasoning: ReasoningForm;
  tools: DeclaredTools;
  /** Calls at most; those after are dropped, as vLLM does. 1 when the client wants no parallel calls. */
  callsMax: number;
  /** Makes ids of calls unlike within a request. */
  requestId: string;
  /** The engine parses by itself. */
  onEngineParses(): void;
  /** The net caught a call: the engine does not parse. */
  onCaught(): void;
}

interface ChoiceState {
  parser: OutputParser;
  calls: number;
  isEngineParsed: boolean;
}

export type EventFilter = (event: StreamEvent) => StreamEvent[];

export function createOutputFilter(options: FilterOptions): EventFilter {
  const choices = new Map<number, ChoiceState>();
  const stateOf = (choice: number): ChoiceState => {
    const known = choices.get(choice);
    if (known !== undefined) return known;
    const state = { parser: createOutputParser(options), calls: 0, isEngineParsed: false };
    choices.set(choice, state);
    return state;
  };
  const emit = (
    choice: number,
    state: ChoiceState,
    pieces: readonly Parsed[],
    source?: StreamEvent,
  ): StreamEvent[] =>
    pieces.flatMap((piece, at): StreamEvent[] => {
      if (piece.kind === 'call') return callEvents(choice, state, piece.call, options);
      if (piece.kind === 'thinking') return [{ type: 'thinking', choice, text: piece.text }];
      // Log probabilities and ids belong to the piece they came with, once.
      const details = at === 0 && source?.type === 'text' ? { ...source, text: piece.text } : null;
      return [details ?? { type: 'text', choice, text: piece.text }];
    });
  return (event) => {
    if (!('choice' in event)) return [event];
    const state = stateOf(event.choice);
    if (state.isEngineParsed) return [event];
    switch (event.type) {
      case 'text':
        return emit(event.choice, state, state.parser.push(event.text), event);
      case 'finish': {
        const rest = emit(event.choice, state, state.parser.finish());
        if (state.calls === 0) return [...rest, event];
        options.onCaught();
        return [...rest, event.reason === 'length' ? event : { ...event, reason: 'tool_use' }];
      }
      case 'tool_start':
      case 'thinking': {
        if (event.type === 'thinking' && options.reasoning === 'none') return [event];
        const rest = emit(event.choice, state, state.parser.finish());
        // Engine-made reasoning says nothing of its tool parser.
        if (event.type === 'thinking') {
          state.parser = createOutputParser({ ...options, reasoning: 'none' });
          return [...rest, event];
        }
        state.isEngineParsed = true;
        options.onEngineParses();
        return [...rest, event];
      }
      default:
        return [event];
    }
  };
}

function callEvents(
  choice: number,
  state: ChoiceState,
  call: { name: string; arguments: string },
  { callsMax, requestId }: FilterOptions,
): StreamEvent[] {
  if (state.calls >= callsMax) return [];
  const index = state.calls++;
  const id = `call_${requestId.slice(0, 16)}_${choice}_${index}`;
  return [
    { type: 'tool_start', choice, index, id, name: call.name },
    { type: 'tool_delta', choice, index, arguments: call.arguments },
  ];
}
