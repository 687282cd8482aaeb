/** State of the panel: API, collections, search, results, what is selected. Knows no DOM. */

import { Signal, type ISignal } from '@lumino/signaling';

import type { ApiEntry, PanelApi, PanelSettings } from '../api';
import { ApiError } from '../api';
import type { StacCollection, StacItem, StacPage, StacRoot } from '../stac';
import { footprintOf, type Footprint } from './footprints';
import { keyOf, matchedOf, newItems, nextRequest } from './paging';
import { isAborted } from './problems';
import { queryablesOf, type Queryable } from './queryables';
import {
  absolute,
  capabilitiesOf,
  EMPTY_SEARCH,
  restoredSearch,
  searchRequest,
  type ApiRequest,
  type Capabilities,
  type SearchState
} from './search';
import { Signatures } from './signatures';

const MAX_COLLECTIONS = 5000;
/** Beyond this many, older results make the browser slow; the search is to be narrowed. */
export const MAX_ITEMS = 10_000;

export interface Result {
  readonly key: string;
  readonly item: StacItem;
  readonly footprint: Footprint;
}

/** What changed, so that who draws need not draw all. */
export type Change = 'api' | 'collections' | 'search' | 'results' | 'selection' | 'hover' | 'open' | 'shown' | 'view';

/** What is kept over a reload. */
export interface SavedState {
  readonly apiUrl: string;
  readonly search: SearchState;
  readonly view: 'cards' | 'table';
  readonly extent: readonly number[] | null;
  readonly open: { readonly collection: string; readonly id: string } | null;
  /** Whether a search had been made. */
  readonly searched: boolean;
}

type Line = 'api' | 'search';

export class CatalogueModel {
  settings: PanelSettings | null = null;
  entry: ApiEntry | null = null;
  root: StacRoot | null = null;
  can: Capabilities | null = null;
  collections: readonly StacCollection[] = [];
  /** Whether the collections have come; an API may have none. */
  collected = false;
  queryables: readonly Queryable[] = [];
  search: SearchState = EMPTY_SEARCH;
  results: readonly Result[] = [];
  matched: number | null = null;
  next: ApiRequest | null = null;
  /** Selected, by key. */
  selection: ReadonlySet<string> = new Set();
  hovered: string | null = null;
  opened: StacItem | null = null;
  /** Put onto the map by actions. */
  shown: readonly StacItem[] = [];
  view: 'cards' | 'table' = 'cards';
  /** Of the map: west, south, east, north [deg]. */
  extent: readonly number[] | null = null;
  /** Whether the settings, the API or its collections are on their way. */
  loading = false;
  /** What of a search is on its way. */
  searching: 'search' | 'more' | null = null;
  problem: unknown = null;
  searched = false;
  signatures: Signatures;

  private readonly changes = new Signal<this, Change>(this);
  // apart, since a search may begin before all collections have come
  private readonly asking: Record<Line, AbortController | null> = { api: null, search: null };
  private queryablesOfApi = 0;
  private begun: [Partial<SavedState> | null, number] = [null, EMPTY_SEARCH.limit];

  constructor(readonly api: PanelApi) {
    this.signatures = new Signatures(hrefs => api.sign(hrefs));
  }

  get changed(): ISignal<this, Change> {
    return this.changes;
  }

  /** Items that are selected, or the one that is open. */
  get chosen(): readonly StacItem[] {
    const selected = this.results.filter(one => this.selection.has(one.key)).map(one => one.item);
    return selected.length ? selected : this.opened ? [this.opened] : [];
  }

  saved(): SavedState {
    return {
      apiUrl: this.entry?.url ?? '',
      search: this.search,
      view: this.view,
      extent: this.extent,
      open: this.opened
        ? { collection: this.opened.collection ?? '', id: this.opened.id }
        : null,
      searched: this.searched
    };
  }

  /** Begin: settings, then the API of last time or the first one, and its search anew. */
  async start(saved: Partial<SavedState> | null, pageSize = EMPTY_SEARCH.limit): Promise<void> {
    this.begun = [saved, pageSize];
    await this.guarded('api', async () => {
      this.settings = await this.api.settings();
    });
    const apis = this.settings?.apis ?? [];
    const entry = apis.find(one => one.url === saved?.apiUrl) ?? apis[0];
    const same = entry !== undefined && entry.url === saved?.apiUrl;
    this.view = saved?.view === 'table' ? 'table' : 'cards';
    this.extent = Array.isArray(saved?.extent) ? saved.extent : null;
    this.search = { ...restoredSearch(same ? saved?.search : null), limit: pageSize };
    this.emit('view');
    if (!entry) {
      return;
    }
    await this.openApi(entry, this.search);
    const open = same ? saved?.open : null;
    if (same && saved?.searched && this.collected) {
      await this.run();
    }
    if (open?.id) {
      const found = this.results.find(
        one => one.item.id === open.id && (one.item.collection ?? '') === open.collection
      );
      this.open(found?.item ?? null);
    }
  }

