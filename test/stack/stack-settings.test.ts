import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../src/limits.js';
import { parsePairs } from '../../src/stack/resolve-plan.js';
import { readStackSettings } from '../../src/stack/stack-settings.js';

describe('settings', () => {
  it('have defaults and take what is given', () => {
    expect(readStackSettings({})).toEqual({
      bodyBytes: LIMITS.bodyBytes,
      acceptAnyModel: false,
      continuations: LIMITS.continuations,
      responsesStore: 'memory',
      drainMs: LIMITS.drainMs,
      router: {},
      warm: { share: 0.25, nextTurn: 'certain' },
      dynamo: {},
      parsers: { tools: 'auto', reasoning: 'auto' },
    });
    const given = readStackSettings({
      'limits.body_bytes': '1000',
      'gateway.accept_any_model': 'true',
      'gateway.continuations': '0',
      'responses.store': 'disk',
      drain_ms: '0',
      'router.max_active_per_worker': '3',
      'router.overlap_score_credit': '0.5',
      'parser.tools': 'glm47',
      'parser.reasoning': 'opened',
      'warm.share': '0.1',
      'warm.next_turn': 'hinted',
    });
    expect(given).toEqual({
      bodyBytes: 1_000,
      acceptAnyModel: true,
      continuations: 0,
      responsesStore: 'disk',
      drainMs: 0,
      warm: { share: 0.1, nextTurn: 'hinted' },
      router: { maxActivePerWorker: 3 },
      dynamo: { overlapScoreCredit: 0.5 },
      parsers: { tools: 'glm', reasoning: 'opened' },
    });
  });

  it('that nobody knows are refused with the known ones', () => {
    expect(() => readStackSettings({ 'limits.bodybytes': '1' })).toThrow(/no setting `limits.bodybytes`/);
    expect(() => readStackSettings({ toString: '1' })).toThrow(/no setting/);
  });

  it.each([
    ['limits.body_bytes', '0'],
    ['limits.body_bytes', 'many'],
    ['parser.tools', 'unheard-of'],
    ['parser.reasoning', 'glm45'],
    ['warm.share', '1'],
    ['warm.next_turn', 'always'],
    ['drain_ms', '-1'],
    ['gateway.accept_any_model', 'yes'],
    ['gateway.continuations', '-1'],
    ['responses.store', 'cloud'],
    ['router.queue_max', ''],
  ])('refuse %s=%s', (key, value) => {
    expect(() => readStackSettings({ [key]: value })).toThrow(/not valid/);
  });

  it('are written key=value', () => {
    expect(parsePairs(['a=1', 'b=x=y', 'c='])).toEqual({ a: '1', b: 'x=y', c: '' });
    expect(() => parsePairs(['novalue'])).toThrow(/key=value/);
    expect(() => parsePairs(['=1'])).toThrow(/key=value/);
  });
});
