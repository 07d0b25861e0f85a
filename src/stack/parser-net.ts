/** Decides for each request whether raw output is read for reasoning and tool calls, see `link/parsers`. */
import { DynamoError } from '../errors.js';
import type { RawOutput } from '../gateway/types.js';
import { TOOL_FORMAT_NAMES, toolFormat } from '../link/parsers/formats.js';
import { createOutputFilter, type EventFilter } from '../link/parsers/output-filter.js';
import type { ReasoningForm, ToolFormatName } from '../link/parsers/types.js';
import type { Plan } from '../plan/types.js';
import type { CommonRequest } from '../request/types.js';
import type { TelemetryEvent } from '../telemetry/types.js';

/** `auto` = the recipe's format until the engine shows that it parses by itself. */
export interface ParserSettings {
  tools: ToolFormatName | 'auto' | 'off';
  reasoning: ReasoningForm | 'auto';
}

export const PARSER_DEFAULTS: ParserSettings = { tools: 'auto', reasoning: 'auto' };

/** Throws `usage` for a format nobody knows. */
export function parserTools(value: string): ParserSettings['tools'] {
  if (value === 'auto' || value === 'off') return value;
  const format = toolFormat(value);
  if (format !== undefined) return format;
  throw unknown('parser.tools', value, ['auto', 'off', ...TOOL_FORMAT_NAMES]);
}

export function parserReasoning(value: string): ParserSettings['reasoning'] {
  const known = ['auto', 'none', 'tags', 'opened'] as const;
  const found = known.find((form) => form === value);
  if (found !== undefined) return found;
  throw unknown('parser.reasoning', value, known);
}

export class ParserNet {
  readonly #format: ToolFormatName | null;
  readonly #reasoning: ReasoningForm;
  readonly #isForced: boolean;
  readonly #emit: (event: TelemetryEvent) => void;
  /** Workers whose engine parses calls itself. */
  readonly #parsing = new Set<string>();
  readonly #caught = new Set<string>();

  constructor(settings: ParserSettings, plan: Plan, emit: (event: TelemetryEvent) => void) {
    const named = plan.parsers?.tools ?? null;
    const planned = named === null ? null : (toolFormat(named) ?? null);
    this.#format = settings.tools === 'off' ? null : settings.tools === 'auto' ? planned : settings.tools;
    this.#isForced = settings.tools !== 'auto' && settings.tools !== 'off';
    const thinks = (plan.parsers?.reasoning ?? null) !== null;
    this.#reasoning = settings.reasoning === 'auto' ? (thinks ? 'tags' : 'none') : settings.reasoning;
    this.#emit = emit;
  }

  /** A filter for one answer; null when its events pass as they are. `raw`: the engine's own parsers have no part in it. */
  filter(worker: string, request: CommonRequest, raw?: RawOutput): EventFilter | null {
    if (request.input.kind !== 'chat') return null;
    const isWanted = request.toolChoice.kind !== 'none' && request.tools.length > 0;
    const isParsed = raw === undefined && !this.#isForced && this.#parsing.has(worker);
    const format = (isWanted && !isParsed) || this.#format === 'harmony' ? this.#format : null;
    const reasoning = this.#reasoning !== 'none' && raw?.isOpened ? 'opened' : this.#reasoning;
    if (format === null && reasoning === 'none') return null;
    return createOutputFilter({
      format,
      reasoning,
      tools: new Map(isWanted ? request.tools.map(({ name, parameters }) => [name, parameters]) : []),
      callsMax: request.parallelToolCalls ? Number.POSITIVE_INFINITY : 1,
      requestId: request.id,
      onEngineParses: () => this.#parsing.add(worker),
      onCaught: () => raw === undefined && this.#onCaught(worker),
    });
  }

  #onCaught(worker: string): void {
    if (this.#caught.has(worker)) return;
    this.#caught.add(worker);
    const message = `${worker} answers with raw ${this.#format} tool calls: they are read here`;
    this.#emit({ type: 'warning', code: 'parser_net', message, worker });
  }
}

function unknown(key: string, value: string, known: readonly string[]): DynamoError {
  return new DynamoError('usage', {
    detail: `\`--set ${key}=${value}\` is not valid.`,
    remedy: `It must be one of ${known.join(', ')}.`,
  });
}