  /** Choose an API; what belongs to the one before is dropped. */
  async openApi(entry: ApiEntry, search: SearchState = { ...EMPTY_SEARCH, limit: this.search.limit }): Promise<void> {
    this.stop();
    this.entry = entry;
    this.root = null;
    this.can = null;
    this.collected = false;
    this.collections = [];
    this.queryables = [];
    this.forgetResults();
    this.opened = null;
    this.shown = [];
    this.search = search;
    this.signatures = new Signatures(hrefs => this.api.sign(hrefs));
    this.emit('api');
    await this.guarded('api', async signal => {
      const root = (await this.api.ask({ url: entry.url, method: 'GET' }, signal)) as StacRoot;
      if (!Array.isArray(root?.links)) {
        const host = new URL(entry.url).hostname;
        throw new ApiError(
          { kind: 'not-stac', message: `${host} is no STAC API.`, remedy: '', values: { host } },
          200
        );
      }
      this.root = root;
      this.can = capabilitiesOf(root, entry.url);
      this.collections = await this.allCollections(entry.url, signal);
      this.collected = true;
    });
    this.emit('collections');
    void this.loadQueryables();
  }

  private async allCollections(rootUrl: string, signal: AbortSignal): Promise<StacCollection[]> {
    const found: StacCollection[] = [];
    const asked = new Set<string>();
    let url: string | null = absolute('collections', rootUrl);
    while (url && !asked.has(url) && found.length < MAX_COLLECTIONS) {
      asked.add(url);
      const page = (await this.api.ask({ url, method: 'GET' }, signal)) as {
        collections?: StacCollection[];
        links?: { rel: string; href: string }[];
      };
      found.push(...(page.collections ?? []).filter(one => typeof one?.id === 'string'));
      const next: { href: string } | undefined = page.links?.find(one => one.rel === 'next');
      url = next ? new URL(next.href, url).toString() : null;
    }
    return found.sort((a, b) => (a.title || a.id).localeCompare(b.title || b.id));
  }

  /** Queryables of the one collection that is chosen, else of the API; none where there are none. */
  async loadQueryables(): Promise<void> {
    const turn = ++this.queryablesOfApi;
    const { entry, can } = this;
    const [only] = this.search.collections;
    if (!entry || !can?.filter) {
      return;
    }
    const url =
      this.search.collections.length === 1 && only !== undefined
        ? absolute(`collections/${encodeURIComponent(only)}/queryables`, entry.url)
        : can.queryables;
    let found: Queryable[] = [];
    if (url) {
      try {
        found = queryablesOf(await this.api.ask({ url, method: 'GET' }));
      } catch {
        // an API may offer none: CQL2 text is still there
        found = [];
      }
    }
    if (turn === this.queryablesOfApi) {
      this.queryables = found;
      this.emit('collections');
    }
  }

  /** Change the search; nothing is asked for yet. */
  set(change: Partial<SearchState>): void {
    const before = this.search.collections.join('\n');
    this.search = { ...this.search, ...change };
    this.emit('search');
    if (before !== this.search.collections.join('\n')) {
      void this.loadQueryables();
    }
  }

  /** Search from the beginning. */
  async run(): Promise<void> {
    this.stop('search');
    this.forgetResults();
    this.searched = true;
    this.emit('results');
    await this.guarded('search', async signal => {
      if (this.can && this.entry) {
        await this.take(searchRequest(this.search, this.can, this.entry.url), signal);
      }
    });
    this.emit('results');
  }

  /** Fetch the next page, if there is one and nothing else is on its way. */
  async more(): Promise<void> {
    const { next } = this;
    if (!next || this.searching || this.results.length >= MAX_ITEMS) {
      return;
    }
    await this.guarded('more', signal => this.take(next, signal));
    this.emit('results');
  }

