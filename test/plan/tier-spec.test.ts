import { describe, expect, it } from 'vitest';
import { parseTiers, sizeBytes, tierWarnings } from '../../src/plan/tier-spec.js';

describe('--tiers', () => {
  it('names sizes and places, in the order pages go down', () => {
    expect(parseTiers('remote=s3://bucket/prefix,disk=50GiB:/mnt/a:b,cpu=8GiB')).toEqual([
      { name: 'cpu', bytesMax: 8 * 1024 ** 3, at: null },
      { name: 'disk', bytesMax: 50 * 1024 ** 3, at: '/mnt/a:b' },
      { name: 'remote', bytesMax: null, at: 's3://bucket/prefix' },
    ]);
    expect(parseTiers('remote=100GiB:redis://127.0.0.1:6379/2')[0]).toEqual({
      name: 'remote',
      bytesMax: 100 * 1024 ** 3,
      at: 'redis://127.0.0.1:6379/2',
    });
    expect(parseTiers('none')).toEqual([]);
    expect(parseTiers('')).toEqual([]);
  });

  it.each([
    'gpu=1GiB',
    'cpu',
    'cpu=',
    'cpu=8',
    'cpu=0GiB',
    'cpu=-1GiB',
    'cpu=1e3GiB',
    'disk=5GiB:relative',
    'disk=x:/a',
    'cpu=1GiB,cpu=2GiB',
    'remote=ftp://x',
    'remote=bucket',
    'remote=5:s3://b',
    ',',
  ])('refuses %s with what it should be', (text) => {
    expect(() => parseTiers(text)).toThrow(/--tiers/);
  });

  it('warns of a lower tier that is not larger', () => {
    expect(tierWarnings(parseTiers('cpu=8GiB,disk=8GiB:/d'))).toHaveLength(1);
    expect(tierWarnings(parseTiers('cpu=8GiB,disk=9GiB:/d,remote=s3://b'))).toEqual([]);
  });
});

it('sizes are whole bytes', () => {
  expect([sizeBytes('1.5GiB'), sizeBytes('2TB'), sizeBytes('3MB'), sizeBytes('3'), sizeBytes('GiB')]).toEqual(
    [1.5 * 1024 ** 3, 2e12, 3e6, null, null],
  );
});
