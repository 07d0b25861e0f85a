/** Figures and texts as a page shows them: the same units as on the screen. */

/** Text from outside: nothing in it is markup. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}

export const percent = (share: number | null): string =>
  share === null ? '–' : `${(100 * share).toFixed(1)} %`;

export function count(value: number): string {
  if (value >= 999_500) return `${(value / 1e6).toFixed(1)}M`;
  if (value >= 10_000) return `${Math.round(value / 1e3)}k`;
  return value >= 1_000 ? `${(value / 1e3).toFixed(1)}k` : `${Math.round(value)}`;
}

export function seconds(value: number | null): string {
  if (value === null) return '–';
  if (value === 0) return '0';
  if (value < 0.001) return `${(value * 1_000).toFixed(2)} ms`;
  if (value < 0.01) return `${(value * 1_000).toFixed(1)} ms`;
  if (value < 10) return value < 1 ? `${Math.round(value * 1_000)} ms` : `${value.toFixed(1)} s`;
  return value < 120 ? `${Math.round(value)} s` : `${Math.round(value / 60)} min`;
}

export function bytes(value: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let at = 0;
  let rest = value;
  while (rest >= 1_024 && at < units.length - 1) {
    rest /= 1_024;
    at += 1;
  }
  return `${at === 0 ? rest : rest.toFixed(1)} ${units[at]}`;
}

/** UTC, so that a page says the same wherever it is made. */
export const moment = (at: number): string =>
  `${new Date(at).toISOString().slice(0, 19).replace('T', ' ')} UTC`;

/** From the start of the run. */
export function since(ms: number): string {
  const total = Math.round(ms / 1_000);
  if (total < 120) return `${total} s`;
  if (total < 7_200) return `${Math.round(total / 60)} min`;
  return `${(total / 3_600).toFixed(1)} h`;
}
