/** Programs on PATH. */
import { access, constants } from 'node:fs/promises';
import path from 'node:path';

/** First executable of that name on PATH, null when there is none. Starts nothing. */
export async function findProgram(
  name: string,
  env: Record<string, string | undefined> = process.env,
): Promise<string | null> {
  const endings = process.platform === 'win32' ? ['.exe', '.cmd', ''] : [''];
  for (const folder of (env['PATH'] ?? '').split(path.delimiter).filter((entry) => entry !== '')) {
    for (const ending of endings) {
      const file = path.join(folder, name + ending);
      if (await isExecutable(file)) return file;
    }
  }
  return null;
}

const isExecutable = (file: string): Promise<boolean> =>
  access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
