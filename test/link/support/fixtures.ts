/** Recorded answers of a real vLLM (test/fixtures/vllm). */
import { readFileSync } from 'node:fs';
import path from 'node:path';

const folder = path.resolve(import.meta.dirname, '../../fixtures/vllm');

export interface Exchange {
  path: string;
  status: number;
  contentType: string;
  body: string;
}

export function exchange(name: string): Exchange {
  const all = JSON.parse(read('http.json')) as Record<string, Exchange>;
  const found = all[name];
  if (found === undefined) throw new Error(`no recorded exchange ${name}`);
  return found;
}

/** Batches as ZMQ frames: topic, sequence number, payload. */
export function kvBatches(form: 'int' | 'bytes', name: string): Buffer[][] {
  const all = JSON.parse(read('kv-events.json')) as Record<string, Record<string, string[][]>>;
  const batches = all[form]?.[name];
  if (batches === undefined) throw new Error(`no recorded batches ${form} ${name}`);
  return batches.map(frames);
}

/** Last two answers of a replay. */
export function kvReplay(name: 'from_0' | 'from_the_future'): Buffer[][] {
  const all = JSON.parse(read('kv-events.json')) as { bytes: { '9-replay': Record<string, string[][]> } };
  return (all.bytes['9-replay'][name] ?? []).map(frames);
}

export function metricsText(): string {
  return read('metrics.txt');
}

function frames(encoded: string[]): Buffer[] {
  return encoded.map((frame) => Buffer.from(frame, 'base64'));
}

function read(name: string): string {
  return readFileSync(path.join(folder, name), 'utf8');
}
