/** Stands between a worker's KV events and the stack: passes them on, or loses, holds up, swaps, cuts, repeats and floods. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Publisher, Subscriber } from 'zeromq';
import type { Chance } from './chance.js';
import type { Fault } from './faults.js';

type Way = 'pass' | 'lose' | 'hold' | 'swap' | 'cut' | 'repeat';

export class EventProxy {
  readonly #from = new Subscriber();
  readonly #to = new Publisher();
  #way: Way = 'pass';
  #held: Buffer[][] = [];
  #last: Buffer[] | undefined;
  passed = 0;
  harmed = 0;

  /** Endpoints in ZeroMQ's form; `to` is bound here. */
  static async open(from: string, to: string): Promise<EventProxy> {
    const proxy = new EventProxy();
    proxy.#to.sendHighWaterMark = 0;
    await proxy.#to.bind(to);
    proxy.#from.receiveHighWaterMark = 0;
    proxy.#from.connect(from);
    proxy.#from.subscribe();
    void proxy.#run();
    return proxy;
  }

  async treat(way: Way, ms: number): Promise<void> {
    this.#way = way;
    await sleep(ms);
    this.#way = 'pass';
    for (const batch of this.#held.splice(0)) await this.#to.send(batch);
  }

  /** Batches of nothing, under the numbers of batches that were there. */
  async flood(count: number): Promise<void> {
    const [topic, number] = this.#last ?? [];
    if (topic === undefined || number === undefined) return;
    for (let index = 0; index < count; index++)
      await this.#to.send([topic, number, Buffer.from([0xc1, index & 255])]);
    this.harmed += count;
  }

  close(): void {
    this.#from.close();
    this.#to.close();
  }

  async #run(): Promise<void> {
    for await (const batch of this.#from) {
      if (this.#way === 'pass') this.passed += 1;
      else this.harmed += 1;
      await this.#treat(batch);
      this.#last = batch;
    }
  }

  async #treat(batch: Buffer[]): Promise<void> {
    const [topic, number, payload] = batch as [Buffer, Buffer, Buffer];
    switch (this.#way) {
      case 'lose':
        return;
      case 'hold':
        this.#held.push(batch);
        return;
      case 'swap':
        if (this.#held.length === 0) this.#held.push(batch);
        else for (const one of [batch, ...this.#held.splice(0)]) await this.#to.send(one);
        return;
      case 'cut':
        await this.#to.send([topic, number, payload.subarray(0, Math.floor(payload.length / 2))]);
        return;
      case 'repeat':
        await this.#to.send(batch);
        await this.#to.send(batch);
        return;
      default:
        await this.#to.send(batch);
    }
  }
}

export function eventFaults(proxies: readonly EventProxy[]): Fault[] {
  const treated = (way: Way): Fault => ({
    name: `events: ${way}`,
    run: (chance: Chance) => chance.of(proxies).treat(way, chance.whole(100, 800)),
  });
  return [
    ...(['lose', 'hold', 'swap', 'cut', 'repeat'] as const).map(treated),
    { name: 'events: flood', run: (chance) => chance.of(proxies).flood(chance.whole(100, 3_000)) },
  ];
}
