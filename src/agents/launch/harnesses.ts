/** The harnesses `dynamo launch` knows, by the name it is called with. */
import { claude } from './claude.js';
import { codex } from './codex.js';
import { opencode } from './opencode.js';
import { pi } from './pi.js';
import type { Harness, HarnessName } from './types.js';

export const HARNESSES: Record<HarnessName, Harness> = { claude, codex, opencode, pi };

export const HARNESS_NAMES = Object.keys(HARNESSES) as HarnessName[];
