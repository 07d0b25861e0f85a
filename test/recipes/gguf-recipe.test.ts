import { expect, test } from 'vitest';
import { recipeForGguf } from '../../src/recipes/gguf-recipe.js';

const FACTS = {
  path: '/models/My Model (v2).Q4_K_M.gguf',
  fileBytes: 2_000_000_000,
  name: 'My Model',
  contextTokens: 131_072,
  kvBytesPerToken: 98_304,
  layers: 24,
  kvHeads: 8,
};

test('a user’s own file becomes a recipe on the embedded engine with the file’s own figures', () => {
  const recipe = recipeForGguf(FACTS);
  expect(recipe).toMatchObject({
    name: 'my-model-v2-.q4_k_m',
    model: { context: 131_072, kv: { bytes_per_token: 98_304 } },
    variants: [
      { engine: 'embedded', checkpoint: FACTS.path, weights_gb: 2, context: 8_192, requantize: null },
    ],
  });
});

test('a model with a short window keeps it', () => {
  expect(recipeForGguf({ ...FACTS, contextTokens: 2_048 }).variants[0]!.context).toBe(2_048);
});

test('a name without any usable letter still gets one', () => {
  expect(recipeForGguf({ ...FACTS, path: '/models/模型.gguf' }).name).toBe('model');
});
