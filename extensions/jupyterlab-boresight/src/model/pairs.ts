/** State of the panel of pairs; knows no page. */

import { Signal, type ISignal } from '@lumino/signaling';
import type { IStacContext, StacItem } from 'jupyterlab-stac';

import {
  ApiError,
  type BoresightApi,
  type ItemName,
  type Job,
  type Pair,
  type PairsAnswer,
  type PairsQuery
} from '../api';

export interface PairsState {
  readonly status: 'idle' | 'searching' | 'ready' | 'failed';
  /** The item that pairs are searched for; empty for an area. */
  readonly title: string;
  readonly answer: PairsAnswer | null;
  readonly selected: string | null;
  /** The pair whose job is being started. */
  readonly starting: string | null;
  readonly problem: ApiError | null;
}

type Wish = Omit<PairsQuery, 'language'>;

/** What is kept over a reload: the search, which is then made anew. */
export interface SavedPairs {
  readonly wish: Wish;
  readonly title: string;
}

const EMPTY: PairsState = {
  status: 'idle',
  title: '',
  answer: null,
  selected: null,
  starting: null,
  problem: null
};

/** Whether two addresses of an API are the same one. */
export function sameApi(first: string, second: string): boolean {
  const plain = (url: string) => url.replace(/\/+$/, '');
  return plain(first) !== '' && plain(first) === plain(second);
}

/** Whether pairs can be searched with what is chosen. */
export function canSearch(context: IStacContext, ownApi: string): boolean {
  if (!sameApi(context.apiUrl, ownApi)) {
    return false;
  }
  const [item, ...others] = context.items;
  if (item) {
    return others.length === 0 && item.geometry !== null && item.properties['boresight:level'] !== 'L3';
  }
  return context.bbox !== null || context.area !== null;
}

export class PairsModel {
  /**
   * @param show Puts items onto the map, where no search has said how since the page was loaded.
   */
  constructor(
    private readonly api: BoresightApi,
    private readonly language: string,
    private show: (items: readonly StacItem[]) => void = () => undefined
  ) {}

  get state(): PairsState {
    return this.now;
  }

  get changed(): ISignal<PairsModel, void> {
    return this.changes;
  }

  /** Emitted with the job that was started for a pair. */
  get started(): ISignal<PairsModel, Job> {
    return this.starts;
  }

  /** The search that was made last; null before the first one. */
  get saved(): SavedPairs | null {
    return this.last;
  }

  /** Search with the chosen item, or in the chosen area. A search that is under way is given up. */
  async search(context: IStacContext): Promise<void> {
    this.show = items => context.show(items);
    const item = context.items[0];
    const wish = item
      ? { item: nameOf(item) }
      : context.area
        ? { area: context.area }
        : { bbox: context.bbox ?? [] };
    await this.run({ wish, title: item?.id ?? '' });
  }

  /** Take up the search of before a reload, unless there has been another one since. */
  async restore(saved: unknown): Promise<void> {
    if (isSaved(saved) && !this.last) {
      await this.run(saved);
    }
  }

  private async run(asked: SavedPairs): Promise<void> {
    this.running?.abort();
    const running = new AbortController();
    this.running = running;
    this.last = asked;
    this.set({ ...EMPTY, status: 'searching', title: asked.title });
    try {
      const answer = await this.api.pairs({ language: this.language, ...asked.wish }, running.signal);
      if (this.running === running) {
        this.set({ ...this.now, status: 'ready', answer });
      }
    } catch (problem) {
      if (this.running === running) {
        this.set({ ...this.now, status: 'failed', problem: asApiError(problem) });
      }
    }
  }

  /** Search once more; nothing when nothing was searched. */
  async retry(): Promise<void> {
    if (this.last) {
      await this.run(this.last);
    }
  }

  /** Choose a pair and show both images on the map; choosing it again lets go of it. */
  select(id: string): void {
    const selected = this.now.selected === id ? null : id;
    const pair = this.pair(selected);
    this.show(pair ? [pair.left, pair.right] : []);
    this.set({ ...this.now, selected });
  }

  /** Start the surface model of a pair. */
  async makeDsm(id: string): Promise<void> {
    const pair = this.pair(id);
    if (!pair || this.now.starting !== null) {
      return;
    }
    this.set({ ...this.now, starting: id, problem: null });
    try {
      const job = await this.api.start(nameOf(pair.left), nameOf(pair.right));
      this.set({ ...this.now, starting: null });
      this.starts.emit(job);
    } catch (problem) {
      this.set({ ...this.now, starting: null, problem: asApiError(problem) });
    }
  }

  private pair(id: string | null): Pair | undefined {
    return this.now.answer?.pairs.find(pair => pair.id === id);
  }

  private set(state: PairsState): void {
    this.now = state;
    this.changes.emit();
  }

  private now: PairsState = EMPTY;
  private last: SavedPairs | null = null;
  private running: AbortController | null = null;
  private readonly changes = new Signal<PairsModel, void>(this);
  private readonly starts = new Signal<PairsModel, Job>(this);
}

function isSaved(saved: unknown): saved is SavedPairs {
  const { wish, title } = (saved ?? {}) as Partial<SavedPairs>;
  const { item, bbox, area } = wish ?? {};
  return (
    typeof title === 'string' &&
    (typeof item?.id === 'string' || Array.isArray(bbox) || typeof area?.type === 'string')
  );
}

export function nameOf(item: StacItem): ItemName {
  return { collection: item.collection ?? '', id: item.id };
}

export function asApiError(problem: unknown): ApiError {
  return problem instanceof ApiError ? problem : new ApiError('failed', String(problem), '');
}
