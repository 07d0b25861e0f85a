/** Asking a worker whether it can serve, until it says yes. */
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { LIMITS } from '../limits.js';

export interface ReadinessQuestion {
  host: string;
  port: number;
  /** GET path that answers 200 when the worker can serve. */
  path: string;
  timeoutMs: number;
  /** Ends the asking: the process is gone or no longer wanted. */
  signal: AbortSignal;
}

const FIRST_PAUSE_MS = 25;
const PAUSE_MAX_MS = 500;
const PAUSE_GROWTH = 1.25;

/** `ready`, `late` after `timeoutMs`, or `aborted`; never rejects. Asks often at first, twice a second later. */
export async function waitUntilReady(question: ReadinessQuestion): Promise<'ready' | 'late' | 'aborted'> {
  const deadline = performance.now() + question.timeoutMs;
  for (let pauseMs = FIRST_PAUSE_MS; performance.now() < deadline; pauseMs *= PAUSE_GROWTH) {
    if (await isHealthy(question)) return question.signal.aborted ? 'aborted' : 'ready';
    const leftMs = Math.max(0, deadline - performance.now());
    await sleep(Math.min(pauseMs, PAUSE_MAX_MS, leftMs), undefined, { signal: question.signal }).catch(
      () => {},
    );
    if (question.signal.aborted) return 'aborted';
  }
  return 'late';
}

function isHealthy({ host, port, path, signal }: ReadinessQuestion): Promise<boolean> {
  return new Promise((resolve) => {
    const options = { host, port, path, signal, agent: false, timeout: LIMITS.probeTimeoutMs };
    const request = http.get(options, (response) => {
      response.resume();
      response.on('error', () => {});
      resolve(response.statusCode === 200);
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(false));
    request.on('close', () => resolve(false));
  });
}
