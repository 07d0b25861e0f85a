/** Command lines as plans have them, for the engines' own parsers. */
import { describedHost } from '../../../src/plan/hardware.js';
import { makePlan } from '../../../src/plan/plan.js';
import { probeHost } from '../../../src/plan/probe.js';
import { listRecipes } from '../../../src/recipes/load.js';
import { commandOf } from '../../../src/stack/adapters.js';

/** Name and command line of every variant of an engine, planned for the first box its recipe names. */
export async function recipeCommands(engine: 'vllm' | 'sglang'): Promise<[string, string[]][]> {
  const here = await probeHost();
  const host = {
    ...here,
    platform: 'linux' as const,
    freeMemoryBytes: Math.max(here.freeMemoryBytes, 8 * 2 ** 30),
  };
  const entries = await listRecipes({ userDir: '/nonexistent' });
  return entries.flatMap(({ recipe }) =>
    recipe!.variants.flatMap((variant): [string, string[]][] => {
      if (variant.engine !== engine) return [];
      const [box] = variant.hardware;
      const result = makePlan(
        recipe!,
        box === undefined ? host : describedHost(`${box.count}x${box.gpu}`, host),
        {
          variant: variant.name,
          modelFile: (name) => ({ path: name, sha256: null }),
          commandOf,
        },
      );
      if (!result.ok) throw new Error(`${recipe!.name} ${variant.name}: ${JSON.stringify(result.refusals)}`);
      // Behind `vllm serve` or `sglang serve`.
      return [[`${recipe!.name} ${variant.name}`, result.plan.workers[0]!.args.slice(1)]];
    }),
  );
}
