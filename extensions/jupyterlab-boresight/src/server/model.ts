/** What the server says of itself, asked from time to time while somebody looks. */

import { type ISignal, Signal } from '@lumino/signaling';

import { ApiError } from '../api';
import type { Translate } from '../i18n';
import type { Home, Idle, Memory, Packages, ServerApi } from './api';
import { hoursToKeep, type Notice, noticesOf } from './notices';

export const MEMORY_EVERY_MS = 5_000;
export const IDLE_EVERY_MS = 15_000;
export const HOME_EVERY_MS = 120_000;
export const PACKAGES_EVERY_MS = 30_000;

/** Names of notices that were closed; outlives the page. */
export interface Seen {
  has(key: string): boolean;
  add(key: string): void;
}

type Part = 'idle' | 'home' | 'memory' | 'packages';

export class ServerModel {
  idle: Idle | null = null;
  home: Home | null = null;
  memory: Memory | null = null;
  packages: Packages | null = null;

  constructor(
    private readonly api: ServerApi,
    private readonly trans: Translate,
    private readonly language: string,
    private readonly seen: Seen
  ) {}

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Notices that nobody has closed yet. */
  get notices(): Notice[] {
    return noticesOf(this, this.trans, this.language).filter(one => !this.seen.has(one.key));
  }

  /** Look once, and again and again until it is let go. */
  watch(): () => void {
    const timers = (
      [
        ['memory', MEMORY_EVERY_MS],
        ['idle', IDLE_EVERY_MS],
        ['home', HOME_EVERY_MS],
        ['packages', PACKAGES_EVERY_MS]
      ] as const
    ).map(([part, everyMs]) => {
      void this.look(part);
      return setInterval(() => {
        // what nobody sees need not be new; a warning has to be heard all the same
        if (part === 'idle' || document.visibilityState === 'visible') {
          void this.look(part);
        }
      }, everyMs);
    });
    return () => timers.forEach(clearInterval);
  }

  async look(part: Part): Promise<void> {
    if (this.absent.has(part)) {
      return;
    }
    try {
      if (part === 'idle') {
        this.idle = await this.api.idle();
      } else if (part === 'home') {
        this.home = await this.api.home();
      } else if (part === 'packages') {
        this.packages = await this.api.packages();
      } else {
        this.memory = await this.api.memory();
      }
    } catch (problem) {
      if (problem instanceof ApiError && problem.kind === 'absent') {
        this.absent.add(part); // a server without that part is not asked again
      }
      return; // what was said last holds until the server answers again
    }
    this._changed.emit();
  }

  async here(): Promise<void> {
    this.idle = await this.api.here();
    this._changed.emit();
  }

  async keep(): Promise<void> {
    if (this.idle) {
      this.idle = await this.api.keep(hoursToKeep(this.idle));
      this._changed.emit();
    }
  }

  /** A notice was closed: it is not shown again, unless it comes back after it had passed. */
  close(notice: Notice): void {
    this.seen.add(notice.key);
  }

  private readonly absent = new Set<Part>();
  private readonly _changed = new Signal<this, void>(this);
}
