/** Finds the prebuilt libllama of this platform among the installed npm packages. */
import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { DynamoError } from '../../../errors.js';

export interface LibraryFiles {
  /** Folder of all shared libraries; backends are loaded from it. */
  dir: string;
  ggmlBase: string;
  ggml: string;
  llama: string;
}

const PACKAGES: Record<string, string> = {
  'linux-x64': 'linux-x64',
  'linux-arm64': 'linux-arm64',
  'darwin-arm64': 'mac-arm64-metal',
  'darwin-x64': 'mac-x64',
  'win32-x64': 'win-x64',
  'win32-arm64': 'win-arm64',
};

/** Throws `engine_missing` when there is no package for the platform, or it is not installed or not whole. */
export function findLibrary(platform: string = process.platform, arch: string = process.arch): LibraryFiles {
  const name = packageName(platform, arch);
  if (name === null)
    throw missing(
      `no libllama is built for ${platform}-${arch}`,
      'Attach an engine of another host: `dynamo up --attach URL`.',
    );
  const root = packageRoot(`@node-llama-cpp/${name}`);
  if (root === null) {
    throw missing(
      `the package @node-llama-cpp/${name} is not installed`,
      'Install again without `--omit=optional`: `npm ci` in a clone, or `npm install -g dynamo-cli`.',
    );
  }
  return libraryFiles(path.join(root, 'bins', name));
}

/** Name below `@node-llama-cpp/`; null when there is none for the platform. */
export function packageName(platform: string, arch: string): string | null {
  return PACKAGES[`${platform}-${arch}`] ?? null;
}

/** The three libraries in a folder; names carry a version and, on some platforms, a backend. */
export function libraryFiles(dir: string): LibraryFiles {
  const names = existsSync(dir) ? readdirSync(dir) : [];
  const file = (pattern: RegExp): string => {
    const found = names.find((name) => pattern.test(name));
    if (found === undefined)
      throw missing(`${dir} holds no file like ${pattern.source}`, 'Install the packages again: `npm ci`.');
    return path.join(dir, found);
  };
  return {
    dir,
    ggmlBase: file(/^(?:lib)?ggml-base\.(?:so|dylib|dll)$/),
    ggml: file(/^(?:lib)?ggml\..*(?:so|dylib|dll)$/),
    llama: file(/^(?:lib)?llama\..*(?:so|dylib|dll)$/),
  };
}

/** `package.json` is not among the package's exports, so it is looked for where Node would look. */
function packageRoot(name: string): string | null {
  const places = createRequire(import.meta.url).resolve.paths(name) ?? [];
  return (
    places
      .map((place) => path.join(place, name))
      .find((root) => existsSync(path.join(root, 'package.json'))) ?? null
  );
}

function missing(detail: string, remedy: string): DynamoError {
  return new DynamoError('engine_missing', { engine: 'embedded', detail, remedy });
}
