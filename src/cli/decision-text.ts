/** A routing decision as a table: one row per worker, one column per cost term. */

interface DecisionRow {
  worker: string;
  overlap: Record<string, number>;
  load: { activeRequests: number; prefillTokens: number };
  terms: Record<string, number>;
}

interface DecisionShape {
  requestId: string;
  worker: string;
  policy: string;
  reason: string;
  fault?: string;
  promptTokens: number;
  predictedTokens: number;
  reachableTokens: number;
  decideMs: number;
  queueMs: number;
  candidates: DecisionRow[];
  request?: {
    dialect: string;
    key?: string | null;
    continued?: { from: string; to: string; tokens: number; reason: string }[];
    session: { id: string; harness: string; role: string } | null;
    hints: {
      priority: number;
      isPriorityGiven?: boolean;
      strictPriority: number;
      osl?: number;
      speculativePrefill: boolean;
      cacheControl?: { ttlSeconds: number };
      cacheSalt?: string;
      workerPin?: string;
    };
  } | null;
  miss?: {
    cause: string;
    detail: string;
    cachedTokens: number;
    repeatedTokens: number;
    divergence: { token: number; message: number; role: string | null; kind: string } | null;
  } | null;
}

/** `value` is the answer of `GET /dynamo/v1/requests/{id}`. Terms that are 0 for every worker are left out. */
export function decisionText(value: unknown): string {
  const decision = value as DecisionShape;
  const { candidates } = decision;
  const terms = Object.keys(candidates[0]?.terms ?? {}).filter((name) =>
    candidates.some((row) => row.terms[name] !== 0),
  );
  const head = ['worker', 'held blocks', 'active', 'queued tokens', ...terms];
  const rows = candidates.map(({ worker, overlap, load, terms: costs }) => [
    worker === decision.worker ? `${worker} *` : worker,
    String(Object.values(overlap).reduce((sum, blocks) => sum + blocks, 0)),
    String(load.activeRequests),
    String(load.prefillTokens),
    ...terms.map((name) => (costs[name] ?? 0).toFixed(1)),
  ]);
  return [
    `request    ${decision.requestId}`,
    `worker     ${decision.worker} by policy ${decision.policy}: ${decision.reason}`,
    ...(decision.fault === undefined ? [] : [`fault      the policy ${decision.fault}`]),
    `prompt     ${decision.promptTokens} tokens; ${decision.predictedTokens} expected in its cache, ${decision.reachableTokens} reachable`,
    ...senderLines(decision),
    ...missLines(decision),
    ...continuedLines(decision),
    `time       ${decision.decideMs.toFixed(2)} ms to decide, ${decision.queueMs.toFixed(1)} ms in the queue`,
    '',
    ...table([head, ...rows]),
  ].join('\n');
}

function senderLines({ request }: DecisionShape): string[] {
  if (request === undefined || request === null) return [];
  const { dialect, key, session, hints } = request;
  const sender =
    session === null ? 'no session' : `${session.role} of session ${session.id} (${session.harness})`;
  const given = [
    ...(hints.priority === 0 && hints.isPriorityGiven !== true
      ? []
      : [`priority ${hints.priority}${hints.isPriorityGiven === true ? '' : ' by lineage'}`]),
    ...(hints.strictPriority === 0 ? [] : [`tier ${hints.strictPriority}`]),
    ...(hints.osl === undefined ? [] : [`${hints.osl} tokens of output expected`]),
    ...(hints.speculativePrefill ? ['next turn to be prefilled'] : []),
    ...(hints.cacheControl === undefined ? [] : [`kept for ${hints.cacheControl.ttlSeconds} s`]),
    ...(hints.cacheSalt === undefined ? [] : ['cache set apart']),
    ...(hints.workerPin === undefined ? [] : [`pinned to ${hints.workerPin}`]),
  ];
  return [
    `sender     ${dialect}, ${sender}${key === undefined || key === null ? '' : `, key ${key}`}`,
    ...(given.length === 0 ? [] : [`hints      ${given.join(', ')}`]),
  ];
}

function continuedLines({ request }: DecisionShape): string[] {
  return (request?.continued ?? []).map(
    ({ from, to, tokens, reason }) => `continued  from ${from} to ${to} after ${tokens} tokens: ${reason}`,
  );
}

function missLines({ miss }: DecisionShape): string[] {
  if (miss === undefined || miss === null) return [];
  const { cause, detail, cachedTokens, repeatedTokens, divergence } = miss;
  const lines = [`cache      ${cachedTokens} tokens read; ${cause.replaceAll('_', ' ')}: ${detail}`];
  if (divergence !== null) {
    const message =
      divergence.message < 0
        ? ''
        : `, in message ${divergence.message} (${divergence.role ?? divergence.kind})`;
    lines.push(`differs    from the session's last prompt at token ${divergence.token}${message}`);
  }
  if (repeatedTokens > 0) lines.push(`repeated   ${repeatedTokens} tokens had been computed before`);
  return lines;
}

function table(rows: readonly string[][]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  '),
  );
}
