import { expect, it } from 'vitest';
import { ChunkDecoder } from '../../src/link/chunk-decoder.js';
import { withoutPromptIds } from '../../src/link/prompt-ids.js';

const ids = Array.from({ length: 100_000 }, (_, id) => id);

it('a long prompt sent back with the first chunk is not read', () => {
  const chunk = {
    id: 'c',
    choices: [{ index: 0, delta: { content: 'a' }, token_ids: [7] }],
    prompt_token_ids: ids,
  };
  const cut = withoutPromptIds(JSON.stringify(chunk));
  expect(JSON.parse(cut)).toEqual({ ...chunk, prompt_token_ids: [] });
  const [, event] = new ChunkDecoder('w0').push(JSON.stringify(chunk));
  expect(event).toEqual({ type: 'text', choice: 0, text: 'a', tokenIds: [7] });
});

it.each([
  ['a short one', JSON.stringify({ prompt_token_ids: [1, 2] })],
  ['none', JSON.stringify({ text: 'x'.repeat(20_000) })],
  ['text that looks like it', JSON.stringify({ text: `"prompt_token_ids":[a]${'x'.repeat(20_000)}` })],
  ['one without an end', `{"prompt_token_ids":[${'1,'.repeat(20_000)}`],
])('%s stays as it is', (_, data) => {
  expect(withoutPromptIds(data)).toBe(data);
});
