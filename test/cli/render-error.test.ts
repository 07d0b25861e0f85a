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

  it('about a flag names the nearest one and where to read on, without oclif’s notes', () => {
    const command = { name: 'recipe show', flags: ['recipe', 'json', 'port'] };
    const oclif = { exit: 2 };
    const odd = Object.assign(new Error('Nonexistent flag: --recpie\nSee more help with --help'), {
      oclif,
      flags: ['--recpie'],
    });
    expect(renderError(odd, command).text).toBe(
      'dynamo: Nonexistent flag: --recpie\n  Did you mean --recipe? See `dynamo recipe show --help`.\n',
    );
    const value = Object.assign(
      new Error('Parsing --port \n\tExpected an integer but received: abc\nSee more help with --help'),
      { oclif },
    );
    expect(renderError(value, command).text).toBe(
      'dynamo: --port: Expected an integer but received: abc\n  See `dynamo recipe show --help`.\n',
    );
    const note =
      'Note: --set allows multiple values. Because of this you need to provide all arguments before providing that flag.';
    const missing = Object.assign(new Error(`Missing 1 required arg:\nFILE  recipe file\n\n${note}`), {
      oclif,
    });
    expect(renderError(missing, command).text).not.toContain('multiple values');
  });
});
