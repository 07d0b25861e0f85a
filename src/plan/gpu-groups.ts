/** Which GPUs a worker gets together: those that NVLink joins, as far as there are such. Pure. */
import type { GpuInfo } from './types.js';

/** `NV18`: a bonded set of 18 NVLinks. */
const NVLINK = /^NV\d+$/;

/**
 * As many groups of `size` as there are, in the order workers take them: first those within one island of NVLinks, then
 * what is left over, by index. Without a table of links neighbours by index stay together.
 */
export function groupGpus(gpus: readonly GpuInfo[], size: number, links?: string[][]): GpuInfo[][] {
  const islands = links === undefined ? [[...gpus]] : islandsOf(gpus, links);
  const within = islands.flatMap((island) => chunks(island, size));
  const taken = new Set(within.flat());
  return [
    ...within,
    ...chunks(
      gpus.filter((gpu) => !taken.has(gpu)),
      size,
    ),
  ];
}

/** How a worker's GPUs are linked, one sentence; null for a single one, or where nothing is known. */
export function linkText(gpus: readonly GpuInfo[], links?: string[][]): string | null {
  if (links === undefined || gpus.length < 2) return null;
  const ways = pairs(gpus).map(([a, b]) => ({ a, b, way: links[a.index]?.[b.index] }));
  if (ways.some(({ way }) => way === undefined)) return null;
  const slow = ways.find(({ way }) => !NVLINK.test(way as string));
  if (slow === undefined) return `its GPUs are joined by NVLink (${ways[0]!.way})`;
  return `GPUs ${slow.a.index} and ${slow.b.index} are joined over PCIe only (${slow.way}): every token of a worker crosses it`;
}

/** GPUs that reach each other over NVLinks, the largest set first. */
function islandsOf(gpus: readonly GpuInfo[], links: string[][]): GpuInfo[][] {
  const islands: GpuInfo[][] = [];
  for (const gpu of gpus) {
    const isJoined = (other: GpuInfo): boolean => NVLINK.test(links[gpu.index]?.[other.index] ?? '');
    const joined = islands.filter((island) => island.some(isJoined));
    for (const island of joined) islands.splice(islands.indexOf(island), 1);
    islands.push([...joined.flat(), gpu]);
  }
  const inOrder = islands.map((island) => island.sort((a, b) => a.index - b.index));
  return inOrder.sort((a, b) => b.length - a.length || a[0]!.index - b[0]!.index);
}

const chunks = (gpus: readonly GpuInfo[], size: number): GpuInfo[][] =>
  Array.from({ length: Math.floor(gpus.length / size) }, (_, at) => gpus.slice(at * size, (at + 1) * size));

const pairs = (gpus: readonly GpuInfo[]): [GpuInfo, GpuInfo][] =>
  gpus.flatMap((a, at) => gpus.slice(at + 1).map((b): [GpuInfo, GpuInfo] => [a, b]));
