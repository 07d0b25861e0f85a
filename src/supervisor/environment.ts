/** What of our own environment a worker sees. A list of what may pass: keys and tokens of other programs do not. */
import type { EngineAdapter } from '../engines/types.js';
import type { WorkerPlan } from '../plan/types.js';

const NAMES: ReadonlySet<string> = new Set([
  'PATH',
  'HOME',
  'USER',
  'LOGNAME',
  'SHELL',
  'LANG',
  'TZ',
  'TMPDIR',
  'TEMP',
  'TMP',
  'LD_LIBRARY_PATH',
  'LIBRARY_PATH',
  'CPATH',
  'CC',
  'CXX',
  'VIRTUAL_ENV',
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'NO_PROXY',
  'http_proxy',
  'https_proxy',
  'no_proxy',
  'REQUESTS_CA_BUNDLE',
  'CURL_CA_BUNDLE',
  'NODE_EXTRA_CA_CERTS',
  // Windows programs do not start without these.
  'SystemRoot',
  'SYSTEMROOT',
  'windir',
  'ComSpec',
  'PATHEXT',
  'USERPROFILE',
  'APPDATA',
  'LOCALAPPDATA',
  'Path',
]);

/** Settings of engines and of the libraries under them. */
const PREFIXES = [
  'LC_',
  'XDG_',
  'SSL_CERT_',
  'CUDA_',
  'NVIDIA_',
  'NCCL_',
  'UCX_',
  'OMP_',
  'MKL_',
  'TORCH_',
  'TORCHINDUCTOR_',
  'PYTORCH_',
  'TRITON_',
  'FLASHINFER_',
  'VLLM_',
  'SGLANG_',
  'SGL_',
  'HF_',
  'HUGGING_FACE_',
  'DYNAMO_',
];

/** A prefix lets settings pass, not secrets: our own API key guards the gateway, `NVIDIA_API_KEY` is for a service. */
const SECRET = /(?:^|_)(?:KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?)$/i;

/** The secrets an engine itself needs: weights behind a licence, a remote store of pages. */
const NEEDED: ReadonlySet<string> = new Set([
  'HF_TOKEN',
  'HF_TOKEN_PATH',
  'HUGGING_FACE_HUB_TOKEN',
  // A remote tier: workers read and write pages there themselves.
  'AWS_ACCESS_KEY_ID',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
  'AWS_REGION',
  'AWS_DEFAULT_REGION',
  'AWS_PROFILE',
  'AWS_CONFIG_FILE',
  'AWS_SHARED_CREDENTIALS_FILE',
  'AWS_ENDPOINT_URL',
  'AWS_ENDPOINT_URL_S3',
  'DYNAMO_REDIS_PASSWORD',
]);

export function workerEnvironment(
  own: Record<string, string | undefined>,
  added: Record<string, string>,
): Record<string, string> {
  const isPassed = (name: string): boolean =>
    NAMES.has(name) ||
    NEEDED.has(name) ||
    (PREFIXES.some((prefix) => name.startsWith(prefix)) && !SECRET.test(name));
  const passed = Object.entries(own).filter(([name, value]) => value !== undefined && isPassed(name));
  return { ...(Object.fromEntries(passed) as Record<string, string>), ...added };
}

/** The key a worker answers to: not in its argv, which every user of the machine can read. */
export function keyOf(
  { keyVariable }: Pick<EngineAdapter, 'keyVariable'>,
  { key }: Pick<WorkerPlan, 'key'>,
): Record<string, string> {
  return keyVariable === undefined || key === undefined ? {} : { [keyVariable]: key };
}
