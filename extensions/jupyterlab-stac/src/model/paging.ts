/** From one page to the next, by the links that the API gives. */

import type { StacItem, StacLink, StacPage } from '../stac';
import type { ApiRequest } from './search';

/** Request for the page after; null when there is none. */
export function nextRequest(page: StacPage, asked: ApiRequest): ApiRequest | null {
  const link = (page.links ?? []).find(one => one.rel === 'next');
  // an empty page with a link to a next one would be asked for without end
  return link?.href && page.features.length ? followed(link, asked) : null;
}

function followed(link: StacLink, asked: ApiRequest): ApiRequest | null {
  const url = new URL(link.href, asked.url).toString();
  const method = link.method?.toUpperCase() === 'POST' ? 'POST' : 'GET';
  let next: ApiRequest;
  if (method === 'POST') {
    next = { url, method, body: link.merge ? { ...asked.body, ...link.body } : (link.body ?? asked.body ?? {}) };
  } else {
    next = { url, method };
  }
  return isSame(next, asked) ? null : next;
}

function isSame(a: ApiRequest, b: ApiRequest): boolean {
  return a.url === b.url && a.method === b.method && JSON.stringify(a.body) === JSON.stringify(b.body);
}

/** How many items there are in all; null when the API does not say. */
export function matchedOf(page: StacPage): number | null {
  const count = page.numberMatched ?? page.context?.matched;
  return typeof count === 'number' && Number.isFinite(count) ? count : null;
}

/** Key of an item within an API. */
export function keyOf(item: Pick<StacItem, 'id' | 'collection'>): string {
  return `${item.collection ?? ''}/${item.id}`;
}

/** Items of a page, without what cannot be shown and without those that are there already. */
export function newItems(page: StacPage, known: ReadonlySet<string>): StacItem[] {
  const seen = new Set(known);
  const found: StacItem[] = [];
  for (const raw of page.features) {
    if (typeof raw !== 'object' || raw === null || typeof raw.id !== 'string') {
      continue;
    }
    const item: StacItem = {
      ...raw,
      geometry: raw.geometry ?? null,
      properties: raw.properties ?? {},
      assets: raw.assets ?? {},
      links: raw.links ?? []
    };
    const key = keyOf(item);
    if (!seen.has(key)) {
      seen.add(key);
      found.push(item);
    }
  }
  return found;
}
