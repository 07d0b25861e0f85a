/** The GPUs of this host, asked of their drivers' own programs. A host without those starts nothing. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { parseAmdSmi, parseRocmSmi } from './amd-smi.js';
import { findProgram } from './find-program.js';
import { GPU_COLUMNS, parseGpuRows, parseTopology, type SharedMemory, visibleGpus } from './nvidia-smi.js';
import type { HostSnapshot } from './types.js';

type Env = Record<string, string | undefined>;
type ProbedGpus = Pick<HostSnapshot, 'gpus' | 'driver' | 'links'>;

/** A driver that is stuck answers never; a healthy one within a second, eight GPUs included. */
const TIMEOUT_MS = 10_000;
const NONE: ProbedGpus = { gpus: [], driver: null };

/** NVIDIA's, else AMD's. A driver that does not answer is a host without usable GPUs; `dynamo doctor` says why. */
export async function probeGpus(env: Env, shared: SharedMemory): Promise<ProbedGpus> {
  const nvidia = await probeNvidia(env, shared);
  return nvidia.gpus.length > 0 ? nvidia : await probeAmd(env, nvidia);
}

async function probeNvidia(env: Env, shared: SharedMemory): Promise<ProbedGpus> {
  const program = await findProgram('nvidia-smi', env);
  if (program === null) return NONE;
  const [rows, table] = await Promise.all([
    answerOf(program, [`--query-gpu=${GPU_COLUMNS}`, '--format=csv,noheader,nounits']),
    answerOf(program, ['topo', '-m']),
  ]);
  const { gpus, driver } = parseGpuRows(rows, shared);
  const links = gpus.length > 1 ? parseTopology(table) : null;
  return {
    gpus: visibleGpus(gpus, env['CUDA_VISIBLE_DEVICES']),
    driver,
    ...(links === null ? {} : { links }),
  };
}

async function probeAmd(env: Env, otherwise: ProbedGpus): Promise<ProbedGpus> {
  const visible = env['HIP_VISIBLE_DEVICES'] ?? env['ROCR_VISIBLE_DEVICES'];
  const amd = await findProgram('amd-smi', env);
  if (amd !== null) {
    const [facts, usage] = await Promise.all([
      answerOf(amd, ['static', '--asic', '--vram', '--driver', '--json']),
      answerOf(amd, ['metric', '--mem-usage', '--json']),
    ]);
    const { gpus, driver } = parseAmdSmi(facts, usage);
    if (gpus.length > 0) return { gpus: visibleGpus(gpus, visible), driver };
  }
  const rocm = await findProgram('rocm-smi', env);
  if (rocm === null) return otherwise;
  const args = ['--showproductname', '--showmeminfo', 'vram', '--showdriverversion', '--json'];
  const { gpus, driver } = parseRocmSmi(await answerOf(rocm, args));
  return gpus.length > 0 ? { gpus: visibleGpus(gpus, visible), driver } : otherwise;
}

/** What a program prints; nothing when it fails. */
async function answerOf(program: string, args: string[]): Promise<string> {
  try {
    const options = { timeout: TIMEOUT_MS, killSignal: 'SIGKILL', maxBuffer: 4 << 20 } as const;
    return (await promisify(execFile)(program, args, options)).stdout;
  } catch {
    return '';
  }
}