  /** Do again what has failed: the beginning, the API with its collections, a page, or the search. */
  async retry(): Promise<void> {
    if (!this.settings) {
      await this.start(...this.begun);
    } else if (!this.collected && this.entry) {
      const { searched } = this;
      await this.openApi(this.entry, this.search);
      if (searched && this.collected) {
        await this.run();
      }
    } else if (this.next) {
      await this.more();
    } else {
      await this.run();
    }
  }

  private async take(request: ApiRequest, signal: AbortSignal): Promise<void> {
    const page = (await this.api.ask(request, signal)) as StacPage;
    if (!Array.isArray(page?.features)) {
      const host = new URL(request.url).hostname;
      throw new ApiError(
        { kind: 'not-stac', message: `${host} sends no items.`, remedy: '', values: { host } },
        200
      );
    }
    const known = new Set(this.results.map(one => one.key));
    const found = newItems(page, known).map(item => ({
      key: keyOf(item),
      item,
      footprint: footprintOf(item)
    }));
    this.results = [...this.results, ...found];
    this.matched = matchedOf(page) ?? this.matched;
    this.next = nextRequest(page, request);
  }

  /** Give up what is on its way, or the search alone. */
  stop(...lines: readonly Line[]): void {
    for (const line of lines.length ? lines : (['api', 'search'] as const)) {
      this.asking[line]?.abort();
      this.asking[line] = null;
      this.tellBusy(line, null);
    }
  }

  select(key: string, mode: 'only' | 'toggle' = 'only'): void {
    const next = mode === 'toggle' ? new Set(this.selection) : new Set<string>();
    if (mode === 'toggle' && next.has(key)) {
      next.delete(key);
    } else {
      next.add(key);
    }
    this.selection = next;
    this.emit('selection');
  }

  clearSelection(): void {
    this.selection = new Set();
    this.emit('selection');
  }

  hover(key: string | null): void {
    if (this.hovered !== key) {
      this.hovered = key;
      this.emit('hover');
    }
  }

  open(item: StacItem | null): void {
    this.opened = item;
    this.emit('open');
  }

  show(items: readonly StacItem[]): void {
    this.shown = items;
    this.emit('shown');
  }

  setView(view: 'cards' | 'table'): void {
    this.view = view;
    this.emit('view');
  }

  setExtent(extent: readonly number[]): void {
    this.extent = extent;
    this.emit('view');
  }

  /** Add an API and open it. */
  async addApi(url: string, title: string): Promise<void> {
    let entry: ApiEntry | undefined;
    await this.guarded('api', async () => {
      const before = new Set(this.settings?.apis.map(one => one.url));
      this.settings = await this.api.addApi(url, title);
      const apis = this.settings.apis;
      entry = apis.find(one => !before.has(one.url)) ?? apis.find(one => one.url === url);
    });
    if (entry) {
      await this.openApi(entry);
    }
  }

  async removeApi(url: string): Promise<void> {
    await this.guarded('api', async () => {
      this.settings = await this.api.removeApi(url);
    });
    const [first] = this.settings?.apis ?? [];
    if (first && this.entry?.url === url) {
      await this.openApi(first);
    }
  }

  tell(problem: unknown): void {
    this.problem = problem;
    this.emit('results');
  }

  private forgetResults(): void {
    this.results = [];
    this.matched = null;
    this.next = null;
    this.selection = new Set();
    this.hovered = null;
    this.searched = false;
  }

  private async guarded(
    what: 'api' | 'search' | 'more',
    work: (signal: AbortSignal) => Promise<void>
  ): Promise<void> {
    const line: Line = what === 'api' ? 'api' : 'search';
    const controller = new AbortController();
    this.asking[line] = controller;
    this.tellBusy(line, what);
    this.problem = null;
    this.emit(what === 'api' ? 'api' : 'results');
    try {
      await work(controller.signal);
    } catch (problem) {
      if (!isAborted(problem) && this.asking[line] === controller) {
        this.problem = problem;
      }
    } finally {
      if (this.asking[line] === controller) {
        this.asking[line] = null;
        this.tellBusy(line, null);
        this.emit(what === 'api' ? 'api' : 'results');
      }
    }
  }

  private tellBusy(line: Line, what: 'api' | 'search' | 'more' | null): void {
    if (line === 'api') {
      this.loading = what !== null;
    } else {
      this.searching = what === 'api' ? null : what;
    }
  }

  private emit(change: Change): void {
    this.changes.emit(change);
  }
}
