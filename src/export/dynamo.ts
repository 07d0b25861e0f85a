/** A plan as NVIDIA Dynamo's `DynamoGraphDeployment` (nvidia.com/v1beta1): a frontend with its KV router, and workers. Pure. */
import type { Exported } from './types.js';
import { argvOf, type Flag, type VllmDeployment, valueOfFlag } from './vllm-deployment.js';

/** The release whose frontend and flags this was written for; its image has vLLM 0.31.0. */
export const DYNAMO_IMAGE = 'nvcr.io/nvidia/ai-dynamo/vllm-runtime:1.6.0';

const EVENTS_PORT = 20_080;
const SYSTEM_PORT = 9_090;
const HTTP_PORT = 8_000;
const PROBE_SECONDS = 60;
/** As long as our own supervisor waits: large weights are fetched before the first answer. */
const PROBES_MAX = 180;

/** Flags of vLLM's own HTTP server, which `python3 -m dynamo.vllm` has not. */
const SERVER_FLAGS = new Set([
  'enable-prompt-tokens-details',
  'enable-auto-tool-choice',
  'tool-call-parser',
  'chat-template-content-format',
  'chat-template',
]);

/** vLLM's parser name → Dynamo's, where they differ; names that are alike are listed, unknown ones are not passed on. */
const TOOL_PARSERS: ReadonlyMap<string, string> = new Map([
  ['glm45', 'glm47'],
  ['glm47', 'glm47'],
  ['openai', 'harmony'],
  ['kimi_k2', 'kimi_k2'],
  ['minimax_m2', 'minimax_m2'],
  ['minimax_m3', 'minimax_m3'],
  ['deepseek_v4', 'deepseek_v4'],
  ['qwen3_coder', 'qwen3_coder'],
  ['hermes', 'hermes'],
]);
const REASONING_PARSERS: ReadonlyMap<string, string> = new Map([
  ['glm45', 'glm45'],
  ['openai_gptoss', 'gpt_oss'],
  ['kimi_k2', 'kimi_k25'],
  ['minimax_m2', 'minimax_m2'],
  ['minimax_m3', 'minimax_m3'],
  ['deepseek_v4', 'deepseek_v4'],
  ['qwen3', 'qwen3'],
]);

export interface DynamoOptions {
  image?: string | undefined;
  /** Parsers of the recipe, by vLLM's names: gpt-oss has a reasoning format and no flag for it. */
  parsers?: { tools: string | null; reasoning: string | null } | undefined;
}

export function dynamoGraph(deployment: VllmDeployment, options: DynamoOptions = {}): Exported {
  const { image = DYNAMO_IMAGE } = options;
  const parsers = parserFlags(deployment, options);
  return {
    notes: [
      ...deployment.notes,
      'Needs the Dynamo platform of release 1.6 or newer (DynamoGraphDeployment nvidia.com/v1beta1), a claim `model-cache` for the weights,',
      'and, for gated weights, a secret `hf-token-secret` with HF_TOKEN. Apply it with: kubectl apply -f FILE',
      ...parsers.notes,
    ],
    document: {
      apiVersion: 'nvidia.com/v1beta1',
      kind: 'DynamoGraphDeployment',
      metadata: { name: deployment.name },
      spec: {
        backendFramework: 'vllm',
        components: [
          frontend(image, deployment),
          {
            name: 'Worker',
            type: 'worker',
            replicas: deployment.workers.length,
            podTemplate: { spec: workerPod(image, deployment, parsers.flags) },
          },
        ],
      },
    },
  };
}

function frontend(image: string, { blockTokens }: VllmDeployment): Record<string, unknown> {
  const args = ['--http-port', String(HTTP_PORT), '--router-mode', 'kv'];
  return {
    name: 'Frontend',
    type: 'frontend',
    replicas: 1,
    podTemplate: {
      spec: {
        containers: [
          {
            name: 'main',
            image,
            command: ['python3', '-m', 'dynamo.frontend'],
            // Off by default there, and what coding agents speak.
            args: [...args, '--kv-cache-block-size', String(blockTokens), '--enable-anthropic-api'],
            ports: [{ name: 'http', containerPort: HTTP_PORT, protocol: 'TCP' }],
          },
        ],
      },
    },
  };
}

function workerPod(
  image: string,
  deployment: VllmDeployment,
  parsers: readonly Flag[],
): Record<string, unknown> {
  const { model, revision, servedModel, flags, env, gpusPerWorker } = deployment;
  const own: Flag[] = [
    ['model', model],
    ...(revision === 'main' ? [] : [['revision', revision] satisfies Flag]),
    ['served-model-name', servedModel],
    ...flags.filter(([name]) => !SERVER_FLAGS.has(name)),
    ...parsers,
    ['kv-events-config', eventsConfig()],
  ];
  const gpus = { 'nvidia.com/gpu': String(gpusPerWorker) };
  return {
    containers: [
      {
        name: 'main',
        image,
        command: ['python3', '-m', 'dynamo.vllm'],
        args: argvOf(own),
        env: Object.entries({ ...env, HF_HOME: '/model-cache' }).map(([name, value]) => ({ name, value })),
        envFrom: [{ secretRef: { name: 'hf-token-secret', optional: true } }],
        ports: [
          { name: 'system', containerPort: SYSTEM_PORT, protocol: 'TCP' },
          { name: 'kv-events', containerPort: EVENTS_PORT, protocol: 'TCP' },
        ],
        resources: { limits: gpus, requests: gpus },
        startupProbe: {
          httpGet: { path: '/live', port: SYSTEM_PORT },
          periodSeconds: PROBE_SECONDS,
          timeoutSeconds: 20,
          failureThreshold: PROBES_MAX,
        },
        volumeMounts: [{ name: 'model-cache', mountPath: '/model-cache' }],
      },
    ],
    volumes: [{ name: 'model-cache', persistentVolumeClaim: { claimName: 'model-cache' } }],
  };
}

function eventsConfig(): string {
  const endpoint = `tcp://*:${EVENTS_PORT}`;
  return JSON.stringify({ publisher: 'zmq', topic: 'kv-events', endpoint, enable_kv_cache_events: true });
}

/** A parser Dynamo has no name for is left out, and that is said: it would refuse to start with it. */
function parserFlags(
  { flags }: VllmDeployment,
  { parsers }: DynamoOptions,
): { flags: Flag[]; notes: string[] } {
  const wanted: [flag: string, name: string | null, known: ReadonlyMap<string, string>][] = [
    ['dyn-tool-call-parser', valueOfFlag(flags, 'tool-call-parser') ?? parsers?.tools ?? null, TOOL_PARSERS],
    [
      'dyn-reasoning-parser',
      valueOfFlag(flags, 'reasoning-parser') ?? parsers?.reasoning ?? null,
      REASONING_PARSERS,
    ],
  ];
  const found: Flag[] = [];
  const notes: string[] = [];
  for (const [flag, name, known] of wanted) {
    if (name === null) continue;
    const theirs = known.get(name);
    if (theirs !== undefined) found.push([flag, theirs]);
    else notes.push(`Dynamo has no parser for \`${name}\`: see its --dyn-chat-processor vllm.`);
  }
  return { flags: found, notes };
}
