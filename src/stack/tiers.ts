/**
 * The stack's side of the tiers: opens the catalogue when the first worker says what its pages are, feeds it with what
 * workers report, and shows its figures.
 */
import type { TierIndex } from '../cache/announcer.js';
import { Catalogue, type TierFigures } from '../cache/catalogue.js';
import { DirectoryPlace } from '../cache/directory-place.js';
import { foreignFolders } from '../cache/page-version.js';
import { openRemote } from '../cache/remote/open-remote.js';
import { RemotePlace } from '../cache/remote/remote-place.js';
import type { Report } from '../cache/report-lines.js';
import { listenReports, type ReportServer } from '../cache/report-server.js';
import type { PagePlace, PageTier } from '../cache/types.js';
import type { TierPlan } from '../plan/types.js';
import type { Router } from '../router/router.js';
import type { TelemetryEvent } from '../telemetry/types.js';

const STATS_MS = 1_000;
/** What a stack that is killed loses of its list is read from the pages themselves. */
const REMEMBER_MS = 60_000;

export interface StackTiersOptions {
  tiers: TierPlan[];
  socket: string;
  router: Router;
  workers: string[];
  emit(event: TelemetryEvent): void;
  /** A tier failed or works again. */
  onHealth(): void;
}

export class StackTiers {
  readonly #options: StackTiersOptions;
  #server: ReportServer | undefined;
  #catalogue: Catalogue | null = null;
  #namespace: string | null = null;
  #pages: { pageBytes: number; pageTokens: number } | null = null;
  /** Reports that came while the catalogue was reading the folders. */
  #early: PageReport[] | null = null;
  #timer: NodeJS.Timeout | undefined;
  #remembering: NodeJS.Timeout | undefined;
  readonly #places: PagePlace[] = [];

  constructor(options: StackTiersOptions) {
    this.#options = options;
  }

  async open(): Promise<void> {
    if (this.#options.tiers.length === 0) return;
    const warn = (message: string) => this.#warn('tier_failed', message);
    this.#server = await listenReports(this.#options.socket, (report) => this.#onReport(report), warn);
    this.#timer = setInterval(() => this.#report(), STATS_MS);
    this.#timer.unref();
    this.#remembering = setInterval(() => void this.#catalogue?.remember(), REMEMBER_MS);
    this.#remembering.unref();
  }

  /** A worker's part of the index was dropped: it can still read what lies in the tiers. */
  announce(): void {
    this.#catalogue?.announceAll();
  }

  /** Tokens that fit into all tiers with a quota; 0 before the first worker said how large its pages are. */
  capacityTokens(): number {
    const { pageBytes, pageTokens } = this.#pages ?? { pageBytes: 1, pageTokens: 0 };
    const bytes = this.#options.tiers.reduce((sum, { bytesMax }) => sum + (bytesMax ?? 0), 0);
    return Math.floor(bytes / pageBytes) * pageTokens;
  }

  /** What is wrong with tiers now, in words. */
  faults(): string[] {
    return this.figures().flatMap(({ name, fault }) =>
      fault === null ? [] : [`the ${name} tier: ${fault}`],
    );
  }

  figures(): TierFigures[] {
    return this.#catalogue?.figures() ?? [];
  }

  /** Removes all pages of a tier, or of all. */
  async clear(tier?: PageTier): Promise<number> {
    return (await this.#catalogue?.clear(tier)) ?? 0;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    clearInterval(this.#remembering);
    await this.#server?.close();
    await this.#catalogue?.remember();
    await Promise.all(this.#places.map((place) => place.close()));
  }

  #onReport(report: Report): void {
    if (report.type === 'hello') {
      void this.#hello(report);
      return;
    }
    if (this.#early !== null) this.#early.push(report);
    else if (this.#catalogue !== null) apply(this.#catalogue, report);
    if (report.type === 'fault') this.#options.onHealth();
  }

  async #hello({
    namespace,
    pageBytes,
    pageTokens,
    worker,
  }: Extract<Report, { type: 'hello' }>): Promise<void> {
    if (this.#namespace !== null) {
      if (namespace !== this.#namespace)
        this.#warn(
          'tier_failed',
          `${worker} has pages of another kind than the workers before it: they are not shared`,
        );
      return;
    }
    this.#namespace = namespace;
    this.#pages = { pageBytes, pageTokens };
    this.#early = [];
    const tiers = await Promise.all(
      this.#options.tiers.map(async ({ name, bytesMax, at }) => ({
        tier: name,
        bytesMax: bytesMax ?? Number.POSITIVE_INFINITY,
        storage: await this.#storage(name, at ?? '', namespace),
      })),
    );
    const onWarning = (code: string, message: string) => this.#warn(code, message);
    const catalogue = new Catalogue({ tiers, pageBytes, pageTokens, index: this.#index(), onWarning });
    await catalogue
      .scan()
      .catch((error: Error) => this.#warn('tier_failed', `the tiers could not be read: ${error.message}`));
    this.#catalogue = catalogue;
    for (const report of this.#early.splice(0)) apply(catalogue, report);
    this.#early = null;
  }

  async #storage(tier: PageTier, at: string, namespace: string): Promise<PagePlace> {
    if (tier !== 'remote') {
      for (const folder of foreignFolders(at))
        this.#warn(
          'tier_version',
          `${folder} was made by another version of dynamo: it is left alone, and no quota counts it`,
        );
      return new DirectoryPlace({ tier, dir: at, namespace, isDurable: false });
    }
    const place = new RemotePlace(await openRemote(at, namespace), namespace, () => {});
    this.#places.push(place);
    return place;
  }

  #index(): TierIndex {
    const { router, workers } = this.#options;
    return {
      stored: (tier, parent, keys, locals) => {
        for (const worker of workers) router.applyStored(worker, tier, parent, keys, locals);
      },
      removed: (tier, keys) => {
        for (const worker of workers) router.applyRemoved(worker, tier, keys);
      },
    };
  }

  #report(): void {
    const tiers = this.figures();
    if (tiers.length > 0) this.#options.emit({ type: 'tier.stats', tiers });
  }

  #warn(code: string, message: string): void {
    this.#options.emit({ type: 'warning', code, message });
  }
}

type PageReport = Exclude<Report, { type: 'hello' }>;

function apply(catalogue: Catalogue, report: PageReport): void {
  if (report.type === 'stored') catalogue.stored(report.tier, report.pages);
  else if (report.type === 'used') catalogue.used(report.tier, report.pages, report.isWarm);
  else if (report.type === 'dropped') catalogue.dropped(report.tier, report.pages);
  else if (report.type === 'missed') catalogue.missed(report.tier, report.keys, report.why);
  else catalogue.fault(report.tier, report.message);
}
