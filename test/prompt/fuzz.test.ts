/** Mutated requests through the templates of many model families: tokens, or a refusal that is the client's to mend. */
import { beforeAll, describe, expect, it } from 'vitest';
import { DynamoError } from '../../src/errors.js';
import type { LocalModel } from '../../src/model/local-model.js';
import { createPromptService } from '../../src/prompt/service.js';
import type { CommonRequest } from '../../src/request/types.js';
import { SUBJECTS, type Subject } from '../gateway/support/fuzz-subjects.js';
import { Mutator } from '../gateway/support/mutate.js';
import { familyModel } from './support/requests.js';
import { FAMILIES } from './support/templates.js';

/** Per family and dialect; `DYNAMO_FUZZ_TEMPLATES` runs more. */
const RUNS = Number(process.env['DYNAMO_FUZZ_TEMPLATES'] ?? 25);

function decoded({ dialect }: Subject, text: string): CommonRequest | undefined {
  try {
    return dialect.decode(JSON.parse(text), { requestId: 'r', headers: {}, warn: () => {} });
  } catch {
    return undefined;
  }
}

describe.each(Object.keys(FAMILIES))('the template of %s', (family) => {
  let model: LocalModel;
  beforeAll(async () => {
    model = await familyModel(`fuzz-${family}`, FAMILIES[family]!);
  });

  it.each(SUBJECTS)('$dialect.name', async (subject) => {
    const mutator = new Mutator(7);
    const service = createPromptService({ local: model, blockTokens: 16, warn: () => {} });
    let prepared = 0;
    for (let run = 0; run < RUNS; run += 1) {
      const text = mutator.text(subject.bases);
      const request = decoded(subject, text);
      if (request === undefined) continue;
      try {
        const { tokens, regions } = await service.prepare(request);
        expect(regions.reduce((sum, { end, start }) => sum + end - start, 0)).toBe(tokens.length);
        prepared += 1;
      } catch (error) {
        const isClients = error instanceof DynamoError && error.status === 400;
        if (!isClients) throw new Error(`${family} failed on ${text}`, { cause: error });
      }
    }
    expect(prepared).toBeGreaterThan(0);
  });
});
