/** Signed addresses: asked for together, kept while they are good, and how long that is. */

export interface SignedAddress {
  readonly address: string;
  /** ISO 8601; null: without end. */
  readonly expires_at: string | null;
  readonly signer: string;
}

export interface SignAnswer {
  readonly signed: Readonly<Record<string, SignedAddress>>;
  readonly refused: Readonly<Record<string, { readonly message: string; readonly remedy: string }>>;
  /** The server's clock, ISO 8601. */
  readonly now: string;
}

/** Addresses with less than this left are signed anew before they are used [s]. */
export const MARGIN_S = 60;
const MAX_AT_ONCE = 64;

interface Kept {
  readonly signed: SignedAddress;
  /** Of the clock that never jumps [ms]; Infinity: without end. */
  readonly endsAtMs: number;
}

/** Signed addresses of one API. */
export class Signatures {
  private readonly kept = new Map<string, Kept>();
  private readonly refusals = new Map<string, string>();
  private waiting = new Map<string, ((found: SignedAddress | Error) => void)[]>();
  private timer: ReturnType<typeof setTimeout> | null = null;

  /**
   * @param sign Signs at most 64 hrefs.
   * @param clock Milliseconds that never jump.
   */
  constructor(
    private readonly sign: (hrefs: readonly string[]) => Promise<SignAnswer>,
    private readonly clock: () => number = () => performance.now()
  ) {}

  /** Address of an href; those that are asked for at the same time are signed in one request. */
  address(href: string): Promise<SignedAddress> {
    const left = this.left(href);
    if (left !== null && left > MARGIN_S) {
      return Promise.resolve(this.kept.get(href)!.signed);
    }
    return new Promise((resolve, reject) => {
      const tell = (found: SignedAddress | Error): void =>
        found instanceof Error ? reject(found) : resolve(found);
      this.waiting.set(href, [...(this.waiting.get(href) ?? []), tell]);
      this.timer ??= setTimeout(() => void this.flush(), 20);
    });
  }

  /** How long an address still lives [s]; null when none is kept. */
  left(href: string): number | null {
    const kept = this.kept.get(href);
    return kept ? Math.max(0, (kept.endsAtMs - this.clock()) / 1000) : null;
  }

  /** What is kept, whatever its age. */
  known(href: string): SignedAddress | null {
    return this.kept.get(href)?.signed ?? null;
  }

  /** Why an href was refused; empty when it was not. */
  refusal(href: string): string {
    return this.refusals.get(href) ?? '';
  }

  /** Sign anew at the next use, since the store has refused the address. */
  forget(href: string): void {
    this.kept.delete(href);
  }

  private async flush(): Promise<void> {
    const batch = this.waiting;
    this.waiting = new Map();
    this.timer = null;
    const hrefs = [...batch.keys()];
    for (let start = 0; start < hrefs.length; start += MAX_AT_ONCE) {
      const some = hrefs.slice(start, start + MAX_AT_ONCE);
      const told = (href: string, found: SignedAddress | Error): void =>
        batch.get(href)?.forEach(tell => tell(found));
      const begun = this.clock();
      try {
        const answer = await this.sign(some);
        for (const href of some) {
          const signed = answer.signed[href];
          if (signed) {
            this.keep(href, signed, answer.now, begun);
            told(href, signed);
          } else {
            const why = answer.refused[href];
            const words = why ? `${why.message} ${why.remedy}`.trim() : href;
            this.refusals.set(href, words);
            told(href, new Error(words));
          }
        }
      } catch (problem) {
        some.forEach(href =>
          told(href, problem instanceof Error ? problem : new Error(String(problem)))
        );
      }
    }
  }

  private keep(href: string, signed: SignedAddress, now: string, begun: number): void {
    // by the server's clock: the browser's may be wrong
    const life = signed.expires_at
      ? Date.parse(signed.expires_at) - Date.parse(now)
      : Number.POSITIVE_INFINITY;
    this.refusals.delete(href);
    this.kept.set(href, { signed, endsAtMs: begun + (Number.isNaN(life) ? 0 : life) });
  }
}
