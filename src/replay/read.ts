/** Traces from files, told apart by what is in them. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DynamoError } from '../errors.js';
import { asFields, type Fields, traceError } from './readers/checks.js';
import { isSessionFile, readSessionFiles } from './readers/claude-code.js';
import { isClaudeLogRow, readClaudeLogs } from './readers/claude-logs.js';
import { type Draft, finishDraft } from './readers/draft.js';
import { isRecordingHeader, readRecording } from './readers/recording.js';
import { isLengthRow, type Row, readRows } from './readers/rows.js';
import { RECORDING_FAMILY, RECORDING_SCHEMA } from './recording.js';
import type { ReadOptions, Workload } from './types.js';

/** A larger file does not fit a string in memory. */
const FILE_BYTES_MAX = 400 * 1024 * 1024;
const FILES_MAX = 10_000;
const RECORDING_HEAD = `{"schema":"${RECORDING_SCHEMA}"`;
const TRACE_NAME = /\.(json|jsonl)$/;

/** One workload of all files; a folder stands for the `.json` and `.jsonl` files below it. Throws `trace_invalid`. */
export async function readWorkload(paths: readonly string[], options: ReadOptions): Promise<Workload> {
  const files = await filesOf(paths);
  const sessions: { file: string; value: Fields }[] = [];
  const rows: Row[] = [];
  const others: string[] = [];
  for (const file of files) {
    const text = await readText(file);
    const whole = wholeJson(text);
    if (isSessionFile(whole)) sessions.push({ file, value: whole });
    else if (isOther(whole) && !paths.includes(file)) others.push(file);
    else rows.push(...rowsOf(file, text));
  }
  const draft = draftOf(sessions, rows, options);
  if (others.length > 0) draft.notes.push(`left out, for they hold no requests: ${others.join(', ')}`);
  if (draft.turns.length === 0)
    throw traceError({ file: files[0] as string, at: 'file' }, 'holds no request');
  try {
    return finishDraft(draft, options);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new DynamoError('usage', {
      detail: `The trace cannot be told in blocks of ${options.blockTokens} tokens: ${error.message}.`,
      remedy: 'Choose a --block-size that divides --trace-block-size, or is a multiple of it.',
    });
  }
}

/** The lines of files and folders as objects. Throws `trace_invalid`. */
export async function readLines(paths: readonly string[]): Promise<Row[]> {
  const files = await filesOf(paths);
  return (await Promise.all(files.map(async (file) => rowsOf(file, await readText(file))))).flat();
}

async function filesOf(paths: readonly string[]): Promise<string[]> {
  const files = (await Promise.all(paths.map((path) => traceFiles(path)))).flat();
  if (files.length > 0) return files;
  throw traceError({ file: paths.join(' '), at: 'folder' }, 'holds no .json or .jsonl file');
}

function draftOf(sessions: { file: string; value: Fields }[], rows: Row[], options: ReadOptions): Draft {
  const first = rows[0];
  if (first === undefined) return readSessionFiles(sessions, options);
  if (sessions[0] !== undefined) {
    const problem = `is of another form than ${sessions[0].file}: replay one form at a time`;
    throw traceError({ file: first.place.file, at: 'file' }, problem);
  }
  refuseOtherVersion(rows);
  if (rows.some(({ fields }) => isRecordingHeader(fields))) return readRecording(rows, options);
  const lengths = rows.filter(({ fields }) => isLengthRow(fields));
  if (lengths.length > 0) {
    const header = rows.find(({ fields }) => typeof fields['schema'] === 'string')?.fields;
    const declared = header?.['block_size'];
    const traceBlockTokens = options.traceBlockTokens ?? (typeof declared === 'number' ? declared : null);
    const stray = rows.find(({ fields }) => !isLengthRow(fields) && fields !== header);
    if (stray !== undefined) throw traceError(stray.place, '`input_length` and `output_length` are missing');
    return readRows(lengths, { ...options, traceBlockTokens });
  }
  if (rows.some(({ fields }) => isClaudeLogRow(fields))) return readClaudeLogs(rows, options);
  throw traceError(first.place, 'is of no known form: neither lengths nor requests');
}

/** Its lines could look like ours and mean something else. */
function refuseOtherVersion(rows: readonly Row[]): void {
  for (const { fields, place } of rows) {
    const { schema } = fields;
    if (typeof schema !== 'string' || !schema.startsWith(RECORDING_FAMILY) || schema === RECORDING_SCHEMA)
      continue;
    throw traceError(
      place,
      `is a recording in the form \`${schema.slice(0, 40)}\`; this version reads \`${RECORDING_SCHEMA}\``,
    );
  }
}

async function traceFiles(path: string): Promise<string[]> {
  const info = await stat(path).catch((error: NodeJS.ErrnoException) => error);
  if (info instanceof Error) {
    throw traceError({ file: path, at: 'file' }, info.code === 'ENOENT' ? 'does not exist' : info.message);
  }
  if (!info.isDirectory()) return [path];
  const names = await readdir(path, { recursive: true });
  const files = names.filter((name) => TRACE_NAME.test(name)).sort();
  if (files.length > FILES_MAX)
    throw traceError({ file: path, at: 'folder' }, `holds more than ${FILES_MAX} files`);
  return files.map((name) => join(path, name));
}

async function readText(file: string): Promise<string> {
  const { size } = await stat(file);
  if (size > FILE_BYTES_MAX) throw traceError({ file, at: 'file' }, `is larger than ${FILE_BYTES_MAX} bytes`);
  return readFile(file, 'utf8').catch((error: Error) => {
    throw traceError({ file, at: 'file' }, error.message);
  });
}

/** A file that lies beside traces, as Claude Code's index of its sessions does. */
function isOther(whole: unknown): boolean {
  if (whole === undefined) return false;
  const fields = (typeof whole === 'object' && whole !== null ? whole : {}) as Fields;
  return !isLengthRow(fields) && !isClaudeLogRow(fields) && typeof fields['schema'] !== 'string';
}

/** The file as one JSON value; undefined when it is not one. */
function wholeJson(text: string): unknown {
  // Lines of objects are no JSON value: not worth parsing a second time.
  if (/^\s*\{[^\n]*\}\s*\n\s*\{/.test(text.slice(0, 1_000_000))) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function rowsOf(file: string, text: string): Row[] {
  const rows: Row[] = [];
  const lines = text.split('\n');
  lines.forEach((line, index) => {
    if (line.trim() === '') return;
    const place = { file, at: `line ${index + 1}` };
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch (error) {
      // A stack that was killed leaves half a line at the end of its recording, and so does an agent that is at work.
      const isLast = index === lines.length - 1;
      if (isLast && (text.startsWith(RECORDING_HEAD) || rows.some(({ fields }) => isClaudeLogRow(fields))))
        return;
      throw traceError(place, `is not valid JSON (${(error as Error).message})`);
    }
    rows.push({ fields: asFields(value, place), place });
  });
  return rows;
}
