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
  version: { type: 'integer' },
  recipe: { type: 'string' },
  host: { type: 'string' },
  port: { type: 'integer', minimum: 0, maximum: 65535 },
  router: { type: 'string' },
  workers: { type: 'integer', minimum: 1, maximum: 64 },
  trustRemoteCode: { type: 'boolean' },
} as const;

/** The form of the file; a file without `version` is of the first. */
const VERSION = 1;

/** Reads the settings; a malformed file, or one of a newer version, is an error with its path, not silently replaced. */
export function readSettings(paths: Paths): Settings {
  const options = {
    cwd: paths.config,
    configName: 'settings',
    schema: SCHEMA,
    clearInvalidConfig: false,
    projectName: 'dynamo',
  };
  try {
    const { version = VERSION, ...settings } = new Conf<Settings & { version?: number }>(options).store;
    refuseOthers(paths, version, settings);
    return settings;
  } catch (error) {
    if (error instanceof DynamoError) throw error;
    const detail = `The settings file ${paths.config}/settings.json cannot be used: ${(error as Error).message}`;
    throw new DynamoError('usage', { detail, remedy: 'Mend or remove it.' }, { cause: error });
  }
}

/** A key that nothing reads is a misspelt one, or one of a newer version. */
function refuseOthers(paths: Paths, version: number, settings: object): void {
  const file = `${paths.config}/settings.json`;
  if (version !== VERSION) {
    throw new DynamoError('usage', {
      detail: `The settings file ${file} is of version ${version}; this dynamo knows version ${VERSION}.`,
      remedy: 'Use the dynamo that wrote it, or move the file away.',
    });
  }
  const known = Object.keys(SCHEMA);
  const [odd] = Object.keys(settings).filter((key) => !known.includes(key));
  if (odd === undefined) return;
  throw new DynamoError('usage', {
    detail: `The settings file ${file} has a key \`${odd}\`, which nothing reads.`,
    remedy: `Known are ${known.join(', ')}.`,
  });
}
