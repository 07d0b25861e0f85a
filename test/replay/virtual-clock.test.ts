import fc from 'fast-check';
import { expect, it } from 'vitest';
import { VirtualClock } from '../../src/replay/virtual-clock.js';

it('runs callbacks by time, then by the order they were asked for', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20), { maxLength: 200 }), fc.array(fc.nat(199)), (delays, cancelled) => {
      const clock = new VirtualClock();
      const ran: [number, number][] = [];
      const stops = delays.map((ms, n) => clock.after(ms, () => ran.push([clock.now(), n])));
      for (const n of cancelled) stops[n]?.();
      while (clock.step());
      const left = delays
        .map((ms, n) => [ms, n] as [number, number])
        .filter(([, n]) => !cancelled.includes(n));
      expect(ran).toEqual(left.sort((a, b) => a[0] - b[0] || a[1] - b[1]));
    }),
  );
});

it('keeps order when most timers were cancelled', () => {
  const clock = new VirtualClock();
  const ran: number[] = [];
  for (let n = 0; n < 5_000; n++) {
    const stop = clock.after(5_000 - n, () => ran.push(5_000 - n));
    if (n % 10 !== 0) stop();
  }
  while (clock.step());
  expect(ran).toHaveLength(500);
  expect(ran).toEqual([...ran].sort((a, b) => a - b));
});
