/** Where embedded workers go: processors and memory of this machine. Pure. */
import type { EmbeddedVariant, Recipe } from '../recipes/schema.js';
import {
  contextOf,
  type EmbeddedRoom,
  embeddedNeed,
  embeddedRoom,
  kvBytesPerTokenOf,
  SLOTS_MIN,
} from './memory.js';
import { bareWorker, type Placement, type PlacementWishes } from './placement.js';
import type { HostSnapshot } from './types.js';
import { formatBytes, formatCount } from './units.js';

/** Platforms the prebuilt library exists for. */
const PLATFORMS: ReadonlySet<string> = new Set([
  'linux-x64',
  'linux-arm64',
  'darwin-arm64',
  'darwin-x64',
  'win32-x64',
  'win32-arm64',
]);

const WORKERS_DEFAULT = 2;

export function placeEmbedded(
  recipe: Recipe,
  variant: EmbeddedVariant,
  host: HostSnapshot,
  wishes: PlacementWishes,
): Placement {
  const platform = `${host.platform}-${host.arch}`;
  if (!PLATFORMS.has(platform)) {
    return { ok: false, reason: `needs one of ${[...PLATFORMS].join(', ')}, this host is ${platform}` };
  }
  const asked = wishes.workers ?? recipe.defaults.workers ?? WORKERS_DEFAULT;
  const workers = Math.min(asked, host.cpus);
  const room = embeddedRoom(recipe, variant, host, {
    workers,
    slots: wishes.slots,
    budgetBytes: wishes.kvMemoryBytes,
  });
  if (room === null) return { ok: false, reason: tooLittleMemory(recipe, variant, host, wishes) };
  const { notes, reasons } = explain(recipe, variant, host, room, { ...wishes, asked });
  const contextTokens = contextOf(recipe, variant);
  return {
    ok: true,
    workers: Array.from({ length: room.workers }, (_, index) => ({
      ...bareWorker(`w${index}`, 'embedded', contextTokens, variant.block_tokens),
      slots: room.slots,
      memoryBytes: room.totalBytes / room.workers,
      kvBlocks: Math.floor((room.slots * contextTokens) / variant.block_tokens),
    })),
    engineArgs: [],
    reasons,
    notes,
  };
}

function explain(
  recipe: Recipe,
  variant: EmbeddedVariant,
  host: HostSnapshot,
  room: EmbeddedRoom,
  wishes: PlacementWishes & { asked: number },
): { reasons: string[]; notes: string[] } {
  const { asked } = wishes;
  const context = contextOf(recipe, variant);
  const perToken = kvBytesPerTokenOf(recipe, variant);
  const slots = `${room.slots} slots × ${formatCount(context)} tokens × ${formatCount(perToken)} B`;
  const notes = [
    `KV memory per worker: ${slots} = ${formatBytes(room.slots * room.slotBytes)}`,
    `per worker: ${formatBytes(room.fixedBytes)} for weights and buffers + KV = ${formatBytes(room.totalBytes / room.workers)}`,
    `${room.workers === 1 ? 'in all' : `all ${room.workers} workers`}: ${formatBytes(room.totalBytes)} of ${formatBytes(host.memoryBytes)}; the bound is ${formatBytes(room.budgetBytes)}`,
  ];
  const reasons: string[] = [];
  if (room.workers < Math.min(asked, host.cpus))
    reasons.push(`${room.workers} ${plural(room.workers)} instead of ${asked}: memory is short`);
  else if (room.workers < asked)
    reasons.push(
      `${room.workers} ${plural(room.workers)} instead of ${asked}: each needs a processor of its own (${host.cpus} here)`,
    );
  // A user who asked for fewer needs no reason.
  if (wishes.slots === undefined && room.slots < variant.slots)
    reasons.push(`${room.slots} slots instead of ${variant.slots}: that is what fits into the bound`);
  if (room.totalBytes > room.budgetBytes)
    reasons.push('more than the memory bound: the least that works takes this much');
  return { reasons, notes };
}

function tooLittleMemory(
  recipe: Recipe,
  variant: EmbeddedVariant,
  host: HostSnapshot,
  wishes: PlacementWishes,
): string {
  const slots = wishes.slots ?? Math.min(SLOTS_MIN, variant.slots);
  const { neededBytes, usableBytes } = embeddedNeed(recipe, variant, host, slots);
  const needed = `needs ${formatBytes(neededBytes)} of memory (weights, buffers and ${slots} slots)`;
  return `${needed}, this host has ${formatBytes(host.freeMemoryBytes)} free and workers may take ${formatBytes(usableBytes)} of it`;
}

const plural = (workers: number): string => (workers === 1 ? 'worker' : 'workers');
