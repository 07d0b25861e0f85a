/** One scratch folder for the agents' programs, over all test files. */
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { TestProject } from 'vitest/node';

export default function setup(project: TestProject): () => void {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'dyn-agents-'));
  project.provide('agents', dir);
  return () => rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
}
