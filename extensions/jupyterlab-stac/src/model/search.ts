/** State of a search, and the requests that follow from it. */

import type { BBox, StacRoot } from '../stac';
import { and, comparison, isNear, toText, type Cql2 } from './cql2';
import { splitBBox } from './footprints';
import type { QueryableKind } from './queryables';

/** Value that a property is filtered by; which one depends on the queryable's type. */
export type FilterValue =
  | { readonly kind: 'number'; readonly min: number | null; readonly max: number | null }
  | { readonly kind: 'enum'; readonly values: readonly (string | number)[] }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'date'; readonly from: string; readonly to: string }
  | { readonly kind: 'boolean'; readonly value: boolean };

export interface SortBy {
  readonly field: string;
  readonly direction: 'asc' | 'desc';
}

export interface SearchState {
  readonly collections: readonly string[];
  readonly ids: readonly string[];
  readonly bbox: BBox | null;
  /** A drawn polygon; wins over `bbox`. */
  readonly area: GeoJSON.Geometry | null;
  /** Days, as 2026-11-22; empty: open. */
  readonly from: string;
  readonly to: string;
  /** [%] */
  readonly cloudCoverMax: number | null;
  readonly filters: Readonly<Record<string, FilterValue>>;
  /** Of an expert; parsed, and joined with the filters. */
  readonly cql2: Cql2 | null;
  readonly sort: SortBy | null;
  readonly limit: number;
}

export const EMPTY_SEARCH: SearchState = {
  collections: [],
  ids: [],
  bbox: null,
  area: null,
  from: '',
  to: '',
  cloudCoverMax: null,
  filters: {},
  cql2: null,
  sort: null,
  limit: 50
};

export interface ApiRequest {
  readonly url: string;
  readonly method: 'GET' | 'POST';
  readonly body?: Readonly<Record<string, unknown>>;
}

/** What an API says that it can do. */
export interface Capabilities {
  /** Where to search; null: by a collection's items only. */
  readonly search: { readonly url: string; readonly post: boolean } | null;
  readonly filter: boolean;
  readonly like: boolean;
  readonly sort: boolean;
  readonly queryables: string | null;
  /** What is missing of what the panel offers. */
  readonly missing: readonly ('search' | 'filter' | 'sort')[];
}

const CQL2_LIKE = 'advanced-comparison-operators';

/** Read the capabilities of an API off its root. */
export function capabilitiesOf(root: StacRoot, rootUrl: string): Capabilities {
  const conforms = (root.conformsTo ?? []).filter(one => typeof one === 'string');
  const has = (part: string): boolean => conforms.some(one => one.includes(part));
  const links = root.links.filter(link => link.rel === 'search');
  const link = links.find(one => one.method?.toUpperCase() === 'POST') ?? links[0];
  const queryables = root.links.find(one => one.rel.endsWith('/rel/ogc/1.0/queryables'));
  const filter = has('item-search#filter') || has('/conf/filter') || has('features-filter');
  const sort = has('item-search#sort') || has('#sort');
  const missing: ('search' | 'filter' | 'sort')[] = [];
  if (!link) {
    missing.push('search');
  }
  if (!filter) {
    missing.push('filter');
  }
  if (!sort) {
    missing.push('sort');
  }
  return {
    search: link
      ? {
          url: absolute(link.href, rootUrl),
          post: links.some(one => one.method?.toUpperCase() === 'POST')
        }
      : null,
    filter,
    like: has(CQL2_LIKE),
    sort,
    queryables: queryables ? absolute(queryables.href, rootUrl) : null,
    missing
  };
}

/** Address of a link; one that is relative is below the API's root. */
export function absolute(href: string, rootUrl: string): string {
  return new URL(href, rootUrl.endsWith('/') ? rootUrl : `${rootUrl}/`).toString();
}

/** Interval of the days, both included; null when both are open. */
export function interval(from: string, to: string): string | null {
  if (!from && !to) {
    return null;
  }
  return `${from ? `${from}T00:00:00Z` : '..'}/${to ? `${to}T23:59:59.999Z` : '..'}`;
}

/** CQL2 of all filters together; null when there is none. */
export function toCql2(state: SearchState, like = true): Cql2 | null {
  const parts: Cql2[] = [];
  if (state.cloudCoverMax !== null) {
    parts.push(comparison('<=', 'eo:cloud_cover', state.cloudCoverMax));
  }
  for (const [name, value] of Object.entries(state.filters)) {
    parts.push(...ofFilter(name, value, like));
  }
  if (state.cql2) {
    parts.push(state.cql2);
  }
  return and(parts);
}

function ofFilter(name: string, value: FilterValue, like: boolean): Cql2[] {
  switch (value.kind) {
    case 'number': {
      const parts: Cql2[] = [];
      if (value.min !== null) {
        parts.push(comparison('>=', name, value.min));
      }
      if (value.max !== null) {
        parts.push(comparison('<=', name, value.max));
      }
      return parts;
    }
    case 'enum': {
      const [first] = value.values;
      if (first === undefined) {
        return [];
      }
      // without the operator `in`, which not every API has
      const each = value.values.map(one => comparison('=', name, one));
      return [each.length === 1 ? comparison('=', name, first) : { op: 'or', args: each }];
    }
    case 'text':
      if (!value.text) {
        return [];
      }
      return like
        ? [comparison('like', name, `%${value.text.replace(/[\\%_]/g, '\\$&')}%`)]
        : [comparison('=', name, value.text)];
    case 'date': {
      const parts: Cql2[] = [];
      if (value.from) {
        parts.push(comparison('>=', name, { timestamp: `${value.from}T00:00:00Z` }));
      }
      if (value.to) {
        parts.push(comparison('<=', name, { timestamp: `${value.to}T23:59:59.999Z` }));
      }
      return parts;
    }
    case 'boolean':
      return [comparison('=', name, value.value)];
  }
}

