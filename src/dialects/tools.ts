/** Function tools as OpenAI's wire APIs declare them, and freeform tools as functions with one text argument. */
import type { Tool, ToolChoice } from '../request/types.js';
import { booleanField, type Fields, isFields, objectField, requiredText, textField } from './fields.js';

/** Argument that carries the text of a freeform tool: engines enforce schemas, hardly ever grammars. */
export const FREEFORM_ARGUMENT = 'input';

/** A function declaration: `{name, description, parameters, strict}`. */
export function functionTool(fields: Fields, at: string): Tool {
  const description = textField(fields, 'description', at);
  const strict = booleanField(fields, 'strict', at);
  return {
    name: requiredText(fields, 'name', at),
    parameters: objectField(fields, 'parameters', at) ?? { type: 'object', properties: {} },
    ...(description === undefined ? {} : { description }),
    ...(strict === undefined ? {} : { strict }),
  };
}

/** A freeform tool; the grammar's text joins the description, which is all a model can go by. */
export function freeformTool(fields: Fields, at: string): Tool {
  const format = isFields(fields['format']) ? fields['format'] : {};
  const inner = isFields(format['grammar']) ? format['grammar'] : format;
  const { syntax, definition } = inner;
  const grammar =
    typeof definition === 'string'
      ? `\n\nThe text follows this ${typeof syntax === 'string' ? syntax : ''} grammar:\n${definition}`
      : '';
  return {
    name: requiredText(fields, 'name', at),
    description: `${textField(fields, 'description', at) ?? ''}${grammar}`,
    parameters: {
      type: 'object',
      properties: { [FREEFORM_ARGUMENT]: { type: 'string', description: 'The whole text for the tool.' } },
      required: [FREEFORM_ARGUMENT],
      additionalProperties: false,
    },
  };
}

/** The text inside a freeform call's arguments; arguments of another shape are given as they are. */
export function freeformText(args: string): string {
  try {
    const value: unknown = JSON.parse(args);
    const text = isFields(value) ? value[FREEFORM_ARGUMENT] : value;
    if (typeof text === 'string') return text;
  } catch {
    // Not JSON: the model answered with the bare text.
  }
  return args;
}

export function freeformArguments(text: string): string {
  return JSON.stringify({ [FREEFORM_ARGUMENT]: text });
}

/** `auto` with no tools is no choice at all; a forced one is kept, so that the engine's refusal is seen. */
export function modeChoice(mode: unknown): ToolChoice {
  return mode === 'none' || mode === 'required' ? { kind: mode } : { kind: 'auto' };
}

/** Arguments are JSON text; some clients send the object itself. */
export function argumentText(value: unknown): string {
  if (typeof value === 'string') return value;
  return value === undefined || value === null ? '' : JSON.stringify(value);
}
