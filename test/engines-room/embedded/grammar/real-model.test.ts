/** The library reads our grammars as we mean them: what the default model writes under one is valid. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { LlamaCore } from '../../../../src/engines/embedded/core/create-core.js';
import { argumentsSchema } from '../../../../src/engines/embedded/grammar/arguments-schema.js';
import {
  callGrammar,
  type JsonSchema,
  schemaGrammar,
} from '../../../../src/engines/embedded/grammar/json-schema-to-gbnf.js';
import { GREEDY } from '../core/jobs.js';
import { answer, chatOf, openCore } from '../core/real-model.js';
import { depths, parseGrammar } from './gbnf.js';
import { schemas } from './schemas.js';
import { problems } from './validate.js';

vi.setConfig({ testTimeout: 240_000 });

let core: LlamaCore;

beforeAll(async () => {
  core = await openCore({ slots: 2 });
});

afterAll(async () => {
  await core.close();
});

async function writes(grammar: string, seed: number, temperature = 1) {
  const prompt = chatOf(core, 'Describe the weather in Paris as JSON.');
  const sampling = { ...GREEDY, temperature, topP: 0.95, seed, grammar };
  return answer(core, prompt, { sampling, maxTokens: 200 });
}

const WEATHER = {
  type: 'object',
  properties: {
    city: { type: 'string', minLength: 1, maxLength: 20 },
    unit: { enum: ['celsius', 'fahrenheit'] },
    degrees: { type: ['integer', 'null'] },
    days: {
      type: 'array',
      minItems: 1,
      maxItems: 3,
      items: { anyOf: [{ type: 'number' }, { $ref: '#/$defs/day' }] },
    },
  },
  required: ['city', 'days'],
  additionalProperties: false,
  $defs: { day: { type: 'object', properties: { sun: { type: 'boolean' } }, required: ['sun'] } },
};

describe('the model under a grammar', () => {
  it.each([1, 2, 3, 4])('writes values of the schema (seed %i)', async (seed) => {
    const { text, reason } = await writes(schemaGrammar(WEATHER), seed);
    expect(reason).toBe('stop');
    expect(problems(WEATHER, JSON.parse(text))).toEqual([]);
  });

  it('writes a call with arguments of the tool it chose', async () => {
    const tools = [
      { name: 'get_weather', parameters: argumentsSchema(WEATHER) },
      {
        name: 'say',
        parameters: argumentsSchema({ properties: { text: { maxLength: 40 } }, required: ['text'] }),
      },
    ];
    for (const seed of [1, 2, 3]) {
      const { text } = await writes(callGrammar(tools), seed, 1.5);
      const call = JSON.parse(text) as { name: string; arguments: unknown };
      const tool = tools.find(({ name }) => name === call.name);
      expect(problems(tool!.parameters as JsonSchema, call.arguments)).toEqual([]);
    }
  });
});

describe('the library', () => {
  it('takes the grammar of any schema', async () => {
    const grammars = fc.sample(schemas, { seed: 7, numRuns: 60 }).map(schemaGrammar);
    for (const grammar of grammars) {
      if (depths(parseGrammar(grammar)).get('root') === Infinity) continue;
      const { reason, error } = await answer(core, chatOf(core, 'x'), {
        sampling: { ...GREEDY, grammar },
        maxTokens: 2,
      });
      expect([reason, error]).not.toContain('error');
    }
  });

  it('takes the largest grammar we make, in time', async () => {
    const long = { type: 'string', minLength: 500, maxLength: 1_900 };
    const properties = Object.fromEntries(Array.from({ length: 900 }, (_, at) => [`property${at}`, long]));
    const grammar = schemaGrammar({ type: 'object', properties });
    const begun = performance.now();
    const { reason } = await answer(core, chatOf(core, 'x'), {
      sampling: { ...GREEDY, grammar },
      maxTokens: 2,
    });
    expect(reason).toBe('length');
    expect(performance.now() - begun).toBeLessThan(20_000);
  });
});
