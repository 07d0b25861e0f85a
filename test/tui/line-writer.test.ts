/** What is on the screen after any sequence of frames is the last frame; what did not change is not written. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { LineWriter } from '../../src/tui/line-writer.js';
import { visibleScreen } from '../e2e/visible-screen.js';

const frames = fc.array(
  fc.array(fc.constantFrom('', 'one', 'two words', 'a much longer line'), { maxLength: 8 }),
  {
    minLength: 1,
    maxLength: 8,
  },
);

it('shows the last frame, whatever came before', () => {
  fc.assert(
    fc.property(frames, (all) => {
      let output = '';
      const writer = new LineWriter({ write: (text) => (output += text) });
      for (const frame of all) writer.draw(frame);
      const seen = visibleScreen(output).lines.join('\n').trimEnd();
      expect(seen).toBe((all.at(-1) ?? []).join('\n').trimEnd());
    }),
  );
});

it('writes changed lines only, and nothing for the same frame', () => {
  const writes: string[] = [];
  const writer = new LineWriter({ write: (text) => writes.push(text) });
  const frame = Array.from({ length: 40 }, (_, row) => `line ${row} ${'x'.repeat(100)}`);
  writer.draw(frame);
  writer.draw(frame);
  expect(writes).toHaveLength(1);
  writer.draw(frame.with(3, 'another'));
  expect(writes[1]).toBe('\u001b[?2026h\u001b[4;1H\u001b[2Kanother\u001b[?2026l');
  writer.reset();
  writer.draw(frame);
  expect(writes[2]).toBe(writes[0]);
});
