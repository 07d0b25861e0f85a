import os from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { adminSocket, resolvePaths } from '../../src/cli/paths.js';

describe('paths', () => {
  it('follow XDG variables', () => {
    const paths = resolvePaths({
      XDG_CONFIG_HOME: '/c',
      XDG_DATA_HOME: '/d',
      XDG_STATE_HOME: '/s',
      XDG_RUNTIME_DIR: '/r',
    });
    expect(paths).toEqual({
      config: '/c/dynamo',
      data: '/d/dynamo',
      state: '/s/dynamo',
      runtime: '/r/dynamo',
    });
  });

  it('fall back to the home folder, and ignore relative XDG values as the specification asks', () => {
    const paths = resolvePaths({ XDG_DATA_HOME: 'relative' });
    expect(paths.data).toBe(path.join(os.homedir(), '.local/share/dynamo'));
  });

  it('all move with DYNAMO_HOME', () => {
    const paths = resolvePaths({ DYNAMO_HOME: '/h', XDG_DATA_HOME: '/d' });
    expect(Object.values(paths).every((dir) => dir.startsWith('/h/'))).toBe(true);
  });

  it.runIf(process.platform !== 'win32')('keep socket addresses short however deep the home is', () => {
    const deep = resolvePaths({ DYNAMO_HOME: `/${'deep/'.repeat(40)}` });
    const other = resolvePaths({ DYNAMO_HOME: `/${'deep/'.repeat(41)}` });
    const longestName = 'n'.repeat(32);
    expect(Buffer.byteLength(path.join(deep.runtime, longestName, 'w63-events.sock'))).toBeLessThan(104);
    expect(adminSocket(deep, 'x')).not.toBe(adminSocket(other, 'x'));
  });
});
