/** Writes small zip archives as wheels are: deflated or stored members and a central directory. */
import { deflateRawSync } from 'node:zlib';

export interface Member {
  name: string;
  content: Buffer;
  isStored?: boolean;
}

export function zipBytes(members: Member[], comment = ''): Buffer {
  const bodies: Buffer[] = [];
  const entries: Buffer[] = [];
  let offset = 0;
  for (const member of members) {
    const packed = member.isStored ? member.content : deflateRawSync(member.content);
    const fields = header(member, packed.length);
    const name = Buffer.from(member.name);
    const local = Buffer.concat([Buffer.from('PK\u0003\u0004'), fields, name, packed]);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(offset, 10);
    entries.push(Buffer.concat([Buffer.from('PK\u0001\u0002'), Buffer.alloc(2), fields, tail, name]));
    bodies.push(local);
    offset += local.length;
  }
  const directory = Buffer.concat(entries);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(members.length, 4);
  end.writeUInt16LE(members.length, 6);
  end.writeUInt32LE(directory.length, 8);
  end.writeUInt32LE(offset, 12);
  end.writeUInt16LE(Buffer.byteLength(comment), 16);
  return Buffer.concat([...bodies, directory, Buffer.from('PK\u0005\u0006'), end, Buffer.from(comment)]);
}

/** The fields a member's own header and its directory entry share, checksum left 0: it is not ours to check. */
function header(member: Member, packedBytes: number): Buffer {
  const out = Buffer.alloc(26);
  out.writeUInt16LE(20, 0);
  out.writeUInt16LE(member.isStored ? 0 : 8, 4);
  out.writeUInt32LE(packedBytes, 14);
  out.writeUInt32LE(member.content.length, 18);
  out.writeUInt16LE(Buffer.byteLength(member.name), 22);
  return out;
}
