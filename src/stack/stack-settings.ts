/** `--set key=value` pairs that are not the recipe's: the gateway's, the router's and the stack's own. */
import { DynamoError } from '../errors.js';
import { LIMITS } from '../limits.js';
import { DYNAMO_DEFAULTS, type DynamoKnobs } from '../router/policies/dynamo.js';
import { QUEUE_ORDERS } from '../router/queue-order.js';
import { DEFAULT_SETTINGS, type RouterSettings } from '../router/settings.js';
import { PARSER_DEFAULTS, type ParserSettings, parserReasoning, parserTools } from './parser-net.js';
import { NEXT_TURNS, WARM_DEFAULTS, type WarmChoice } from './warm-settings.js';

export interface StackSettings {
  /** Largest request body. */
  bodyBytes: number;
  /** Serve requests for any model name; agents insist on their own. */
  acceptAnyModel: boolean;
  /** Times one answer goes on at another worker when its own is lost; 0 = never. */
  continuations: number;
  /** Where answers of `/v1/responses` are kept. */
  responsesStore: 'memory' | 'disk';
  /** Milliseconds running requests have when the stack drains. */
  drainMs: number;
  router: Partial<RouterSettings>;
  /** Knobs of policy `dynamo`. */
  dynamo: Partial<DynamoKnobs>;
  parsers: ParserSettings;
  warm: WarmChoice;
}

type Reader = (settings: StackSettings, key: string, value: string) => void;

const READERS: Record<string, Reader> = {
  'limits.body_bytes': (settings, key, value) => {
    settings.bodyBytes = wholeNumber(key, value, 1);
  },
  'gateway.accept_any_model': (settings, key, value) => {
    settings.acceptAnyModel = truth(key, value);
  },
  'gateway.continuations': (settings, key, value) => {
    settings.continuations = wholeNumber(key, value, 0);
  },
  'responses.store': (settings, key, value) => {
    if (value !== 'memory' && value !== 'disk') throw invalid(key, value, 'memory or disk');
    settings.responsesStore = value;
  },
  'parser.tools': (settings, _key, value) => {
    settings.parsers = { ...settings.parsers, tools: parserTools(value) };
  },
  'parser.reasoning': (settings, _key, value) => {
    settings.parsers = { ...settings.parsers, reasoning: parserReasoning(value) };
  },
  'warm.share': (settings, key, value) => {
    const share = amount(key, value);
    if (share >= 1) throw invalid(key, value, 'a number from 0 to below 1');
    settings.warm = { ...settings.warm, share };
  },
  'warm.next_turn': (settings, key, value) => {
    const nextTurn = NEXT_TURNS.find((known) => known === value);
    if (nextTurn === undefined) throw invalid(key, value, `one of ${NEXT_TURNS.join(', ')}`);
    settings.warm = { ...settings.warm, nextTurn };
  },
  drain_ms: (settings, key, value) => {
    settings.drainMs = wholeNumber(key, value, 0);
  },
  ...Object.fromEntries(
    Object.keys(DEFAULT_SETTINGS).map((name) => [
      `router.${snake(name)}`,
      routerReader(name as keyof RouterSettings),
    ]),
  ),
  ...Object.fromEntries(
    Object.keys(DYNAMO_DEFAULTS).map((name) => [
      `router.${snake(name)}`,
      knobReader(name as keyof DynamoKnobs),
    ]),
  ),
};

/** Throws `usage` for a key nobody knows or a value that cannot be. */
export function readStackSettings(pairs: Record<string, string>): StackSettings {
  const settings: StackSettings = {
    bodyBytes: LIMITS.bodyBytes,
    acceptAnyModel: false,
    continuations: LIMITS.continuations,
    responsesStore: 'memory',
    drainMs: LIMITS.drainMs,
    router: {},
    dynamo: {},
    parsers: PARSER_DEFAULTS,
    warm: WARM_DEFAULTS,
  };
  for (const [key, value] of Object.entries(pairs)) {
    const reader = Object.hasOwn(READERS, key) ? READERS[key] : undefined;
    if (reader === undefined) {
      const known = [
        'context',
        'slots',
        'kv_memory',
        'requantize',
        'simulator.speed',
        'simulator.kv_blocks',
        'simulator.answer_tokens',
        'args.FLAG',
        'env.NAME',
        ...Object.keys(READERS),
      ].join(', ');
      throw new DynamoError('usage', {
        detail: `There is no setting \`${key}\`.`,
        remedy: `Known: ${known}.`,
      });
    }
    reader(settings, key, value);
  }
  return settings;
}

function routerReader(name: keyof RouterSettings): Reader {
  return (settings, key, value) => {
    if (name === 'queueOrder') {
      const order = QUEUE_ORDERS.find((known) => known === value);
      if (order === undefined) throw invalid(key, value, `one of ${QUEUE_ORDERS.join(', ')}`);
      settings.router.queueOrder = order;
      return;
    }
    settings.router[name] = amount(key, value);
  };
}

function knobReader(name: keyof DynamoKnobs): Reader {
  return (settings, key, value) => {
    settings.dynamo[name] = amount(key, value);
  };
}

function amount(key: string, value: string): number {
  const number = Number(value);
  if (value !== '' && Number.isFinite(number) && number >= 0) return number;
  throw invalid(key, value, 'a number of 0 or more');
}

function wholeNumber(key: string, value: string, min: number): number {
  const number = Number(value);
  if (value !== '' && Number.isSafeInteger(number) && number >= min) return number;
  throw invalid(key, value, `a whole number of ${min} or more`);
}

function truth(key: string, value: string): boolean {
  if (value === 'true' || value === 'false') return value === 'true';
  throw invalid(key, value, 'true or false');
}

function invalid(key: string, value: string, expected: string): DynamoError {
  return new DynamoError('usage', {
    detail: `\`--set ${key}=${value}\` is not valid.`,
    remedy: `It must be ${expected}.`,
  });
}

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
