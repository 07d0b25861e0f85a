/** A plan as a compose file: one vLLM service per worker, and a gateway of ours that is attached to them. Pure. */
import type { Exported } from './types.js';
import { argvOf, VLLM_IMAGE, type VllmDeployment } from './vllm-deployment.js';

const PORT = 8_000;
const EVENTS_PORT = 5_557;
const REPLAY_PORT = 5_558;

export function composeFile(deployment: VllmDeployment, image = VLLM_IMAGE): Exported {
  const { workers } = deployment;
  const services = Object.fromEntries(
    workers.map((worker) => [worker.id, workerService(image, deployment, worker)]),
  );
  return {
    notes: [
      ...deployment.notes,
      'DYNAMO_SOURCE=/path/of/the/dynamo/checkout DYNAMO_API_KEY=... docker compose -f FILE up',
      'Workers on other machines: start their services there, and give the gateway their addresses in --attach.',
      'KV events cross the network of this project unencrypted; nothing of it is published but the gateway, on 127.0.0.1.',
    ],
    document: {
      name: deployment.name,
      services: { gateway: gatewayService(workers.map(({ id }) => id)), ...services },
      volumes: { 'model-cache': {} },
    },
  };
}

function workerService(
  image: string,
  { model, revision, servedModel, flags, env }: VllmDeployment,
  { gpus }: { gpus: number[] },
): Record<string, unknown> {
  return {
    image,
    // The image's entry point is `vllm serve`.
    command: [
      model,
      ...argvOf([
        ...(revision === 'main' ? [] : [['revision', revision] satisfies [string, string]]),
        ['served-model-name', servedModel],
        ['host', '0.0.0.0'],
        ['port', String(PORT)],
        ...flags,
        ['kv-events-config', eventsConfig()],
      ]),
    ].map(escaped),
    environment: { ...env, HF_TOKEN: `\${HF_TOKEN:-}` },
    // Tensor parallelism talks over shared memory.
    ipc: 'private',
    shm_size: '16gb',
    volumes: ['model-cache:/root/.cache/huggingface'],
    deploy: {
      resources: {
        reservations: {
          devices: [{ driver: 'nvidia', device_ids: gpus.map(String), capabilities: ['gpu'] }],
        },
      },
    },
    healthcheck: {
      test: ['CMD', 'curl', '-sf', `http://127.0.0.1:${PORT}/health`],
      interval: '10s',
      timeout: '5s',
      start_period: '3h',
    },
    restart: 'unless-stopped',
  };
}

/** Bound beyond its own container, hence the key; published on this machine only. */
function gatewayService(workers: readonly string[]): Record<string, unknown> {
  return {
    build: {
      context: `\${DYNAMO_SOURCE:?the folder of the dynamo checkout}`,
      dockerfile_inline: [
        'FROM node:22-slim',
        'WORKDIR /dynamo',
        'COPY . .',
        'RUN npm ci && npm run build',
        'ENTRYPOINT ["node", "bin/run.js"]',
        '',
      ].join('\n'),
    },
    command: ['up', '--no-tui', '--host', '0.0.0.0', '--port', String(PORT), ...workers.flatMap(attachFlag)],
    environment: { DYNAMO_API_KEY: `\${DYNAMO_API_KEY:?a key of your own}` },
    ports: [`127.0.0.1:${PORT}:${PORT}`],
    depends_on: Object.fromEntries(workers.map((id) => [id, { condition: 'service_healthy' }])),
    restart: 'unless-stopped',
  };
}

function attachFlag(id: string): string[] {
  const events = `events=tcp://${id}:${EVENTS_PORT},replay=tcp://${id}:${REPLAY_PORT}`;
  return ['--attach', `http://${id}:${PORT},${events},engine=vllm,priority=on`];
}

function eventsConfig(): string {
  return JSON.stringify({
    enable_kv_cache_events: true,
    publisher: 'zmq',
    endpoint: `tcp://*:${EVENTS_PORT}`,
    replay_endpoint: `tcp://*:${REPLAY_PORT}`,
    topic: '',
  });
}

/** Compose fills `$NAME` in; a doubled sign is one of its own. */
const escaped = (word: string): string => word.replaceAll('$', '$$$$');
