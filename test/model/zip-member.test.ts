import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { findZipMember, openZipMember } from '../../src/model/zip-member.js';
import { type Member, zipBytes } from './support/zip.js';

const folder = mkdtempSync(path.join(os.tmpdir(), 'dynamo-zip-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const save = (bytes: Buffer): string => {
  const file = path.join(folder, 'a.whl');
  writeFileSync(file, bytes);
  return file;
};
const extract = async (file: string, name: string) =>
  buffer(openZipMember(file, await findZipMember(file, name)));

describe('a zip member', () => {
  it('comes out as it went in, whatever is around it', async () => {
    const anyMember = fc.record({ content: fc.uint8Array({ maxLength: 5_000 }), isStored: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyMember, { minLength: 1, maxLength: 4 }),
        fc.string({ maxLength: 30 }),
        async (list, comment) => {
          const members: Member[] = list.map(({ content, isStored }, index) => ({
            name: `pkg/${index}.bin`,
            content: Buffer.from(content),
            isStored,
          }));
          const file = save(zipBytes(members, comment));
          for (const member of members) {
            if (member.content.length === 0 && member.isStored) continue;
            expect(await extract(file, member.name)).toEqual(member.content);
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  it('is missed by name', async () => {
    const file = save(zipBytes([{ name: 'a', content: Buffer.from('x') }]));
    await expect(findZipMember(file, 'b')).rejects.toThrow(/no member b/);
  });

  it('of a cut or foreign file is refused', async () => {
    const whole = zipBytes([{ name: 'a', content: Buffer.alloc(9_000, 7), isStored: true }]);
    await expect(findZipMember(save(whole.subarray(0, 5_000)), 'a')).rejects.toThrow(/not a whole zip/);
    await expect(findZipMember(save(Buffer.from('hello')), 'a')).rejects.toThrow(/not a whole zip/);
    await expect(findZipMember(save(Buffer.alloc(0)), 'a')).rejects.toThrow(/not a whole zip/);
    await expect(findZipMember(save(whole.subarray(100)), 'a')).rejects.toThrow();
  });

  it('whose data is damaged fails while it is read', async () => {
    const bytes = zipBytes([{ name: 'a', content: Buffer.from('hello '.repeat(1_000)) }]);
    bytes.fill(0xff, 32, 50);
    const file = save(bytes);
    await expect(extract(file, 'a')).rejects.toThrow();
  });
});
