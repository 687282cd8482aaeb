/** Notices that were closed, kept by the browser. */

import type { Seen } from './model';

const NAME = 'boresight:notices';
const MOST = 200;

export class SeenNotices implements Seen {
  constructor(private readonly storage: Pick<Storage, 'getItem' | 'setItem'>) {
    try {
      const kept: unknown = JSON.parse(storage.getItem(NAME) ?? '[]');
      this.keys = new Set(Array.isArray(kept) ? kept.map(String) : []);
    } catch {
      this.keys = new Set();
    }
  }

  has(key: string): boolean {
    return this.keys.has(key) || this.closed.has(key);
  }

  add(key: string): void {
    if (!/\d/.test(key)) {
      this.closed.add(key); // of a state that may come back another day: for this page alone
      return;
    }
    this.keys.add(key);
    try {
      this.storage.setItem(NAME, JSON.stringify([...this.keys].slice(-MOST)));
    } catch {
      // a browser that keeps nothing: for this page alone
    }
  }

  private readonly keys: Set<string>;
  private readonly closed = new Set<string>();
}
