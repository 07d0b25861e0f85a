/** The user's settings without the cost of reading them where there are none. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Paths } from './paths.js';
import type { Settings } from './settings.js';

/** As `readSettings`; conf and what it loads take a third of the time of `dynamo plan`, so they wait for a file. */
export async function userSettings(paths: Paths): Promise<Settings> {
  if (!existsSync(path.join(paths.config, 'settings.json'))) return {};
  const { readSettings } = await import('./settings.js');
  return readSettings(paths);
}
