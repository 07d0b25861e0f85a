/** GPUs and their driver, and why a driver that is there does not answer. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { findProgram } from '../plan/find-program.js';
import { linkText } from '../plan/gpu-groups.js';
import type { GpuInfo, HostSnapshot } from '../plan/types.js';
import { formatBytes } from '../plan/units.js';
import { type Check, fail, ok, warn } from './types.js';

/** Oldest driver that current vLLM builds (CUDA 12.8) load with. */
const DRIVER_MIN = 570;
/** More than a display takes: somebody else computes there. */
const USED_SHARE = 0.1;
const TIMEOUT_MS = 10_000;

export async function gpuChecks(
  host: HostSnapshot,
  env: Record<string, string | undefined> = process.env,
): Promise<Check[]> {
  if (host.gpus.length > 0) {
    const isNvidia = host.gpus.some(({ name }) => !name.startsWith('AMD'));
    const driver = isNvidia
      ? driverCheck(host.driver)
      : ok('driver', `amdgpu ${host.driver ?? 'of a release it does not tell'}`);
    return [...host.gpus.map(gpuCheck), driver, ...linkChecks(host)];
  }
  const program = await findProgram('nvidia-smi', env);
  if (program === null) return [ok('gpu', 'no NVIDIA GPU; the embedded engine runs on the processor')];
  return [silentDriver(await answerOf(program))];
}

/** Only where there is something to join. */
export function linkChecks({ gpus, links }: HostSnapshot): Check[] {
  const said = linkText(gpus, links);
  if (said === null) return [];
  return said.includes('PCIe')
    ? [warn('nvlink', said, 'Prefer variants of few GPUs (`parallel.tp`), and more workers.')]
    : [ok('nvlink', said)];
}

export function gpuCheck({ index, name, family, memoryBytes, freeBytes, isSplit }: GpuInfo): Check {
  const id = `gpu-${index}`;
  if (isSplit)
    return warn(
      id,
      `${name} is cut into parts (MIG), which no plan uses`,
      `Make it whole: \`sudo nvidia-smi -i ${index} -mig 0\`.`,
    );
  const found = `${name}, ${formatBytes(freeBytes)} of ${formatBytes(memoryBytes)} free`;
  if (memoryBytes - freeBytes > memoryBytes * USED_SHARE) {
    return warn(
      id,
      `${found}: another program uses it`,
      'See which one: `nvidia-smi`. A plan leaves it out.',
    );
  }
  if (family !== '') return ok(id, found);
  return warn(
    id,
    `${found}: no recipe names this model of GPU`,
    'Plan a variant by name: `dynamo plan --recipe NAME --variant VARIANT`.',
  );
}

export function driverCheck(driver: string | null): Check {
  if (driver === null) return warn('driver', 'its version is not told', 'See `nvidia-smi`.');
  if (Number.parseInt(driver, 10) >= DRIVER_MIN) return ok('driver', driver);
  return warn(
    'driver',
    `${driver} is older than ${DRIVER_MIN}`,
    'Update the NVIDIA driver, then start again.',
  );
}

function silentDriver(said: string): Check {
  if (said === '') {
    const hidden = 'nvidia-smi lists no GPU that this process may use';
    return warn('gpu', hidden, 'Check CUDA_VISIBLE_DEVICES and the container’s `--gpus` option.');
  }
  const remedy =
    'Load the driver (`sudo modprobe nvidia`) or start the machine again, then look at `nvidia-smi`.';
  return fail('gpu', `nvidia-smi is here but does not answer: ${said}`, remedy);
}

/** What it complains of, one line; empty when it answers and just has nothing to show. */
async function answerOf(program: string): Promise<string> {
  try {
    await promisify(execFile)(program, ['-L'], { timeout: TIMEOUT_MS, killSignal: 'SIGKILL' });
    return '';
  } catch (error) {
    const { stdout = '', stderr = '', message } = error as Error & { stdout?: string; stderr?: string };
    const line = `${stderr}\n${stdout}\n${message}`.split('\n').find((each) => each.trim() !== '');
    return (line ?? 'no reason given').trim().slice(0, 200);
  }
}
