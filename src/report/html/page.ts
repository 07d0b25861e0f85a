/** The report as one HTML file: no script, no font, no picture from elsewhere, and a policy that forbids them. */
import type { ReportData } from '../types.js';
import { latencySection, missSection, overTimeSection, sessionSection, tierSection } from './sections.js';
import { STYLE } from './style.js';
import { count, escapeHtml, moment, percent, since } from './text.js';

const POLICY = "default-src 'none'; style-src 'unsafe-inline'";

export function reportPage(data: ReportData): string {
  const title = `dynamo report: ${data.name}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
${head(data)}
${cards(data)}
${overTimeSection(data)}
${latencySection(data)}
${tierSection(data)}
${missSection(data)}
${sessionSection(data)}
${foot(data)}
</main>
</body>
</html>
`;
}

function head({ name, model, marks, facts, from, to, source }: ReportData): string {
  const marked = marks.map((mark) => `<span class="mark">${escapeHtml(mark)}</span>`).join('');
  const told = [['model', model] as const, ...facts].map(([key, value]) => `${key} ${value}`).join(' · ');
  const what = source === 'run' ? 'A running stack' : 'A recording';
  return `<header><h1>${escapeHtml(name)}${marked}</h1>
<p>${escapeHtml(told)}<br>${what}, ${moment(from)} to ${moment(to)} (${since(to - from)})</p></header>`;
}

function cards({ tokens, requests }: ReportData): string {
  const share = (part: number) => (tokens.prompt === 0 ? null : Math.min(1, part / tokens.prompt));
  const all: [value: string, name: string][] = [
    [percent(share(tokens.cached)), 'hit rate: cached ÷ prompt tokens'],
    [percent(share(tokens.reachable)), 'reachable with one unlimited cache'],
    ...(tokens.predicted === null
      ? []
      : [[percent(share(tokens.predicted)), 'predicted by the router'] as [string, string]]),
    [count(tokens.prompt), 'prompt tokens'],
    [count(tokens.generated), 'tokens generated'],
    [`${requests.total}`, requestWords(requests)],
  ];
  const cells = all.map(([value, name]) => `<div class="card"><b>${value}</b><span>${name}</span></div>`);
  return `<div class="cards">${cells.join('')}</div>`;
}

function requestWords({ failed, cancelled, rejected }: ReportData['requests']): string {
  if (failed === null) return 'requests answered';
  return `requests: ${failed} failed, ${cancelled} cancelled, ${rejected} refused`;
}

function foot({ notes }: ReportData): string {
  const words = [
    ...notes,
    'Hit rates are weighted by tokens, cached and prompt tokens as the engines report them.',
  ];
  return `<footer>${words.map((word) => `<p>${escapeHtml(word)}</p>`).join('')}</footer>`;
}
