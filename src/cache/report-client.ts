/** A worker's end of the report socket: sends what it does with pages, reconnects when the stack is not there. */
import net from 'node:net';
import { LIMITS } from '../limits.js';
import type { Tier } from '../router/types.js';
import { encodeReport, type Report } from './report-lines.js';
import type { PageFacts, PageObserver, PageTier, PageUse, ReadMiss } from './types.js';

const RECONNECT_MS = 500;

export class ReportClient implements PageObserver {
  readonly #path: string;
  #socket: net.Socket | null = null;
  #retry: NodeJS.Timeout | undefined;
  #hello: Report | null = null;
  /** Sent when the connection stands; the catalogue's scan finds what is lost from here. */
  #waiting: string[] = [];
  #isClosed = false;

  constructor(path: string) {
    this.#path = path;
  }

  /** Connects and stays connected. */
  open(hello: Extract<Report, { type: 'hello' }>): void {
    this.#hello = hello;
    this.#connect();
  }

  stored(tier: PageTier, pages: readonly PageFacts[]): void {
    this.#send({ type: 'stored', tier, pages: [...pages] });
  }

  used(tier: Tier, pages: readonly PageUse[], isWarm: boolean): void {
    this.#send({ type: 'used', tier, pages: [...pages], isWarm });
  }

  dropped(tier: PageTier, pages: number): void {
    this.#send({ type: 'dropped', tier, pages });
  }

  missed(tier: PageTier, keys: readonly bigint[], why: ReadMiss): void {
    this.#send({ type: 'missed', tier, keys: [...keys], why });
  }

  fault(tier: PageTier, message: string | null): void {
    this.#send({ type: 'fault', tier, message });
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#retry);
    this.#socket?.end();
  }

  #send(report: Report): void {
    const line = encodeReport(report);
    if (this.#socket?.readyState === 'open') this.#socket.write(line);
    else if (this.#waiting.length < LIMITS.pageReportsKept) this.#waiting.push(line);
  }

  #connect(): void {
    const socket = net.connect(this.#path);
    this.#socket = socket;
    socket.unref();
    socket.on('connect', () => {
      if (this.#hello !== null) socket.write(encodeReport(this.#hello));
      for (const line of this.#waiting.splice(0)) socket.write(line);
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      if (this.#isClosed) return;
      this.#retry = setTimeout(() => this.#connect(), RECONNECT_MS);
      this.#retry.unref();
    });
  }
}
