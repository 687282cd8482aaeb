/** Calls of the Jupyter server's own routes, below `boresight/`. */

import { ApiError, type Transport } from '../api';

export interface Announcement {
  readonly id: number;
  readonly text: Readonly<Record<string, string>>;
  readonly level: 'info' | 'warning';
}

export interface Judgement {
  readonly state: 'busy' | 'quiet' | 'warned' | 'over' | 'disabled';
  readonly ends_at: string;
  readonly quota_left_s: number;
  readonly keep_longest_s: number;
  readonly announcements: readonly Announcement[];
  readonly ended_before: readonly {
    readonly ended_at: string;
    readonly open: readonly string[];
  }[];
}

export interface Idle {
  readonly judgement: Judgement | null;
}

export interface Home {
  readonly quota_bytes: number;
  readonly used_bytes: number;
  readonly free_bytes: number;
  readonly own_bytes: number;
  readonly is_shared: boolean;
  readonly is_full: boolean;
  readonly is_nearly_full: boolean;
  readonly is_rescue: boolean;
  readonly biggest: readonly { readonly path: string; readonly size_bytes: number }[];
}

export interface Death {
  readonly number: number;
  readonly name: string;
  readonly at: string;
  readonly cause: 'memory' | 'signal' | 'exit';
  readonly signal: string;
  readonly memory_bytes: number;
  readonly limit_bytes: number;
  readonly code: string;
  readonly count: number | null;
}

export interface Memory {
  readonly limit_bytes: number;
  readonly used_bytes: number;
  readonly own_bytes: number;
  readonly source: 'cgroup' | 'spawner' | 'machine';
  readonly kernels: readonly {
    readonly kernel_id: string;
    readonly name: string;
    readonly memory_bytes: number;
  }[];
  readonly deaths: readonly Death[];
}

export interface Packages {
  readonly state: 'none' | 'ready' | 'building' | 'failed';
  readonly problem: string;
}

export class ServerApi {
  constructor(private readonly transport: Transport) {}

  idle(): Promise<Idle> {
    return this.call('api/idle');
  }

  /** Say that somebody is here. */
  here(): Promise<Idle> {
    return this.call('api/idle/here', {});
  }

  keep(hours: number): Promise<Idle> {
    return this.call('api/idle/keep', { hours });
  }

  home(): Promise<Home> {
    return this.call('home');
  }

  memory(): Promise<Memory> {
    return this.call('api/memory');
  }

  packages(): Promise<Packages> {
    return this.call('api/packages');
  }

  private async call<T>(path: string, body?: object): Promise<T> {
    let response: Response;
    try {
      const told = body ? { method: 'POST', body: JSON.stringify(body) } : { method: 'GET' };
      response = await this.transport(path, told);
    } catch {
      throw new ApiError('offline', 'The Jupyter server does not answer.', '');
    }
    const text = await response.text();
    if (!response.ok) {
      const kind = response.status === 404 ? 'absent' : 'failed';
      throw new ApiError(kind, messageIn(text) || `${response.status}`, '');
    }
    return JSON.parse(text) as T;
  }
}

function messageIn(text: string): string {
  try {
    return String((JSON.parse(text) as { message?: unknown }).message ?? '');
  } catch {
    return '';
  }
}
