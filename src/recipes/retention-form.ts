/** How a recipe or a key file says what is kept unlike the default: `{conversation: {priority: 40, seconds: 600}}`. */
import { z } from 'zod';

const SECONDS_MAX = 24 * 3_600;
const worth = z.strictObject({
  /** 0 (given up first, never written down) to 100. */
  priority: z.int().min(0).max(100).optional(),
  /** Promised for so long; 0 = no promise. */
  seconds: z.number().min(0).max(SECONDS_MAX).optional(),
});

export const retentionForm = z.strictObject({
  system: worth.optional(),
  tools: worth.optional(),
  conversation: worth.optional(),
  tool_result: worth.optional(),
  reasoning: worth.optional(),
  output: worth.optional(),
});

type Kind = keyof z.infer<typeof retentionForm>;

export function retentionChanges(
  form: z.infer<typeof retentionForm>,
): Partial<Record<Kind, { priority?: number; durationMs?: number }>> {
  const named = Object.entries(form).flatMap(([kind, one]) =>
    one === undefined ? [] : [[kind, one] as const],
  );
  return Object.fromEntries(
    named.map(([kind, { priority, seconds }]) => [
      kind,
      {
        ...(priority === undefined ? {} : { priority }),
        ...(seconds === undefined ? {} : { durationMs: seconds * 1_000 }),
      },
    ]),
  );
}
