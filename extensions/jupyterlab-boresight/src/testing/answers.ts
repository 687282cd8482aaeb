/** Answers of a server, for specs. */

import type { IStacContext, StacItem } from 'jupyterlab-stac';

import type { Job, Pair, PairsAnswer, Score, Transport } from '../api';

export function item(id: string, properties: Record<string, unknown> = {}): StacItem {
  return {
    type: 'Feature',
    id,
    collection: 'l1',
    geometry: { type: 'Point', coordinates: [5, 44] },
    properties: { datetime: '2025-06-01T10:00:00Z', ...properties },
    assets: {},
    links: []
  };
}

export function score(changes: Partial<Score> = {}): Score {
  return {
    criterion: 'overlap',
    value: 0.97,
    unit: '1',
    score: 1,
    good: '≥ 80 %',
    verdict: 'good',
    sentence: 'They share 97 % of the smaller image.',
    ...changes
  };
}

export function pair(left: string, right: string, changes: Partial<Pair> = {}): Pair {
  return {
    id: `l1/${left}|l1/${right}`,
    left: item(left),
    right: item(right),
    overlap: 0.97,
    common_km2: 1.25,
    base_to_height: 0.28,
    view_source: 'angles',
    score: 0.93,
    scores: [score()],
    ...changes
  };
}

export function answer(changes: Partial<PairsAnswer> = {}): PairsAnswer {
  return { pairs: [pair('a', 'b')], n_items: 2, is_truncated: false, left_out: [], ...changes };
}

export function job(id: string, changes: Partial<Job> = {}): Job {
  return {
    id,
    state: 'running',
    is_cancelling: false,
    request: { left: { collection: 'l1', id: 'a' }, right: { collection: 'l1', id: 'b' } },
    created_at: '2026-11-22T18:30:00+00:00',
    began_at: null,
    ended_at: null,
    share: 0.25,
    what: 'matching',
    left_s: 125,
    cluster: {
      name: 'c1',
      workers_running: 1,
      workers_requested: 2,
      pending_reason: 'One worker is starting.',
      dashboard_link: 'https://hub/dashboard'
    },
    error: '',
    remedy: '',
    result: null,
    ...changes
  };
}

export function done(id: string): Job {
  return job(id, {
    state: 'done',
    share: 1,
    left_s: null,
    cluster: null,
    result: {
      collection: 'co3d-dsm',
      item_id: 'pair-dsm-1',
      item: item('pair-dsm-1'),
      was_there: false,
      elapsed_s: 75
    }
  });
}

export function context(changes: Partial<IStacContext> = {}): IStacContext & { shown: string[][] } {
  const shown: string[][] = [];
  return {
    apiUrl: 'https://hub/services/stac',
    items: [item('a')],
    bbox: null,
    area: null,
    show: items => {
      shown.push(items.map(one => one.id));
    },
    shown,
    ...changes
  };
}

/** A server that answers by path, below the panels' own routes or the root; keeps what it was asked. */
export class Server {
  readonly asked: { path: string; method: string; body: unknown }[] = [];

  constructor(public answers: Record<string, unknown>) {}

  readonly transport: Transport = async (whole, init) => {
    const path = whole.replace(/^jupyterlab-boresight\//, '');
    const method = init.method ?? 'GET';
    const body = typeof init.body === 'string' ? (JSON.parse(init.body) as unknown) : undefined;
    this.asked.push({ path, method, body });
    const found = this.answers[`${method} ${path}`];
    const value = typeof found === 'function' ? await (found as () => unknown)() : found;
    if (value instanceof Error) {
      throw value;
    }
    const [status, content] = Array.isArray(value) ? (value as [number, unknown]) : [200, value];
    const text = typeof content === 'string' ? content : JSON.stringify(content ?? null);
    return { ok: status < 400, status, text: () => Promise.resolve(text) } as Response;
  };
}
