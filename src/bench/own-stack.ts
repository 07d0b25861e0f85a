/** A stack of the benchmark's own: another name and a free port, gone when the work is done. */
import { attach, type StackClient } from '../cli/attach.js';
import { modelsDir, type Paths, stackStateDir } from '../cli/paths.js';
import { type AttachWish, attachPlan } from '../stack/attach-plan.js';
import { ensureModel } from '../stack/ensure-model.js';
import { launchStack } from '../stack/launch.js';
import { type PlanWish, type ResolvedPlan, resolvePlan } from '../stack/resolve-plan.js';
import { readStackSettings } from '../stack/stack-settings.js';
import { stopStack } from '../stack/stop.js';

export interface OwnStack {
  url: string;
  /** Its process, without its workers'. */
  pid: number;
  model: string;
  client: StackClient;
  startMs: number;
}

/** Runs `work` against a fresh stack and stops it afterwards, whatever happened. */
export async function withOwnStack<T>(
  options: { paths: Paths; wish: PlanWish | AttachWish; router: string; name: string },
  work: (stack: OwnStack) => Promise<T>,
): Promise<T> {
  const { paths, wish, router, name } = options;
  const { plan, settings } = await planOf(wish, paths);
  await ensureModel(plan, modelsDir(paths));
  const spec = {
    name,
    paths,
    plan,
    host: '127.0.0.1',
    port: 0,
    keyPolicies: [],
    router,
    settings,
    // A benchmark that is killed takes it along.
    endsWithStarter: true,
    askedAt: Date.now(),
  };
  const launched = launchStack(spec, () => {});
  const { url, model, startMs } = await launched.ready;
  const client = await attach(name, paths);
  const interrupt = () => launched.stop();
  process.once('SIGINT', interrupt);
  try {
    return await work({ url, pid: launched.pid, model, client, startMs });
  } finally {
    process.removeListener('SIGINT', interrupt);
    await stopStack(client, stackStateDir(paths, name), { isGraceful: false }).catch(() => launched.stop());
    await launched.ended;
  }
}

async function planOf(
  wish: PlanWish | AttachWish,
  paths: Paths,
): Promise<Pick<ResolvedPlan, 'plan' | 'settings'>> {
  if (!('attach' in wish)) return resolvePlan(wish, paths);
  return { plan: await attachPlan(wish), settings: readStackSettings(wish.set) };
}
