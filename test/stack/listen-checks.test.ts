import net from 'node:net';
import { describe, expect, it } from 'vitest';
import { requireFreePort, requireSafeBind } from '../../src/stack/listen-checks.js';

describe('listening', () => {
  it('beyond this machine needs a key or a word', () => {
    expect(() => requireSafeBind('0.0.0.0', [], false)).toThrow(/anyone on the network/);
    expect(() => requireSafeBind('0.0.0.0', ['k'], false)).not.toThrow();
    expect(() => requireSafeBind('0.0.0.0', [], true)).not.toThrow();
    for (const host of ['127.0.0.1', '127.8.9.1', 'localhost', '::1'])
      expect(() => requireSafeBind(host, [], false)).not.toThrow();
    expect(() => requireSafeBind('127.0.0.1.evil.example', [], false)).toThrow();
  });

  it('on a taken port names the next free one', async () => {
    const server = net.createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as net.AddressInfo;
    const error = await requireFreePort('127.0.0.1', port).catch((reason: Error) => reason);
    server.close();
    expect(error).toMatchObject({ code: 'port_in_use', exit: 1 });
    expect((error as unknown as { remedy: string }).remedy).toMatch(/--port \d+/);
    await requireFreePort('127.0.0.1', 0);
  });

  it('on an address that is not ours says so', async () => {
    await expect(requireFreePort('192.0.2.1', 8000)).rejects.toMatchObject({ code: 'usage' });
  });
});
