/** Our priority as an attached engine wants it. */

/**
 * `engine` as the attachment names it. vLLM refuses every priority unless it was started with `--scheduling-policy
 * priority`, so somebody has to say that it was (`isOn`); our own worker takes one always. Undefined = none is sent.
 */
export function attachedPriority(
  { engine, isOn }: { engine: string; isOn: boolean },
  priority: number,
): number | undefined {
  if (priority === 0) return undefined;
  switch (engine) {
    case 'embedded':
      return -priority;
    case 'vllm':
      return isOn ? -priority : undefined;
    // Higher first, with `--enable-priority-scheduling`.
    case 'sglang':
      return isOn ? priority : undefined;
    default:
      return undefined;
  }
}
