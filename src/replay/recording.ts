/**
 * What `dynamo up --record` writes and replay reads: a JSON object per request and line. Lengths, hashes, times, session and
 * priority; never text. A prompt repeats most of the one before it, so only the blocks that differ are written.
 */

export const RECORDING_SCHEMA = 'dynamo.recording.v1';
/** What every version of a recording begins with. */
export const RECORDING_FAMILY = 'dynamo.recording.v';

/** First line of each file. */
export interface RecordingHeader {
  schema: typeof RECORDING_SCHEMA;
  model: string;
  blockTokens: number;
  /** Unix milliseconds the times of the file count from. */
  startedAt: number;
}

export interface RecordedRequest {
  id: string;
  session: string;
  /** Session that started this one as a sub-agent. */
  parent?: string;
  sentMs: number;
  /** Null when no token came. */
  firstTokenMs: number | null;
  endMs: number;
  promptTokens: number;
  cachedTokens: number;
  outputTokens: number;
  priority: number;
  /** Leading blocks equal to those of the session's record before this one in the file. */
  keep: number;
  /** Sequence of block hashes after those, 16 hexadecimal digits each. */
  blocks: string[];
  /** Kinds and tokens of the prompt's regions, in order. */
  parts: [string, number][];
}
