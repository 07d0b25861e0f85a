/** A replay in words and columns. */
import type { Fairness } from './fairness.js';
import type { ReplayFigures } from './metrics.js';

/** What the run was told to use, as in the JSON. */
export interface ReportConfig {
  workers: number;
  blocks: number;
  /** Blocks of the host's memory below all workers. */
  tierBlocks: number;
  blockSize: number;
  router: string;
  retention: string;
  /** Speed of each worker as a factor; null = equal. */
  workerSpeed: number[] | null;
  seed: number;
  recipe: string | null;
  hardware: string;
}

export interface ReplayReport extends ReplayFigures {
  fairness: Fairness | null;
  config: ReportConfig;
  trace: { format: string; files: string[]; uniqueBlocks: number; notes: string[] };
}

/** One run, or a table with a line per router. */
export function replayText(reports: readonly ReplayReport[]): string {
  const [first] = reports;
  if (first === undefined) return '';
  const lines = [...headLines(first), ''];
  if (reports.length === 1) lines.push(...runLines(first));
  else lines.push(...tableLines(reports));
  return `${lines.join('\n')}\n`;
}

function headLines({
  trace,
  config,
  requests,
  sessions,
  promptTokens,
  refused,
  ...figures
}: ReplayReport): string[] {
  const cache = config.workers * config.blocks;
  const share =
    trace.uniqueBlocks === 0
      ? ''
      : ` = ${(cache / trace.uniqueBlocks).toFixed(2)} × the trace's ${count(trace.uniqueBlocks)} distinct blocks`;
  const conversations = sessions === requests ? '' : ` of ${count(sessions)} conversations`;
  return [
    `trace      ${trace.format}, ${count(requests)} requests${conversations}, ${count(promptTokens)} prompt tokens`,
    `workers    ${config.workers} × ${count(config.blocks)} blocks of ${config.blockSize} tokens${share}`,
    ...(config.tierBlocks === 0
      ? []
      : [`tier       host memory of ${count(config.tierBlocks)} blocks, shared`]),
    ...(config.workerSpeed === null ? [] : [`speeds     ${config.workerSpeed.join(', ')}`]),
    `simulated  ${config.hardware}; seed ${config.seed}; nothing was computed`,
    `reachable  ${percent(figures.hitRateReachable)} of prompt tokens, with one endless cache`,
    ...(refused > 0 ? [`refused    ${count(refused)} requests are larger than a worker's memory`] : []),
    ...trace.notes.map((note) => `note       ${note}`),
  ];
}

function runLines(report: ReplayReport): string[] {
  const { ttftMs, itlMs, e2eMs, fairness, workers, byKind, byPriority } = report;
  const row = (name: string, of: ReplayFigures['ttftMs']): string =>
    `  ${name.padEnd(12)}${[of.mean, of.p50, of.p90, of.p95, of.p99].map((ms) => duration(ms).padStart(10)).join('')}`;
  const lines = [
    `router     ${report.config.router}, retention ${report.config.retention}`,
    `hits       ${percent(report.hitRate)} of prompt tokens, ${report.readWriteRatio.toFixed(2)} read per token computed`,
    ...(report.tiers.length < 2 || report.promptTokens === 0
      ? []
      : [
          `tiers      ${report.tiers.map(({ name, hitTokens }) => `${name} ${percent(hitTokens / report.promptTokens)}`).join(', ')}`,
        ]),
    ...(report.survived === null
      ? []
      : [
          `contexts   ${percent(report.survived)} of the turns that go on with a conversation found all of it`,
        ]),
    `makespan   ${duration(report.makespanS * 1000)}, longest wait ${duration(report.longestWaitS * 1000)}`,
    ...(fairness === null ? [] : [`sessions   ${fairnessText(fairness)}, ${count(report.moves)} moves`]),
    '',
    `  ${''.padEnd(12)}${['mean', 'p50', 'p90', 'p95', 'p99'].map((name) => name.padStart(10)).join('')}`,
    row('first token', ttftMs),
    row('next token', itlMs),
    row('whole', e2eMs),
  ];
  const priorities = Object.entries(byPriority);
  if (priorities.length > 1) {
    for (const [priority, { ttftMs: of }] of priorities) lines.push(row(`priority ${priority}`, of));
  }
  const busiest = Math.max(1e-9, report.makespanS);
  lines.push('', '  worker      requests      hits      busy');
  for (const worker of workers) {
    const hits = worker.promptTokens === 0 ? 0 : worker.cachedTokens / worker.promptTokens;
    const cells = [
      count(worker.requests).padStart(8),
      percent(hits).padStart(10),
      percent(worker.busyS / busiest).padStart(10),
    ];
    lines.push(`  ${worker.id.padEnd(12)}${cells.join('')}`);
  }
  const kinds = Object.entries(byKind);
  if (kinds.length > 1) {
    lines.push('', '  part of prompts    tokens      hits');
    for (const [kind, { tokens, cached }] of kinds) {
      lines.push(
        `  ${kind.padEnd(15)}${count(tokens).padStart(10)}${percent(tokens === 0 ? 0 : cached / tokens).padStart(10)}`,
      );
    }
  }
  return lines;
}

function tableLines(reports: readonly ReplayReport[]): string[] {
  const width = Math.max(8, ...reports.map(({ config }) => config.router.length)) + 2;
  const head = [
    'retention',
    'hits',
    'ttft mean',
    'p50',
    'p99',
    'makespan',
    'wait max',
    'slowdown',
    'Jain',
    'moves',
  ];
  const lines = [`  ${'router'.padEnd(width)}${head.map((name) => name.padStart(11)).join('')}`];
  for (const { config, hitRate, ttftMs, makespanS, longestWaitS, fairness, moves } of reports) {
    const cells = [
      config.retention,
      percent(hitRate),
      duration(ttftMs.mean),
      duration(ttftMs.p50),
      duration(ttftMs.p99),
      duration(makespanS * 1000),
      duration(longestWaitS * 1000),
      fairness === null ? '–' : `${fairness.slowdown.mean.toFixed(2)} ×`,
      fairness === null ? '–' : fairness.jain.toFixed(3),
      count(moves),
    ];
    lines.push(`  ${config.router.padEnd(width)}${cells.map((cell) => cell.padStart(11)).join('')}`);
  }
  return lines;
}

const fairnessText = ({ slowdown, jain }: Fairness): string =>
  `${slowdown.mean.toFixed(2)} × the time alone (worst ${slowdown.worst.toFixed(2)} ×), Jain ${jain.toFixed(3)}`;

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

const count = (value: number): string => Math.round(value).toLocaleString('en-US');

function duration(ms: number): string {
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 10_000) return `${count(ms)} ms`;
  return `${count(ms / 1000)} s`;
}
