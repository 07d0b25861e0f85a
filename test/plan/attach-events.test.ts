/** Where KV events come from: near by itself, from another machine only when asked, and then with a warning. */
import { describe, expect, it } from 'vitest';
import { followedEvents, plainTextWarning } from '../../src/plan/attach-events.js';
import { parseAttach } from '../../src/plan/attach-spec.js';
import type { EventEndpoints } from '../../src/plan/types.js';

const told = (events: string, replay = ''): EventEndpoints => ({ events, replay, topic: 't' });
const follow = (attach: string, source: EventEndpoints | null) => followedEvents(parseAttach(attach), source);

describe('events that an engine tells of', () => {
  it.each([
    ['ipc:///run/x.sock', ''],
    ['tcp://127.0.0.1:5557', 'tcp://127.0.0.1:5558'],
    ['tcp://[::1]:5557', ''],
  ])('on this machine are followed: %s', (events, replay) => {
    expect(follow('http://127.0.0.1:8001', told(events, replay))).toEqual({
      events: told(events, replay),
      warning: null,
    });
  });

  it.each([
    ['http://10.0.0.5:8001', told('tcp://10.0.0.5:5557')],
    // An engine elsewhere may not choose which local address we open.
    ['http://10.0.0.5:8001', told('tcp://127.0.0.1:6379')],
    ['http://10.0.0.5:8001', told('ipc:///run/docker.sock')],
    ['http://127.0.0.1:8001', told('tcp://10.0.0.9:5557')],
    ['http://127.0.0.1:8001', told('tcp://127.0.0.1:5557', 'tcp://10.0.0.9:5558')],
    ['http://127.0.0.1:8001', told('tcp://127.0.0.1.evil.example:5557')],
  ])('of or at another machine are not, and that is said: %s', (attach, source) => {
    const { events, warning } = follow(attach, source);
    expect(events).toBeNull();
    expect(warning).toContain('events=tcp://HOST:PORT');
    expect(warning).toContain(source.events);
  });

  it('are not asked after where events=none', () => {
    const source = told('tcp://127.0.0.1:5557');
    expect(follow('http://127.0.0.1:8001,events=none', source)).toEqual({ events: null, warning: null });
  });
});

describe('events that the user asks for', () => {
  it('over TCP from another machine are followed and warned of', () => {
    const attach = 'http://10.0.0.5:8001,events=tcp://10.0.0.5:5557,replay=tcp://10.0.0.5:5558';
    const { events, warning } = follow(attach, null);
    expect(events).toMatchObject({ events: 'tcp://10.0.0.5:5557', replay: 'tcp://10.0.0.5:5558' });
    expect(warning).toMatch(/unencrypted and unsigned/);
  });

  it('on this machine are not warned of', () => {
    expect(follow('http://10.0.0.5:8001,events=tcp://127.0.0.1:5557', null).warning).toBeNull();
    expect(follow('http://127.0.0.1:8001,events=ipc:///run/x.sock', null).warning).toBeNull();
  });

  it('at an address that we listen on beyond this machine are warned of too', () => {
    const { events, warning } = follow('http://127.0.0.1:8001,events=bind:tcp://0.0.0.0:5557', null);
    expect(events?.isBound).toBe(true);
    expect(warning).toContain('whoever reaches tcp://0.0.0.0:5557');
  });
});

it('prompts to another machine over plain HTTP are warned of, over HTTPS and on this machine not', () => {
  expect(plainTextWarning(parseAttach('http://10.0.0.5:8001'))).toContain('unencrypted');
  for (const url of [
    'https://10.0.0.5:8001',
    'http://127.0.0.1:8001',
    'http://localhost:8001',
    'http://[::1]:8001',
  ])
    expect(plainTextWarning(parseAttach(url))).toBeNull();
});
