/**
 * Which KV events of an attached engine are followed. They name the tokens of prompts, and whoever sends them decides
 * where requests go; over TCP they are neither encrypted nor signed. So from another machine they come only when the
 * user asked, and an engine elsewhere cannot make us open an address of its choice. Pure.
 */
import type { AttachSpec } from './attach-spec.js';
import type { EventEndpoints } from './types.js';

export interface FollowedEvents {
  events: EventEndpoints | null;
  /** What the user must know of it; null = nothing. */
  warning: string | null;
}

/** `told`: what the engine says of one rank; null where it says nothing. */
export function followedEvents(spec: AttachSpec, told: EventEndpoints | null): FollowedEvents {
  if (spec.events === 'none') return { events: null, warning: null };
  if (spec.events !== null) return given(spec, spec.events);
  if (told === null) return { events: null, warning: null };
  const events = spec.replay === null ? told : { ...told, replay: spec.replay };
  if (
    isNearUrl(spec.url) &&
    isNearEndpoint(told.events) &&
    (told.replay === '' || isNearEndpoint(told.replay))
  )
    return { events, warning: null };
  return {
    events: null,
    warning: `${spec.url} tells of KV events at ${told.events}, which are not followed: those of another machine are only when asked for, with events=tcp://HOST:PORT`,
  };
}

/** What an attached engine on another address means for the prompts sent there; null for one on this machine. */
export function plainTextWarning({ url }: AttachSpec): string | null {
  if (isNearUrl(url) || !url.startsWith('http:')) return null;
  return `prompts and answers cross the network to ${url} unencrypted`;
}

function given(spec: AttachSpec, events: string): FollowedEvents {
  const endpoints = { events, replay: spec.replay ?? '', topic: '', isBound: spec.isBound };
  if (isNearEndpoint(events) && (spec.replay === null || isNearEndpoint(spec.replay)))
    return { events: endpoints, warning: null };
  const how = spec.isBound ? `whoever reaches ${events}` : `whoever answers at ${events}`;
  return {
    events: endpoints,
    warning: `KV events of ${spec.url} come over TCP, unencrypted and unsigned: ${how} can mislead the router, and prompts' tokens can be read on the way`,
  };
}

function isNearUrl(url: string): boolean {
  return isLoopback(new URL(url).hostname);
}

function isNearEndpoint(endpoint: string): boolean {
  if (endpoint.startsWith('ipc://')) return true;
  const host = /^tcp:\/\/(.+):\d+$/.exec(endpoint)?.[1];
  return host !== undefined && isLoopback(host);
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host);
}
