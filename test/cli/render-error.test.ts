import { describe, expect, it } from 'vitest';
import { renderError } from '../../src/cli/render-error.js';
import { DynamoError } from '../../src/errors.js';

describe('an error for a person', () => {
  it('says what happened and what to try, and ends with the registry’s exit code', () => {
    const { text, exit } = renderError(new DynamoError('stack_not_running', { name: 'x' }));
    expect(text).toBe('dynamo: No stack named `x` is running.\n  Start it with `dynamo up --name x`.\n');
    expect(exit).toBe(4);
  });

  it('is exit code 2 for wrong usage, 130 for an interruption, 1 for a surprise', () => {
    expect(renderError(Object.assign(new Error('bad flag'), { oclif: { exit: 2 } })).exit).toBe(2);
    expect(renderError(Object.assign(new Error('x'), { name: 'AbortError' })).exit).toBe(130);
    expect(renderError(new Error('boom'))).toMatchObject({ exit: 1, text: expect.stringContaining('boom') });
  });
});
