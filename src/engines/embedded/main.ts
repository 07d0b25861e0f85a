/** The embedded worker: one process, one core, one HTTP server. Ends when its parent closes stdin. */
import path from 'node:path';
import { parseArgs } from 'node:util';
import { recordsDir, verifyModel } from '../../model/verify.js';
import { EventPublisher } from '../events/publisher.js';
import { createCore } from './core/create-core.js';
import { serve } from './server/http-server.js';

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    'model-sha256': { type: 'string' },
    'served-name': { type: 'string', multiple: true },
    host: { type: 'string', default: '127.0.0.1' },
    port: { type: 'string', default: '0' },
    context: { type: 'string', default: '8192' },
    slots: { type: 'string', default: '4' },
    events: { type: 'string' },
    replay: { type: 'string' },
    topic: { type: 'string', default: '' },
  },
});

const EXIT_BACKSTOP_MS = 2_000;

process.on('uncaughtException', (error) => {
  console.error(error);
  process.exit(1);
});

console.log('phase weights');
const modelPath = values.model ?? '';
const modelSha256 =
  values['model-sha256'] ??
  (await verifyModel(modelPath, { expected: null, recordsDir: recordsDir(path.dirname(modelPath)) }));
const core = await createCore({
  modelPath,
  modelSha256,
  contextTokens: Number(values.context),
  slots: Number(values.slots),
});
const events =
  values.events !== undefined && values.replay !== undefined
    ? { events: values.events, replay: values.replay, topic: values.topic }
    : null;
const publisher = events === null ? null : await EventPublisher.open(events);
core.onKvEvents((events) => publisher?.publish(events));
console.log('phase warming');
const server = await serve({
  core,
  modelPath,
  names: values['served-name'] ?? ['model'],
  host: values.host,
  port: Number(values.port),
  events,
});
console.log(`phase ready ${server.url}`);

let isEnding = false;
async function end(): Promise<void> {
  if (isEnding) return;
  isEnding = true;
  setTimeout(() => process.exit(0), EXIT_BACKSTOP_MS).unref();
  await server.close();
  await core.close();
  await publisher?.close();
  process.exit(0);
}
process.on('SIGTERM', () => void end());
process.on('SIGINT', () => void end());
process.stdin.on('end', () => void end());
process.stdin.on('error', () => void end());
process.stdin.resume();
