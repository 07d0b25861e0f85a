/** Our priority as an attached engine wants it. */
import { capabilitiesOf, priorityFor } from '../capabilities.js';

/**
 * `engine` as the attachment names it. vLLM refuses every priority unless it was started with `--scheduling-policy
 * priority`, so somebody has to say that it was (`isOn`); our own worker takes one always. Undefined = none is sent.
 */
export function attachedPriority(
  { engine, isOn }: { engine: string; isOn: boolean },
  priority: number,
): number | undefined {
  return isOn || !capabilitiesOf(engine).priorityNeedsFlag ? priorityFor(engine, priority) : undefined;
}
