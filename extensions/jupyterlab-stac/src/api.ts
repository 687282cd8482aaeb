/** The server's part, by HTTP. Nothing here asks any other host. */

import type { CodeOfApi } from './model/python';
import type { ApiRequest } from './model/search';
import type { SignAnswer } from './model/signatures';

export interface ApiEntry {
  readonly url: string;
  readonly title: string;
  readonly added: boolean;
  readonly has_token: boolean;
  readonly code: CodeOfApi | null;
}

export interface PanelSettings {
  readonly apis: readonly ApiEntry[];
  readonly may_add: boolean;
  readonly signers: readonly string[];
  readonly hosts_added: readonly string[];
}

export interface Histogram {
  readonly band: number;
  readonly empty: boolean;
  readonly min?: number;
  readonly max?: number;
  readonly mean?: number;
  readonly std?: number;
  readonly counts: readonly number[];
  readonly stretch: readonly [number, number];
}

export interface PreviewAnswer {
  /** Base 64. */
  readonly png: string;
  readonly width: number;
  readonly height: number;
  readonly dtype: string;
  readonly crs: string | null;
  readonly nodata: number | null;
  readonly overviews: boolean;
  readonly bands: readonly { index: number; name: string; unit: string | null }[];
  readonly shown: readonly number[];
  readonly histograms: readonly Histogram[];
}

export interface DownloadState {
  readonly key: string;
  readonly href: string;
  readonly path: string;
  readonly state: 'running' | 'done' | 'failed' | 'cancelled';
  readonly done_bytes: number;
  readonly total_bytes: number | null;
  readonly error: ErrorBody | null;
}

export interface ErrorBody {
  readonly kind: string;
  readonly message: string;
  readonly remedy: string;
  readonly values: Readonly<Record<string, string | number | null>>;
}

/** What the server says in words. */
export class ApiError extends Error {
  constructor(
    readonly body: ErrorBody,
    readonly status: number
  ) {
    super(`${body.message} ${body.remedy}`.trim());
    this.name = 'ApiError';
  }
}

/** Does what `fetch` does, for a path below the server's own. */
export type Transport = (path: string, init: RequestInit) => Promise<Response>;

export interface PreviewWish {
  readonly bands: readonly number[];
  readonly stretch: readonly [number, number] | null;
}

/** Calls of the server's part. */
export class PanelApi {
  constructor(private readonly transport: Transport) {}

  settings(): Promise<PanelSettings> {
    return this.call('settings');
  }

  addApi(url: string, title: string): Promise<PanelSettings> {
    return this.call('apis', { method: 'POST', body: { url, title } });
  }

  removeApi(url: string): Promise<PanelSettings> {
    return this.call(`apis?url=${encodeURIComponent(url)}`, { method: 'DELETE' });
  }

  addHost(url: string): Promise<PanelSettings> {
    return this.call('hosts', { method: 'POST', body: { url } });
  }

  /** What an API answers; JSON of any shape. */
  ask(request: ApiRequest, signal?: AbortSignal): Promise<unknown> {
    return request.method === 'POST'
      ? this.call('api', { method: 'POST', body: { url: request.url, body: request.body }, signal })
      : this.call(`api?url=${encodeURIComponent(request.url)}`, { signal });
  }

  sign(hrefs: readonly string[]): Promise<SignAnswer> {
    return this.call('sign', { method: 'POST', body: { hrefs } });
  }

  preview(href: string, wish: PreviewWish, signal?: AbortSignal): Promise<PreviewAnswer> {
    const query = new URLSearchParams({ href });
    if (wish.bands.length) {
      query.set('bands', wish.bands.join(','));
    }
    if (wish.stretch) {
      query.set('stretch', wish.stretch.join(','));
    }
    return this.call(`preview?${query.toString()}`, { signal });
  }

  async downloads(): Promise<readonly DownloadState[]> {
    return (await this.call<{ downloads: DownloadState[] }>('downloads')).downloads;
  }

  download(href: string, folder: string): Promise<DownloadState> {
    return this.call('downloads', { method: 'POST', body: { href, folder } });
  }

  async cancelDownload(key: string): Promise<readonly DownloadState[]> {
    const path = `downloads?key=${encodeURIComponent(key)}`;
    return (await this.call<{ downloads: DownloadState[] }>(path, { method: 'DELETE' })).downloads;
  }

  private async call<T>(
    path: string,
    options: { method?: string; body?: unknown; signal?: AbortSignal } = {}
  ): Promise<T> {
    const { method = 'GET', body, signal } = options;
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
      throw new ApiError(
        { kind: 'offline', message: 'The Jupyter server does not answer.', remedy: '', values: {} },
        0
      );
    }
    const text = await response.text();
    let found: unknown;
    try {
      found = JSON.parse(text);
    } catch {
      found = null;
    }
    if (!response.ok) {
      throw new ApiError(errorOf(found, response.status), response.status);
    }
    return found as T;
  }
}

function errorOf(found: unknown, status: number): ErrorBody {
  const body = (typeof found === 'object' && found !== null ? found : {}) as Partial<ErrorBody>;
  const gone = status === 401 || status === 403;
  return {
    kind: body.kind ?? (gone ? 'session' : 'failed'),
    message: body.message ?? `The Jupyter server answers ${status}.`,
    remedy: body.remedy ?? '',
    values: body.values ?? {}
  };
}
