/** A plan as values of llm-d's `llm-d-modelservice` chart: decode workers whose KV events go to the scheduler. Pure. */
import type { Exported } from './types.js';
import { argvOf, VLLM_IMAGE, type VllmDeployment } from './vllm-deployment.js';

const PORT = 8_000;
const PROBE_SECONDS = 30;
const READY_SECONDS = 3 * 3_600;
/** Set by the chart from the values beside the arguments. */
const CHART_FLAGS = new Set(['tensor-parallel-size']);
/** The scheduler's scorer seeds its hashes with it (`tokenProcessorConfig.hashSeed` of llm-d's guide). */
const HASH_SEED = '42';

export function llmDValues(deployment: VllmDeployment, image = VLLM_IMAGE): Exported {
  const { model, servedModel, blockTokens, workers, gpusPerWorker } = deployment;
  return {
    notes: [
      ...deployment.notes,
      'Values of the chart llm-d-modelservice (0.4): helm install NAME llm-d-modelservice/llm-d-modelservice -f FILE',
      `The scheduler's precise-prefix-cache-scorer needs blockSize: ${blockTokens} and hashSeed: "${HASH_SEED}"; EVENTS_SERVICE names its service.`,
      'For gated weights set modelArtifacts.authSecretName to a secret with HF_TOKEN.',
    ],
    document: {
      multinode: false,
      modelArtifacts: {
        name: servedModel,
        uri: `hf://${model}`,
        // Room for the weights; an emptyDir is filled anew by every pod: pvc+hf://CLAIM/… keeps them.
        size: '2Ti',
        labels: { 'llm-d.ai/inference-serving': 'true', 'llm-d.ai/model': deployment.name },
      },
      accelerator: { type: 'nvidia' },
      // No prefill workers, so no sidecar that would pass requests on to them.
      routing: { servicePort: PORT, proxy: { enabled: false, targetPort: PORT } },
      decode: {
        create: true,
        replicas: workers.length,
        parallelism: { tensor: gpusPerWorker, data: 1, dataLocal: 1, workers: 1 },
        containers: [container(image, deployment)],
        volumes: [{ name: 'shm', emptyDir: { medium: 'Memory', sizeLimit: '16Gi' } }],
      },
      prefill: { create: false },
    },
  };
}

function container(image: string, deployment: VllmDeployment): Record<string, unknown> {
  const { flags, env, revision } = deployment;
  const args = argvOf([
    ...(revision === 'main' ? [] : [['revision', revision] satisfies [string, string]]),
    ...flags.filter(([name]) => !CHART_FLAGS.has(name)),
    ['prefix-caching-hash-algo', 'sha256_cbor'],
    ['kv-events-config', eventsConfig(deployment)],
  ]);
  const ready = { path: '/v1/models', port: PORT };
  return {
    name: 'vllm',
    image,
    modelCommand: 'vllmServe',
    args,
    env: [
      { name: 'NAMESPACE', valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } },
      { name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
      { name: 'EVENTS_SERVICE', value: 'precise-prefix-cache-aware-scheduler-epp' },
      ...Object.entries({ ...env, PYTHONHASHSEED: HASH_SEED }).map(([name, value]) => ({ name, value })),
    ],
    ports: [{ containerPort: PORT, name: 'vllm', protocol: 'TCP' }],
    mountModelVolume: true,
    volumeMounts: [{ name: 'shm', mountPath: '/dev/shm' }],
    startupProbe: {
      httpGet: ready,
      periodSeconds: PROBE_SECONDS,
      timeoutSeconds: 5,
      failureThreshold: READY_SECONDS / PROBE_SECONDS,
    },
    livenessProbe: { httpGet: { path: '/health', port: PORT }, periodSeconds: 10, failureThreshold: 3 },
    readinessProbe: { httpGet: ready, periodSeconds: 5, failureThreshold: 3 },
  };
}

/** Kubernetes fills `$(NAME)` in from the variables of the same container. */
function eventsConfig({ servedModel }: VllmDeployment): string {
  return JSON.stringify({
    enable_kv_cache_events: true,
    publisher: 'zmq',
    endpoint: 'tcp://$(EVENTS_SERVICE).$(NAMESPACE).svc.cluster.local:5556',
    topic: `kv@$(POD_IP):${PORT}@${servedModel}`,
  });
}
