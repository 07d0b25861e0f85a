/**
 * One list of behaviours, held by every dialect, streamed or not. An engine is scripted in its own wire format,
 * with everything awkward that real ones were seen to do.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Plan } from '../../src/plan/types.js';
import { ParserNet } from '../../src/stack/parser-net.js';
import { startGateway, type TestGateway } from '../gateway/support/harness.js';
import type { Behaviour } from './behaviours/behaviour.js';
import { CALLS } from './behaviours/calls.js';
import { FAILURES } from './behaviours/failures.js';
import { REQUESTS } from './behaviours/requests.js';
import { TEXT } from './behaviours/text.js';
import { type DialectDriver, DRIVERS, type Told } from './dialect-drivers.js';

const BEHAVIOURS: Behaviour[] = [...TEXT, ...CALLS, ...REQUESTS, ...FAILURES];

/** Runs every behaviour against every dialect. */
export function dialectSuite(): void {
  let gateway: TestGateway;
  beforeAll(async () => {
    // The net is on for every behaviour: it must do no harm to an engine that parses by itself.
    const facts = { parsers: { tools: 'glm47', reasoning: 'glm45' } } as Plan;
    const settings = { tools: 'glm', reasoning: 'auto' } as const;
    const net = new ParserNet(settings, facts, () => {});
    gateway = await startGateway({
      served: { contextTokens: 100_000 },
      outputFilter: (worker, request) => net.filter(worker, request),
    });
  });
  afterAll(() => gateway.close());

  describe.each(DRIVERS)('$name', (driver) => {
    describe.each([true, false])('streamed: %s', (isStream) => {
      it.each(BEHAVIOURS)('$name', async (behaviour) => {
        const told = await exchange(gateway, driver, behaviour, isStream);
        if (typeof behaviour.expected === 'function') behaviour.expected(told);
        else expect(told).toMatchObject(behaviour.expected);
        if (behaviour.sent !== undefined) {
          expect(gateway.engines[0]?.bodies.at(-1)).toMatchObject(behaviour.sent);
        }
        expect(gateway.snapshot().requests.active).toBe(0);
      });
    });
  });
}

async function exchange(
  gateway: TestGateway,
  driver: DialectDriver,
  behaviour: Behaviour,
  isStream: boolean,
): Promise<Told> {
  gateway.engines[0]!.script = behaviour.script;
  const body = driver.body({ turns: [{ role: 'user', text: 'hi' }], ...behaviour.ask, isStream });
  const answer = await gateway.post(driver.path, body);
  return driver.read(answer.status, await answer.text(), isStream);
}
