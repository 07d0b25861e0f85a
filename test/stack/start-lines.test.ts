import { describe, expect, it } from 'vitest';
import { startLines } from '../../src/stack/start-lines.js';

describe('the start as plain lines', () => {
  it('says each step once, and a worker’s progress in quarters', () => {
    const written: string[] = [];
    const lines = startLines({ write: (text) => written.push(text.replace(/^ *[\d.]+ s {2}/, '')) });
    lines.show({ type: 'step', text: 'preparing' });
    lines.show({ type: 'step', text: 'preparing' });
    for (const progress of [0.1, 0.2, 0.3, 0.6])
      lines.show({ type: 'worker', worker: 'w0', state: 'starting', phase: 'weights', progress });
    lines.show({ type: 'worker', worker: 'w0', state: 'ready', phase: 'ready', progress: null });
    expect(written).toEqual([
      'preparing\n',
      'w0 weights 0 %\n',
      'w0 weights 25 %\n',
      'w0 weights 50 %\n',
      'w0 ready\n',
    ]);
  });
});
