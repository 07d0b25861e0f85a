/** What a simulated model says: plain words, the same for the same prompt. */
import type { CoreJob } from '../embedded/types.js';
import { parseGrammar } from './grammar-reader.js';
import { shortestText } from './grammar-writer.js';
import { END_TOKEN, simulatedTokenizer } from './tokens.js';

export interface Answer {
  tokens: Uint32Array;
  /** It ends by itself; else the bound cut it. */
  isWhole: boolean;
}

/** Four letters and a blank are one token. */
const WORDS = (
  'able area base bear bind blue body bold book both call calm case code cold copy core data deep done door down draw ' +
  'each edge even fact fair fast file find firm flow fold form free full gate give glad gold good grow half hand hard ' +
  'have head help hold home idea into item join just keep kind know land last late lead left life like line link list ' +
  'long look loop made main make many mark mind more most move much name near need next node note once only open over ' +
  'page part past path plan play pool pure push rate read real rest ring road role room root rule safe same seek seem ' +
  'send show side sign size slow some sort star step such sure take talk task tell term test text then they this thus ' +
  'time tool tree true turn type unit upon user very view wait walk warm wave ways well wide will wind wise with word'
).split(' ');

const SENTENCE_WORDS = { least: 5, spread: 9 };
/** Prompt tokens at the end that decide what is said. */
const SEED_TOKENS = 256;

/** Throws `invalid_request` for a grammar that cannot be written. `mean` = tokens of an answer nobody bounds. */
export function answerOf(job: CoreJob, mean: number): Answer {
  const { grammar } = job.sampling;
  const whole = grammar === undefined ? spoken(job, mean) : written(grammar);
  const stop = whole.findIndex((token) => job.stopTokens?.has(token) === true);
  const ended = stop === -1 ? whole : whole.subarray(0, stop);
  const tokens = ended.length > job.maxTokens ? ended.slice(0, job.maxTokens) : ended;
  const isCut = tokens.length < ended.length || (job.ignoreEos === true && grammar === undefined);
  // The pass that ends an empty answer still computes one token.
  return { tokens: tokens.length === 0 ? Uint32Array.of(END_TOKEN) : tokens, isWhole: !isCut };
}

function written(grammar: string): Uint32Array {
  return simulatedTokenizer.encodePlain(shortestText(parseGrammar(grammar)));
}

function spoken({ tokens, sampling, maxTokens, ignoreEos }: CoreJob, mean: number): Uint32Array {
  const random = randomOf(seedOf(tokens, sampling.seed ?? 0));
  const natural = Math.max(1, Math.round(mean * (0.5 + random())));
  const wanted = ignoreEos === true ? maxTokens : Math.min(natural, maxTokens);
  let text = '';
  // A sentence has at least as many tokens as words.
  for (let count = 0; count < wanted; ) {
    const length = SENTENCE_WORDS.least + Math.floor(random() * SENTENCE_WORDS.spread);
    const words = Array.from({ length }, () => WORDS[Math.floor(random() * WORDS.length)] as string);
    const sentence = words.join(' ');
    text += `${text === '' ? '' : ' '}${sentence[0]?.toUpperCase()}${sentence.slice(1)}.`;
    count += length + 1;
  }
  return simulatedTokenizer.encodePlain(text);
}

/** FNV-1a over the end of the prompt, its length and the client's seed. */
function seedOf(tokens: Uint32Array, seed: number): number {
  let hash = 0x811c9dc5;
  const mix = (value: number): void => {
    hash = Math.imul(hash ^ value, 0x01000193) >>> 0;
  };
  for (const token of tokens.subarray(-SEED_TOKENS)) mix(token);
  mix(tokens.length);
  mix(seed);
  return hash;
}

/** mulberry32: numbers in [0, 1). */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
