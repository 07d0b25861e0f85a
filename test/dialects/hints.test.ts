/** Agent hints: NVIDIA Dynamo's names and precedence. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeHints, lenientMark } from '../../src/dialects/hints.js';
import { DynamoError } from '../../src/errors.js';

describe('precedence', () => {
  const nvext = {
    agent_hints: { priority: 1, strict_priority: 2 },
    cache_salt: 'nvext',
    backend_instance_id: 3,
  };

  it('of headers over the body', () => {
    const headers = {
      'x-dynamo-request-priority': '-5',
      'x-dynamo-request-strict-priority': '9',
      'x-tenant-id': 'tenant',
      'x-dynamo-worker-instance-id': 'w7',
    };
    expect(decodeHints({ nvext, cache_salt: 'top' }, headers)).toMatchObject({
      priority: -5,
      strictPriority: 9,
      cacheSalt: 'tenant',
      workerPin: 'w7',
    });
  });

  it('of nvext over the top level', () => {
    expect(decodeHints({ nvext, cache_salt: 'top' }, {})).toMatchObject({
      priority: 1,
      strictPriority: 2,
      cacheSalt: 'nvext',
      workerPin: 'w3',
    });
    expect(decodeHints({ cache_salt: 'top' }, {}).cacheSalt).toBe('top');
  });

  it('of priority over its deprecated alias', () => {
    const hints = (agent_hints: object) => decodeHints({ nvext: { agent_hints } }, {});
    expect(hints({ latency_sensitivity: 4.4 })).toMatchObject({ priority: 4, isPriorityGiven: true });
    expect(hints({ latency_sensitivity: 4.4, priority: 0 })).toMatchObject({ priority: 0 });
    expect(hints({})).toMatchObject({ priority: 0, isPriorityGiven: false });
  });
});

describe('values', () => {
  it('of cache marks are read in seconds', () => {
    const ttl = (value: unknown) =>
      decodeHints({ nvext: { cache_control: { type: 'ephemeral', ttl: value } } }, {}).cacheControl
        ?.ttlSeconds;
    expect([ttl(undefined), ttl('5m'), ttl('1h'), ttl('90s')]).toEqual([300, 300, 3600, 90]);
    expect(lenientMark({ type: 'ephemeral', ttl: 'whenever' })).toEqual({ ttlSeconds: 300 });
    expect(lenientMark('yes')).toBeUndefined();
  });

  it('unknown beside them are ignored', () => {
    const nvext = { agent_hints: { priority: 1, novelty: true }, routing_constraints: {}, token_data: [1] };
    expect(decodeHints({ nvext }, {}).priority).toBe(1);
  });

  it('of every kind give hints in range or an error that names a field', () => {
    const agent_hints = fc.record(
      {
        priority: fc.jsonValue(),
        strict_priority: fc.jsonValue(),
        osl: fc.jsonValue(),
        speculative_prefill: fc.jsonValue(),
        latency_sensitivity: fc.jsonValue(),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(agent_hints, fc.string(), (hints, header) => {
        try {
          const found = decodeHints(
            { nvext: { agent_hints: hints } },
            { 'x-dynamo-request-priority': header },
          );
          expect(Number.isInteger(found.priority) && Math.abs(found.priority) <= 2 ** 31).toBe(true);
          expect(found.strictPriority).toBeGreaterThanOrEqual(0);
        } catch (error) {
          expect(error).toBeInstanceOf(DynamoError);
          expect((error as DynamoError).param).toMatch(/^nvext|^x-dynamo/);
        }
      }),
    );
  });
});
