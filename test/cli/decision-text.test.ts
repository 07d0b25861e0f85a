import { describe, expect, it } from 'vitest';
import { decisionText } from '../../src/cli/decision-text.js';

const row = (worker: string, gpu: number, prefill: number) => ({
  worker,
  overlap: { gpu, cpu: 0, disk: 0, remote: 0 },
  load: { activeRequests: 1, prefillTokens: 128, decodeBlocks: 0, waiting: 0 },
  terms: { prefill, home: 0, total: prefill },
});

const decision = {
  requestId: 'r1',
  worker: 'w1',
  policy: 'kv',
  reason: 'lowest cost',
  promptTokens: 391,
  predictedTokens: 384,
  reachableTokens: 384,
  decideMs: 0.25,
  queueMs: 0,
  candidates: [row('w0', 0, 720.5), row('w1', 6, 13)],
};

describe('a decision for a person', () => {
  const text = decisionText(decision);

  it('says who was chosen, by what and for what', () => {
    expect(text).toContain('w1 by policy kv: lowest cost');
    expect(text).toContain('391 tokens; 384 expected in its cache');
  });

  it('shows each candidate with its terms, leaving out those that are zero everywhere', () => {
    expect(text).toMatch(/w0 +0 +1 +128 +720\.5 +720\.5/);
    expect(text).toMatch(/w1 \* +6 +1 +128 +13\.0 +13\.0/);
    expect(text).not.toContain('home');
    expect(text).not.toContain('fault');
  });

  it('says who asked, with which hints', () => {
    const request = {
      dialect: 'chat',
      key: 'ci',
      session: { id: 's1', harness: 'codex', role: 'subagent' },
      hints: { priority: -1, isPriorityGiven: false, strictPriority: 2, osl: 300, speculativePrefill: true },
    };
    const said = decisionText({ ...decision, request });
    expect(said).toContain('sender     chat, subagent of session s1 (codex), key ci');
    expect(said).toContain(
      'hints      priority -1 by lineage, tier 2, 300 tokens of output expected, next turn to be prefilled',
    );
    expect(text).not.toContain('hints');
  });

  it('says why the cache was missed, where the prompt differs, and what was computed again', () => {
    const divergence = { token: 212, message: 3, role: 'user', kind: 'conversation' };
    const detail = 'w0 gave it up 4.0 s ago, from gpu';
    const miss = { cause: 'evicted', detail, cachedTokens: 128, repeatedTokens: 256, divergence };
    const explained = decisionText({ ...decision, miss, fault: 'returned a promise' });
    expect(explained).toContain('128 tokens read; evicted: w0 gave it up 4.0 s ago, from gpu');
    expect(explained).toContain('at token 212, in message 3 (user)');
    expect(explained).toContain('256 tokens had been computed before');
    expect(explained).toContain('fault      the policy returned a promise');
  });
});