/** A filter of a queryable's type that filters nothing yet. */
export function emptyFilter(kind: QueryableKind): FilterValue {
  switch (kind) {
    case 'number':
    case 'integer':
      return { kind: 'number', min: null, max: null };
    case 'enum':
      return { kind: 'enum', values: [] };
    case 'date':
      return { kind: 'date', from: '', to: '' };
    case 'boolean':
      return { kind: 'boolean', value: true };
    case 'text':
      return { kind: 'text', text: '' };
  }
}

/**
 * Request for the first page.
 *
 * @throws RangeError when the API searches a collection at a time, and not one is chosen.
 */
export function searchRequest(
  state: SearchState,
  can: Capabilities,
  rootUrl: string
): ApiRequest {
  const cql2 = can.filter ? toCql2(state, can.like) : null;
  const datetime = interval(state.from, state.to);
  const sort = can.sort ? state.sort : null;
  if (can.search?.post) {
    return {
      url: can.search.url,
      method: 'POST',
      body: {
        limit: state.limit,
        ...(state.collections.length ? { collections: state.collections } : {}),
        ...(state.ids.length ? { ids: state.ids } : {}),
        ...spatial(state),
        ...(datetime ? { datetime } : {}),
        ...(cql2 ? { filter: cql2, 'filter-lang': 'cql2-json' } : {}),
        ...(sort ? { sortby: [{ field: sort.field, direction: sort.direction }] } : {})
      }
    };
  }
  const url = new URL(can.search ? can.search.url : itemsUrl(state, rootUrl));
  const put = (name: string, value: string): void => url.searchParams.set(name, value);
  put('limit', String(state.limit));
  if (can.search && state.collections.length) {
    put('collections', state.collections.join(','));
  }
  if (can.search && state.ids.length) {
    put('ids', state.ids.join(','));
  }
  if (state.area && can.search) {
    put('intersects', JSON.stringify(state.area));
  } else if (state.bbox) {
    put('bbox', state.bbox.join(','));
  }
  if (datetime) {
    put('datetime', datetime);
  }
  if (cql2) {
    put('filter', toText(cql2));
    put('filter-lang', 'cql2-text');
  }
  if (sort) {
    put('sortby', `${sort.direction === 'desc' ? '-' : '+'}${sort.field}`);
  }
  return { url: url.toString(), method: 'GET' };
}

function itemsUrl(state: SearchState, rootUrl: string): string {
  const [only] = state.collections;
  if (only === undefined || state.collections.length !== 1) {
    throw new RangeError('one collection');
  }
  return absolute(`collections/${encodeURIComponent(only)}/items`, rootUrl);
}

function spatial(state: SearchState): Record<string, unknown> {
  if (state.area) {
    return { intersects: state.area };
  }
  if (!state.bbox) {
    return {};
  }
  const boxes = splitBBox(state.bbox);
  if (boxes.length === 1) {
    return { bbox: boxes[0] };
  }
  // two boxes as a geometry: not every API knows west > east
  return {
    intersects: {
      type: 'MultiPolygon',
      coordinates: boxes.map(([west, south, east, north]) => [
        [
          [west, south],
          [east, south],
          [east, north],
          [west, north],
          [west, south]
        ]
      ])
    }
  };
}

/** Area that a map shows, as a box; null when it shows all of the globe's width and height. */
export function viewportBBox(extent: readonly number[]): BBox | null {
  const [west = -180, south = -90, east = 180, north = 90] = extent;
  const low = Math.max(-90, south);
  const high = Math.min(90, north);
  if (east - west >= 360) {
    return low <= -90 && high >= 90 ? null : [-180, low, 180, high];
  }
  return [toLongitude(west), low, toLongitude(east), high];
}

/** Longitude between -180 and 180 [deg]. */
export function toLongitude(lon: number): number {
  if (lon >= -180 && lon <= 180) {
    return lon;
  }
  const turned = ((((lon + 180) % 360) + 360) % 360) - 180;
  return isNear(turned, -180) && lon > 0 ? 180 : turned;
}

/** What a saved state may hold; anything else of it is dropped. */
export function restoredSearch(saved: unknown): SearchState {
  if (typeof saved !== 'object' || saved === null) {
    return EMPTY_SEARCH;
  }
  const held = saved as Partial<Record<keyof SearchState, unknown>>;
  const strings = (value: unknown): string[] =>
    Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : [];
  const day = (value: unknown): string =>
    typeof value === 'string' && /^\d{4}-\d\d-\d\d$/.test(value) ? value : '';
  const box = held.bbox;
  const isBox =
    Array.isArray(box) && box.length === 4 && box.every(one => Number.isFinite(one));
  const sort = held.sort as SortBy | null | undefined;
  return {
    ...EMPTY_SEARCH,
    collections: strings(held.collections),
    ids: strings(held.ids),
    bbox: isBox ? (box as unknown as BBox) : null,
    area: (held.area as GeoJSON.Geometry | null | undefined) ?? null,
    from: day(held.from),
    to: day(held.to),
    cloudCoverMax: Number.isFinite(held.cloudCoverMax) ? (held.cloudCoverMax as number) : null,
    filters: (held.filters as SearchState['filters'] | undefined) ?? {},
    cql2: (held.cql2 as Cql2 | null | undefined) ?? null,
    sort: sort && typeof sort.field === 'string' ? sort : null,
    limit: Number.isInteger(held.limit) ? (held.limit as number) : EMPTY_SEARCH.limit
  };
}
