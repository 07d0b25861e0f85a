/** Bytes and counts as people read them. Memory is shown in binary units, because that is what runs out. */

export const GIB = 1024 ** 3;
export const MIB = 1024 ** 2;
export const KIB = 1024;

/** `1.41 GiB`, `189 MiB`. */
export function formatBytes(bytes: number): string {
  if (bytes >= GIB) return `${trim(bytes / GIB)} GiB`;
  return `${trim(bytes / MIB)} MiB`;
}

/** `202,752`. */
export function formatCount(count: number): string {
  // A locale's own way costs 40 ms the first time.
  return String(Math.round(count)).replace(/\B(?=(\d{3})+$)/g, ',');
}

function trim(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
