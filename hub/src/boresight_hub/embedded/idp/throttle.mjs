// Slows down guessing of passwords, in memory that does not grow.
//
// Failures are counted in a fixed number of slots; a name's slot is found by a keyed hash, so
// nobody can choose a name that shares somebody else's slot. Names that nobody has are treated
// like the others: the answer does not tell which exist.
import { createHmac, randomBytes } from 'node:crypto';

const SLOTS = 4096;
const FREE_FAILURES = 5;
const LONGEST_WAIT_S = 60;
const FORGET_AFTER_S = 900;

export class Throttle {
  #key = randomBytes(32);

  #failures = new Uint8Array(SLOTS);

  #lastFailureS = new Float64Array(SLOTS);

  #clock;

  constructor(clock = () => performance.now() / 1000) {
    this.#clock = clock;
  }

  // Seconds until the next attempt for this name is looked at, 0 for now.
  waitS(name) {
    const slot = this.#slot(name);
    const agoS = this.#clock() - this.#lastFailureS[slot];
    if (agoS > FORGET_AFTER_S) this.#failures[slot] = 0;
    const beyond = this.#failures[slot] - FREE_FAILURES;
    if (beyond < 0) return 0;
    const waitS = Math.min(LONGEST_WAIT_S, 2 ** (beyond + 1));
    return Math.max(0, Math.ceil(waitS - agoS));
  }

  failed(name) {
    const slot = this.#slot(name);
    this.#failures[slot] = Math.min(255, this.#failures[slot] + 1);
    this.#lastFailureS[slot] = this.#clock();
  }

  succeeded(name) {
    this.#failures[this.#slot(name)] = 0;
  }

  #slot(name) {
    return createHmac('sha256', this.#key).update(name).digest().readUInt32BE() % SLOTS;
  }
}
