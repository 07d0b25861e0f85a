/** A terminal's cells as SVG. Bars and rules are drawn, not written: fonts differ in how tall they make them. */
import type { Cell } from '../e2e/visible-screen.js';

const WIDTH = 8;
const HEIGHT = 17;
const MARGIN = 14;
const INK = '#d6dde6';
const PAPER = '#0d1117';
const SPARKS = '▁▂▃▄▅▆▇█';
const SHADES: Record<string, number> = { '█': 1, '▓': 0.7, '▒': 0.45, '░': 0.18 };

type Row = readonly (Cell | undefined)[];

/** Empty rows at the end are left out. */
export function terminalSvg(all: readonly Row[], columns: number, title: string): string {
  const rows = all.slice(0, 1 + all.findLastIndex((row) => row.some((cell) => (cell?.text ?? ' ') !== ' ')));
  const width = columns * WIDTH + 2 * MARGIN;
  const height = rows.length * HEIGHT + 2 * MARGIN;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escaped(title)}">
<title>${escaped(title)}</title>
<rect width="${width}" height="${height}" rx="8" fill="${PAPER}"/>
<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="13" fill="${INK}" xml:space="preserve">
${rows.map((row, at) => rowSvg(row, MARGIN + at * HEIGHT)).join('')}</g>
</svg>
`;
}

function rowSvg(row: Row, top: number): string {
  return runsOf(row)
    .map(({ text, look, at }) => {
      const left = MARGIN + at * WIDTH;
      const style = styleOf(look);
      if (isDrawn(text[0]!)) {
        return `<g${style}>${[...text].map((char, index) => drawn(char, left + index * WIDTH, top)).join('')}</g>\n`;
      }
      return `<text x="${left}" y="${top + 13}" textLength="${text.length * WIDTH}"${style}>${escaped(text)}</text>\n`;
    })
    .join('');
}

/** Neighbours of one look, written and drawn ones apart; blanks at the ends are left out. */
function runsOf(row: Row): { text: string; look: string; at: number }[] {
  const runs: { text: string; look: string; at: number }[] = [];
  let isOpen = false;
  row.forEach((cell, at) => {
    const text = cell?.text ?? ' ';
    const last = runs.at(-1);
    const look = cell?.look ?? '';
    if (text === ' ') {
      // A blank stays within a run, two end it: what follows keeps its column in any font.
      if (isOpen && last !== undefined && row[at + 1]?.text.trim()) last.text += text;
      else isOpen = false;
      return;
    }
    if (isOpen && last !== undefined && last.look === look && isDrawn(last.text[0]!) === isDrawn(text))
      last.text += text;
    else runs.push({ text, look, at });
    isOpen = true;
  });
  return runs.map((run) => ({ ...run, text: run.text.trimEnd() }));
}

const isDrawn = (char: string): boolean => char in SHADES || SPARKS.includes(char) || '─│└'.includes(char);

function drawn(char: string, x: number, y: number): string {
  if (char === ' ') return '';
  const middle = y + HEIGHT / 2;
  if (char === '─') return `<rect x="${x}" y="${middle}" width="${WIDTH}" height="1"/>`;
  if (char === '│') return `<rect x="${x + 4}" y="${y}" width="1" height="${HEIGHT}"/>`;
  if (char === '└')
    return `<path d="M${x + 4} ${y}v${HEIGHT / 2 + 1}h${WIDTH - 4}v-1h${5 - WIDTH}v${-HEIGHT / 2}z"/>`;
  const shade = SHADES[char];
  if (shade !== undefined)
    return `<rect x="${x}" y="${y + 1}" width="${WIDTH}" height="${HEIGHT - 2}" opacity="${shade}"/>`;
  const tall = ((SPARKS.indexOf(char) + 1) * (HEIGHT - 2)) / 8;
  return `<rect x="${x}" y="${y + HEIGHT - 1 - tall}" width="${WIDTH - 1}" height="${tall}"/>`;
}

function styleOf(look: string): string {
  const rgb = /38;2;(\d+);(\d+);(\d+)/.exec(look);
  const colour = rgb === null ? '' : ` fill="rgb(${rgb[1]},${rgb[2]},${rgb[3]})"`;
  const codes = look.replace(/38;2;\d+;\d+;\d+/, '').split(';');
  return `${colour}${codes.includes('1') ? ' font-weight="bold"' : ''}${codes.includes('2') ? ' opacity="0.62"' : ''}`;
}

const escaped = (text: string): string => text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);
