/** The user's settings (`$XDG_CONFIG_HOME/dynamo/settings.json`), kept by conf. Imported only by commands that need them. */
import Conf from 'conf';
import { DynamoError } from '../errors.js';
import type { Paths } from './paths.js';

export interface Settings {
  recipe?: string;
  host?: string;
  port?: number;
  router?: string;
  workers?: number;
  trustRemoteCode?: boolean;
}

const SCHEMA = {
  recipe: { type: 'string' },
  host: { type: 'string' },
  port: { type: 'integer', minimum: 0, maximum: 65535 },
  router: { type: 'string' },
  workers: { type: 'integer', minimum: 1, maximum: 64 },
  trustRemoteCode: { type: 'boolean' },
} as const;

/** Reads the settings; a malformed file is an error with its path, not silently replaced. */
export function readSettings(paths: Paths): Settings {
  const options = {
    cwd: paths.config,
    configName: 'settings',
    schema: SCHEMA,
    clearInvalidConfig: false,
    projectName: 'dynamo',
  };
  try {
    return { ...new Conf<Settings>(options).store };
  } catch (error) {
    const detail = `The settings file ${paths.config}/settings.json cannot be used: ${(error as Error).message}`;
    throw new DynamoError('usage', { detail, remedy: 'Mend or remove it.' }, { cause: error });
  }
}
