/** The requests of a file for `dynamo cache warm`. */
import { DynamoError } from '../errors.js';

/** One JSON object, an array of them, or one per line. Throws `usage` naming the line that is none. */
export function warmBodies(file: string, text: string | Error): Record<string, unknown>[] {
  if (text instanceof Error) throw unusable(file, text.message);
  const whole = parsed(text);
  if (whole !== undefined)
    return (Array.isArray(whole) ? whole : [whole]).map((value, at) => body(file, value, `entry ${at + 1}`));
  const lines = text.split('\n').flatMap((line, at) => (line.trim() === '' ? [] : [{ line, at }]));
  if (lines.length === 0) throw unusable(file, 'it is empty');
  return lines.map(({ line, at }) => body(file, parsed(line), `line ${at + 1}`));
}

function body(file: string, value: unknown, where: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw unusable(file, `${where} is no JSON object`);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function unusable(file: string, why: string): DynamoError {
  return new DynamoError('usage', {
    detail: `${file} cannot be used: ${why}.`,
    remedy:
      'Give a file with a request body of any dialect (`{"model": …, "messages": […]}`), or one per line.',
  });
}
