/** Answers recorded from vLLM 0.32 (test/fixtures/vllm). */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { type Json, sseValues } from './worker-client.js';

interface Exchange {
  path: string;
  status: number;
  contentType: string | null;
  body: string;
}

const folder = path.resolve(import.meta.dirname, '../../../fixtures/vllm');
const all = { ...read('http.json'), ...read('worker-http.json') };

export function recorded(name: string): Exchange {
  const found = all[name];
  if (found === undefined) throw new Error(`no recorded exchange ${name}`);
  return found;
}

export function recordedJson(name: string): Json {
  return JSON.parse(recorded(name).body) as Json;
}

export function recordedStream(name: string): Json[] {
  return sseValues(recorded(name).body);
}

function read(name: string): Record<string, Exchange> {
  return JSON.parse(readFileSync(path.join(folder, name), 'utf8')) as Record<string, Exchange>;
}
