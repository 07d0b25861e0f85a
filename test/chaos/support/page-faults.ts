/** What is done to the folder of a page tier: filled to the last byte, pages cut and changed. */
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  statfsSync,
  statSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from './faults.js';

export interface SmallDisk {
  dir: string;
  /** A file system of its own that can be full. */
  isSmall: boolean;
  remove(): void;
}

/** A tmpfs of so many MiB where this user may mount one, else a plain folder, whose quota is then the only bound. */
export function smallDisk(dir: string, mebibytes: number): SmallDisk {
  mkdirSync(dir, { recursive: true });
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', dir], { stdio: 'ignore' });
  } catch {
    return { dir, isSmall: false, remove: () => rmSync(dir, { recursive: true, force: true }) };
  }
  return {
    dir,
    isSmall: true,
    remove: () => {
      execFileSync('umount', ['-l', dir]);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

export function pageFaults({ dir, isSmall }: SmallDisk): Fault[] {
  return [
    ...(isSmall
      ? [
          {
            name: 'disk full',
            run: (chance: Parameters<Fault['run']>[0]) => fill(dir, chance.whole(500, 2_500)),
          },
        ]
      : []),
    {
      name: 'page changed',
      run: async (chance) => {
        const pages = filesOf(dir);
        if (pages.length === 0) return;
        const page = chance.of(pages);
        try {
          const file = openSync(page, 'r+');
          writeSync(
            file,
            Buffer.from([chance.whole(0, 255)]),
            0,
            1,
            chance.whole(0, Math.max(0, statSync(page).size - 1)),
          );
          closeSync(file);
        } catch {
          // Evicted meanwhile.
        }
      },
    },
    {
      name: 'page cut',
      run: async (chance) => {
        const pages = filesOf(dir);
        if (pages.length === 0) return;
        try {
          truncateSync(chance.of(pages), chance.whole(0, 2_000));
        } catch {
          // Evicted meanwhile.
        }
      },
    },
  ];
}

/** Until nothing more goes in; for so long. */
async function fill(dir: string, ms: number): Promise<void> {
  const file = path.join(dir, 'filler');
  const { bavail, bsize } = statfsSync(dir);
  const handle = openSync(file, 'w');
  try {
    writeSync(handle, Buffer.alloc(Number(bavail) * Number(bsize)));
  } catch {
    // Full is what it should be.
  }
  closeSync(handle);
  await sleep(ms);
  rmSync(file, { force: true });
}

function filesOf(dir: string): string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== 'filler' && entry.name !== 'VERSION')
    .map((entry) => path.join(entry.parentPath, entry.name));
}
