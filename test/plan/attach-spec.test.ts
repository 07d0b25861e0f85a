import { describe, expect, it } from 'vitest';
import { parseAttach } from '../../src/plan/attach-spec.js';

describe('--attach', () => {
  it('is an address, alone or with where its events are', () => {
    expect(parseAttach('http://127.0.0.1:8001/')).toEqual({
      url: 'http://127.0.0.1:8001',
      events: null,
      replay: null,
      isBound: false,
      engine: null,
    });
    expect(
      parseAttach('http://gpu:8001,events=tcp://gpu:5557,replay=ipc:///tmp/r.sock,engine=sglang'),
    ).toMatchObject({ events: 'tcp://gpu:5557', replay: 'ipc:///tmp/r.sock', engine: 'sglang' });
    expect(parseAttach('http://gpu:1,events=bind:tcp://127.0.0.1:5557')).toMatchObject({
      events: 'tcp://127.0.0.1:5557',
      isBound: true,
    });
    expect(parseAttach('http://gpu:1,events=none').events).toBe('none');
  });

  it.each([
    ['foo', /no base address/],
    ['ftp://x:1', /no base address/],
    ['http://x:1/v1', /no base address/],
    ['http://x:1,events=5557', /no ZMQ endpoint/],
    ['http://x:1,event=tcp://x:1', /`event` is not known/],
    ['http://x:1,engine=tgi', /engine `tgi` is not known/],
    ['http://x:1,events', /no key=value pair/],
  ])('refuses %s', (text, problem) => {
    expect(() => parseAttach(text)).toThrow(problem);
  });
});
