/** The simulated worker's argv. */
import type { EventEndpoints } from '../../plan/types.js';
import { WorkerArgv } from '../worker-argv.js';
import type { RooflineFacts } from './timing.js';

export interface SimulatedWorkerOptions {
  names: string[];
  host: string;
  port: number;
  contextTokens: number;
  blocks: number;
  blockTokens: number;
  events: EventEndpoints | null;
  facts: RooflineFacts;
  speed: number;
  answerTokens: number;
  passTokens: number | undefined;
  maxRunning: number | undefined;
  /** What is pretended, for the log. */
  hardware: string;
}

const OPTIONS = {
  'served-name': { type: 'string', multiple: true },
  host: { type: 'string', default: '127.0.0.1' },
  port: { type: 'string', default: '0' },
  context: { type: 'string', default: '8192' },
  blocks: { type: 'string' },
  'block-tokens': { type: 'string', default: '64' },
  events: { type: 'string' },
  replay: { type: 'string' },
  topic: { type: 'string', default: '' },
  facts: { type: 'string' },
  speed: { type: 'string', default: '1' },
  'answer-tokens': { type: 'string', default: '128' },
  'pass-tokens': { type: 'string' },
  'max-running': { type: 'string' },
  hardware: { type: 'string', default: 'unknown hardware' },
} as const;

const BLOCKS_MAX = 16_000_000;
const TOKENS_MAX = 2 ** 30;

const reader = new WorkerArgv('It is started by `dynamo up --simulate`.');

/** Throws `usage`. */
export function simulatedWorkerOptions(argv: string[]): SimulatedWorkerOptions {
  const values = reader.parse(argv, OPTIONS);
  const optional = (name: string, text: string | undefined) =>
    text === undefined ? undefined : reader.wholeNumber(name, text, 1, TOKENS_MAX);
  return {
    names: values['served-name'] ?? ['model'],
    host: values.host,
    port: reader.wholeNumber('port', values.port, 0, 65_535),
    contextTokens: reader.wholeNumber('context', values.context, 1, TOKENS_MAX),
    blocks: reader.wholeNumber('blocks', values.blocks ?? '', 1, BLOCKS_MAX),
    blockTokens: reader.wholeNumber('block-tokens', values['block-tokens'], 1, 4_096),
    events: reader.endpoints(values),
    facts: factsOf(values.facts ?? ''),
    speed: number('speed', values.speed),
    answerTokens: reader.wholeNumber('answer-tokens', values['answer-tokens'], 1, TOKENS_MAX),
    passTokens: optional('pass-tokens', values['pass-tokens']),
    maxRunning: optional('max-running', values['max-running']),
    hardware: values.hardware,
  };
}

const FACTS = [
  'activeParameters',
  'weightBytes',
  'activeWeightBytes',
  'kvBytesPerToken',
  'bytesPerSecond',
  'flopsPerSecond',
] as const satisfies readonly (keyof RooflineFacts)[];

function factsOf(text: string): RooflineFacts {
  const parts = text.split(',').map((part) => part.split('='));
  const given = new Map(parts.map(([name = '', value = '']) => [name, value]));
  return Object.fromEntries(
    FACTS.map((name) => [name, number(`facts ${name}`, given.get(name) ?? '')]),
  ) as unknown as RooflineFacts;
}

/** The facts as `--facts` takes them. */
export function factsText(facts: RooflineFacts): string {
  return FACTS.map((name) => `${name}=${facts[name]}`).join(',');
}

function number(name: string, text: string): number {
  const value = Number(text);
  if (text !== '' && Number.isFinite(value) && value >= 0) return value;
  throw reader.wrong(`--${name} must be a number of 0 or more, not ${JSON.stringify(text)}`);
}
