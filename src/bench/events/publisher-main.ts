/** An engine's publisher in a process of its own: `publisher-main ENDPOINT ROUNDS`. Publishes once somebody has subscribed. */
import { XPublisher } from 'zeromq';
import { roundOfBatches } from './batches.js';

const [endpoint = '', rounds = '1'] = process.argv.slice(2);
const batches = roundOfBatches();
const publisher = new XPublisher({ sendHighWaterMark: 0, linger: 0 });
process.on('disconnect', () => process.exit());
await publisher.bind(endpoint);
process.send?.({ isListening: true });
await publisher.receive();
let sequence = 0n;
for (let round = 0; round < Number(rounds); round++) {
  for (const payload of batches) {
    const number = Buffer.alloc(8);
    number.writeBigUInt64BE(sequence);
    sequence += 1n;
    await publisher.send(['', number, payload]);
  }
}
