import { describe, expect, it } from 'vitest';
import { warmBodies } from '../../src/cli/warm-file.js';

describe('a file to warm', () => {
  it('is one request, several in an array, or one per line', () => {
    expect(warmBodies('f', '{"prompt":"a"}')).toEqual([{ prompt: 'a' }]);
    expect(warmBodies('f', '[{"prompt":"a"},{"prompt":"b"}]')).toHaveLength(2);
    expect(warmBodies('f', '{"prompt":"a"}\n\n{"prompt":"b"}\n')).toEqual([{ prompt: 'a' }, { prompt: 'b' }]);
  });

  it.each([
    ['', /it is empty/],
    ['7', /entry 1 is no JSON object/],
    ['{"a":1}\nnonsense\n', /line 2 is no JSON object/],
  ])('%j is refused with the place', (text, message) => {
    expect(() => warmBodies('f', text)).toThrow(message);
  });
});
