/** Calls one after the other between a format's markers. */
import type { Body, ParsedCall } from './types.js';

/** One call and what follows it, or why there is none. */
export type Invocation = { call: ParsedCall; rest: string } | Exclude<Body, ParsedCall[]>;

/** All of `body` must be calls; `readOne` reads the first of a text. At the end of an output half a call is text. */
export function readInvocations(body: string, isLast: boolean, readOne: (text: string) => Invocation): Body {
  const calls: ParsedCall[] = [];
  for (let rest = body; rest.trim() !== ''; ) {
    const read = readOne(rest);
    if (typeof read === 'string') return isLast && read === 'incomplete' ? 'text' : read;
    calls.push(read.call);
    rest = read.rest;
  }
  return calls.length === 0 ? 'text' : calls;
}
