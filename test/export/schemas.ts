/**
 * What the three tools accept, as far as our exports use it: written in our own words from their published schemas (NVIDIA
 * Dynamo's DynamoGraphDeployment v1beta1 of August 2026, llm-d-modelservice 0.4.12, the compose specification of June 2026).
 * Unknown fields are refused everywhere. `DYNAMO_EXPORT_SCHEMAS=FOLDER` checks against the whole ones as well.
 */

type Schema = Record<string, unknown>;

const text: Schema = { type: 'string', minLength: 1 };
const count: Schema = { type: 'integer', minimum: 1 };
const texts: Schema = { type: 'array', items: { type: 'string' }, minItems: 1 };
const port: Schema = { type: 'integer', minimum: 1, maximum: 65_535 };
const label: Schema = { type: 'string', pattern: '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$' };
/** Kubernetes quantities: the exports write numbers of GPUs and sizes as texts. */
const quantity: Schema = { type: 'string', pattern: '^\\d+(Mi|Gi|Ti)?$' };

const object = (
  properties: Record<string, Schema>,
  required: string[] = Object.keys(properties),
): Schema => ({
  type: 'object',
  additionalProperties: false,
  properties,
  required,
});
const list = (items: Schema): Schema => ({ type: 'array', items, minItems: 1 });
const map = (values: Schema): Schema => ({ type: 'object', additionalProperties: values, minProperties: 1 });

const probe = object(
  {
    httpGet: object({ path: { type: 'string', pattern: '^/' }, port }),
    periodSeconds: count,
    timeoutSeconds: count,
    failureThreshold: count,
  },
  ['httpGet'],
);
const variable = {
  oneOf: [
    object({ name: text, value: { type: 'string' } }),
    object({ name: text, valueFrom: object({ fieldRef: object({ fieldPath: text }) }) }),
  ],
};
const ports = list(object({ name: label, containerPort: port, protocol: { enum: ['TCP', 'UDP', 'SCTP'] } }));
const mounts = list(object({ name: label, mountPath: { type: 'string', pattern: '^/' } }));

const podContainer = object(
  {
    // The operator merges its defaults into the container of this name.
    name: { const: 'main' },
    image: text,
    command: texts,
    args: texts,
    env: list(variable),
    envFrom: list(object({ secretRef: object({ name: label, optional: { type: 'boolean' } }) })),
    ports,
    resources: object({ limits: map(quantity), requests: map(quantity) }),
    startupProbe: probe,
    volumeMounts: mounts,
  },
  ['name', 'image'],
);

export const DYNAMO: Schema = object({
  apiVersion: { const: 'nvidia.com/v1beta1' },
  kind: { const: 'DynamoGraphDeployment' },
  metadata: object({ name: label }),
  spec: object({
    backendFramework: { enum: ['sglang', 'vllm', 'trtllm'] },
    components: {
      type: 'array',
      maxItems: 25,
      minItems: 1,
      items: object({
        name: { type: 'string', maxLength: 63, pattern: '^[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?$' },
        type: { enum: ['frontend', 'worker', 'prefill', 'decode', 'planner', 'epp'] },
        replicas: { type: 'integer', minimum: 0 },
        podTemplate: object({
          spec: object(
            {
              containers: list(podContainer),
              volumes: list(object({ name: label, persistentVolumeClaim: object({ claimName: label }) })),
            },
            ['containers'],
          ),
        }),
      }),
    },
  }),
});

export const LLM_D: Schema = object({
  multinode: { type: 'boolean' },
  modelArtifacts: object({
    name: text,
    uri: { type: 'string', pattern: '^(hf|pvc|pvc\\+hf)://' },
    size: quantity,
    labels: map({ type: 'string', maxLength: 63, pattern: '^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$' }),
  }),
  accelerator: object({ type: { enum: ['nvidia', 'amd', 'google', 'cpu'] } }),
  routing: object({ servicePort: port, proxy: object({ enabled: { type: 'boolean' }, targetPort: port }) }),
  decode: object({
    create: { type: 'boolean' },
    replicas: count,
    parallelism: object({ tensor: count, data: count, dataLocal: count, workers: count }),
    containers: list(
      object({
        name: label,
        image: text,
        modelCommand: { enum: ['vllmServe', 'imageDefault', 'custom'] },
        args: texts,
        env: list(variable),
        ports,
        mountModelVolume: { type: 'boolean' },
        volumeMounts: mounts,
        startupProbe: probe,
        livenessProbe: probe,
        readinessProbe: probe,
      }),
    ),
    volumes: list(
      object({ name: label, emptyDir: object({ medium: { const: 'Memory' }, sizeLimit: quantity }) }),
    ),
  }),
  prefill: object({ create: { const: false } }),
});

const duration: Schema = { type: 'string', pattern: '^\\d+(s|m|h)$' };
const restart: Schema = { enum: ['no', 'always', 'on-failure', 'unless-stopped'] };
const environment = map({ type: 'string' });

export const COMPOSE: Schema = object({
  name: { type: 'string', pattern: '^[a-z0-9][a-z0-9_-]*$' },
  services: {
    type: 'object',
    additionalProperties: object({
      image: text,
      command: texts,
      environment,
      ipc: { enum: ['private', 'shareable', 'host'] },
      shm_size: { type: 'string', pattern: '^\\d+gb$' },
      volumes: texts,
      deploy: object({
        resources: object({
          reservations: object({
            devices: list(object({ driver: text, device_ids: texts, capabilities: texts })),
          }),
        }),
      }),
      healthcheck: object({ test: texts, interval: duration, timeout: duration, start_period: duration }),
      restart,
    }),
    properties: {
      gateway: object({
        build: object({ context: text, dockerfile_inline: text }),
        command: texts,
        environment,
        ports: texts,
        depends_on: map(object({ condition: { enum: ['service_started', 'service_healthy'] } })),
        restart,
      }),
    },
    required: ['gateway'],
  },
  volumes: map({ type: 'object', additionalProperties: false }),
});
