/** What the benchmark's processes say to each other, and what comes out. */

/**
 * What a request's body is: `next` = the same session with one turn more, `repeated` = the same bytes again, `cold` = a
 * conversation never seen before.
 */
export type Mode = 'next' | 'repeated' | 'cold';

export interface Cell {
  mode: Mode;
  bodyBytes: number;
  isStream: boolean;
  connections: number;
}

/** One measurement of one candidate. */
export interface MeasureJob extends Cell {
  kind: 'measure';
  url: string;
  /** Process whose CPU and memory are read; the candidate's, nobody else's. */
  pid: number;
  requests: number;
  seed: number;
}

/** Many slow streams at once. */
export interface StreamsJob {
  kind: 'streams';
  url: string;
  pid: number;
  streams: number;
  bodyBytes: number;
  seed: number;
}

/** A long run of growing and ending sessions; `progress` comes back all the while. */
export interface SoakJob {
  kind: 'soak';
  url: string;
  connections: number;
  requests: number;
  bodyBytes: number;
  seed: number;
}

export type DriverJob = MeasureJob | StreamsJob | SoakJob;

/** Milliseconds, per request in the order they ended. */
export interface Measured {
  latencyMs: number[];
  firstByteMs: number[];
  failures: string[];
  wallSeconds: number;
  /** CPU of the candidate over the measured part; null where the system does not tell. */
  cpuSeconds: number | null;
  driverCpuSeconds: number;
  residentBytes: number | null;
}

export interface StreamsMeasured {
  tokens: number;
  /** Token sent by the upstream → token in the client, in milliseconds. */
  delayMs: { p50: number; p99: number; max: number };
  /** How much longer the pause before a token was for the client than at the upstream, in milliseconds. */
  stallMs: { p50: number; p99: number; p999: number; max: number };
  failures: string[];
  /** Share of one core, while all streams ran. */
  cpuShare: number | null;
  residentBytes: number | null;
}

export interface SoakMeasured {
  failures: string[];
  wallSeconds: number;
}

export type DriverAnswer = Measured | StreamsMeasured | SoakMeasured;

/** After `opened` the driver waits for `go`: what came before does not count. */
export type DriverOrder = DriverJob | { kind: 'go' };

export type DriverMessage =
  | { type: 'ready' }
  | { type: 'opened' }
  | { type: 'progress'; requests: number }
  | { type: 'done'; answer: DriverAnswer }
  | { type: 'failed'; message: string };
