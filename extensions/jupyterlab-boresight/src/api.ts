/** Calls of the server's part: its own routes, and those of the desktop. */

import type { StacItem } from 'jupyterlab-stac';

export type Verdict = 'good' | 'fair' | 'poor' | 'unknown';

export interface Score {
  readonly criterion: string;
  readonly value: number | null;
  readonly unit: string;
  readonly score: number;
  readonly good: string;
  readonly verdict: Verdict;
  readonly sentence: string;
}

export interface Pair {
  readonly id: string;
  readonly left: StacItem;
  readonly right: StacItem;
  readonly overlap: number;
  readonly common_km2: number;
  readonly base_to_height: number | null;
  readonly view_source: string;
  readonly score: number;
  readonly scores: readonly Score[];
}

export interface LeftOut {
  readonly collection: string;
  readonly id: string;
  readonly reason: string;
  readonly words: string;
}

export interface PairsAnswer {
  readonly pairs: readonly Pair[];
  readonly n_items: number;
  readonly is_truncated: boolean;
  readonly left_out: readonly LeftOut[];
}

export interface ItemName {
  readonly collection: string;
  readonly id: string;
}

export interface PairsQuery {
  readonly item?: ItemName;
  readonly bbox?: readonly number[];
  readonly area?: GeoJSON.Geometry;
  readonly language: string;
}

export type JobState = 'queued' | 'running' | 'done' | 'failed' | 'cancelled' | 'interrupted';

export interface Job {
  readonly id: string;
  readonly state: JobState;
  readonly is_cancelling: boolean;
  readonly request: { readonly left: ItemName; readonly right: ItemName };
  readonly created_at: string;
  readonly began_at: string | null;
  readonly ended_at: string | null;
  readonly share: number;
  readonly what: string;
  readonly left_s: number | null;
  readonly cluster: {
    readonly name: string;
    readonly workers_running: number;
    readonly workers_requested: number;
    readonly pending_reason: string;
    readonly dashboard_link: string;
  } | null;
  readonly error: string;
  readonly remedy: string;
  readonly result: {
    readonly collection: string;
    readonly item_id: string;
    readonly item: StacItem;
    readonly was_there: boolean;
    readonly elapsed_s: number;
  } | null;
}

export interface Cluster {
  readonly name: string;
  readonly status: string;
  readonly workers_running: number;
  readonly workers_requested: number;
  readonly pending_reason: string;
  readonly dashboard_link: string;
}

export interface Settings {
  /** Root of the environment's own catalogue; empty outside an environment. */
  readonly api: string;
  readonly collection: string;
  readonly n_workers: number;
  /** Whether the server can be asked for its desktop. */
  readonly has_desktop?: boolean;
}

/** Of the server's desktop; `why` says in words why there is none. */
export interface Desktop {
  readonly available: boolean;
  readonly url: string;
  readonly why?: string;
  readonly qgis?: boolean;
}

/** An asset of the catalogue to be opened on the desktop. */
export interface DesktopWish {
  readonly href: string;
  readonly collection: string;
  readonly item: string;
  readonly asset: string;
}

/** What the server says in words. */
export class ApiError extends Error {
  constructor(
    readonly kind: string,
    message: string,
    readonly remedy: string
  ) {
    super(message);
    this.name = 'ApiError';
  }
}

/** Does what `fetch` does, for a path below the server's root. */
export type Transport = (path: string, init: RequestInit) => Promise<Response>;

const OWN = 'jupyterlab-boresight';
const DESKTOP = 'boresight/desktop';

export class BoresightApi {
  constructor(private readonly transport: Transport) {}

  settings(): Promise<Settings> {
    return this.call('settings');
  }

  pairs(query: PairsQuery, signal?: AbortSignal): Promise<PairsAnswer> {
    return this.call('pairs', 'POST', query, signal);
  }

  async jobs(): Promise<readonly Job[]> {
    return (await this.call<{ jobs: readonly Job[] }>('jobs')).jobs;
  }

  start(left: ItemName, right: ItemName): Promise<Job> {
    return this.call('jobs', 'POST', { left, right });
  }

  cancel(id: string): Promise<Job> {
    return this.call(`jobs/${encodeURIComponent(id)}/cancel`, 'POST', {});
  }

  async forget(id: string): Promise<readonly Job[]> {
    const path = `jobs/${encodeURIComponent(id)}`;
    return (await this.call<{ jobs: readonly Job[] }>(path, 'DELETE')).jobs;
  }

  log(id: string, start?: number): Promise<{ text: string; end: number }> {
    const query = start === undefined ? '' : `?start=${start}`;
    return this.call(`jobs/${encodeURIComponent(id)}/log${query}`);
  }

  async clusters(): Promise<readonly Cluster[]> {
    return (await this.call<{ clusters: readonly Cluster[] }>('dask')).clusters;
  }

  desktop(): Promise<Desktop> {
    return this.ask(DESKTOP);
  }

  openOnDesktop(wish: DesktopWish): Promise<{ readonly url: string }> {
    return this.ask(`${DESKTOP}/open`, 'POST', wish);
  }

  private call<T>(path: string, method?: string, body?: unknown, signal?: AbortSignal): Promise<T> {
    return this.ask(`${OWN}/${path}`, method, body, signal);
  }

  private async ask<T>(
    path: string,
    method = 'GET',
    body?: unknown,
    signal?: AbortSignal
  ): Promise<T> {
    let response: Response;
    try {
      response = await this.transport(path, {
        method,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        ...(signal ? { signal } : {})
      });
    } catch (problem) {
      if (signal?.aborted) {
        throw problem;
      }
      throw new ApiError('offline', 'The Jupyter server does not answer.', '');
    }
    const found = await json(response);
    if (!response.ok) {
      throw errorOf(found, response.status);
    }
    return found as T;
  }
}

async function json(response: Response): Promise<unknown> {
  try {
    return JSON.parse(await response.text());
  } catch {
    return null;
  }
}

function errorOf(found: unknown, status: number): ApiError {
  const body = (typeof found === 'object' && found !== null ? found : {}) as {
    kind?: unknown;
    message?: unknown;
    remedy?: unknown;
  };
  return new ApiError(
    String(body.kind ?? 'failed'),
    String(body.message ?? `The Jupyter server answers ${status}.`),
    String(body.remedy ?? '')
  );
}
