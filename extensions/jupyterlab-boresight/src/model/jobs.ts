/** State of the panel of jobs; knows no page. Asks the server while somebody looks. */

import { Signal, type ISignal } from '@lumino/signaling';

import { ApiError, type BoresightApi, type Cluster, type Job } from '../api';
import { asApiError } from './pairs';

const BUSY_MS = 2000;
const QUIET_MS = 15000;
/** What is kept of a log that is open [characters]. */
const LOG_LENGTH = 200_000;

export interface JobsState {
  readonly jobs: readonly Job[];
  readonly isLoaded: boolean;
  readonly problem: ApiError | null;
  /** The job whose log is open, and what is known of it. */
  readonly log: { readonly id: string; readonly text: string; readonly end: number } | null;
  /** Live clusters; null until they are asked for. */
  readonly clusters: readonly Cluster[] | null;
}

export function isFinal(job: Job): boolean {
  return job.state !== 'queued' && job.state !== 'running';
}

export class JobsModel {
  constructor(private readonly api: BoresightApi) {}

  get state(): JobsState {
    return this.now;
  }

  get changed(): ISignal<JobsModel, void> {
    return this.changes;
  }

  /** Emitted with a job that has come to its end while it was watched. */
  get ended(): ISignal<JobsModel, Job> {
    return this.ends;
  }

  /** Ask again and again, or no more. */
  watch(isWatched: boolean): void {
    this.isWatched = isWatched;
    clearTimeout(this.timer);
    if (isWatched) {
      void this.look();
    }
  }

  /** Ask now. */
  async refresh(): Promise<void> {
    await this.attempt(async () => {
      this.take(await this.api.jobs());
      await this.followLog();
    });
  }

  async cancel(id: string): Promise<void> {
    await this.attempt(async () => {
      const job = await this.api.cancel(id);
      this.take(this.now.jobs.map(one => (one.id === id ? job : one)));
    });
  }

  async forget(id: string): Promise<void> {
    await this.attempt(async () => {
      const jobs = await this.api.forget(id);
      if (this.now.log?.id === id) {
        this.set({ ...this.now, log: null });
      }
      this.take(jobs);
    });
  }

  /** Open the log of a job; the one that is open is closed. */
  async toggleLog(id: string): Promise<void> {
    if (this.now.log?.id === id) {
      this.set({ ...this.now, log: null });
      return;
    }
    await this.attempt(async () => {
      this.set({ ...this.now, log: { id, ...(await this.api.log(id)) } });
    });
  }

  /** Ask for the live clusters. */
  async askClusters(): Promise<void> {
    await this.attempt(async () => {
      this.set({ ...this.now, clusters: await this.api.clusters() });
    });
  }

  private async look(): Promise<void> {
    await this.refresh();
    // somebody may have stopped watching meanwhile
    clearTimeout(this.timer);
    if (this.isWatched) {
      const isBusy = this.now.jobs.some(job => !isFinal(job));
      this.timer = setTimeout(() => void this.look(), isBusy ? BUSY_MS : QUIET_MS);
    }
  }

  private async followLog(): Promise<void> {
    const open = this.now.log;
    if (!open) {
      return;
    }
    const part = await this.api.log(open.id, open.end);
    if (part.text && this.now.log?.id === open.id) {
      const text = (open.text + part.text).slice(-LOG_LENGTH);
      this.set({ ...this.now, log: { id: open.id, text, end: part.end } });
    }
  }

  private take(jobs: readonly Job[]): void {
    const before = new Map(this.now.jobs.map(job => [job.id, job]));
    this.set({ ...this.now, jobs, isLoaded: true, problem: null });
    for (const job of jobs) {
      const earlier = before.get(job.id);
      if (earlier && !isFinal(earlier) && isFinal(job)) {
        this.ends.emit(job);
      }
    }
  }

  private async attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (problem) {
      this.set({ ...this.now, problem: asApiError(problem) });
    }
  }

  private set(state: JobsState): void {
    this.now = state;
    this.changes.emit();
  }

  private now: JobsState = {
    jobs: [],
    isLoaded: false,
    problem: null,
    log: null,
    clusters: null
  };
  private isWatched = false;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly changes = new Signal<JobsModel, void>(this);
  private readonly ends = new Signal<JobsModel, Job>(this);
}
