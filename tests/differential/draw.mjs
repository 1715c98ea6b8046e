// Draws that come out the same in every run: SHA-256 in counter mode.
import { createHash } from "node:crypto";

/** What a seed's draws are. */
export class Draw {
  #seed;
  #block = Buffer.alloc(0);
  #used = 0;
  #blocks = 0;

  /** @param {string} seed */
  constructor(seed) {
    this.#seed = seed;
  }

  /** A whole number from 0 to `below` less 1. */
  below(below) {
    if (this.#used + 4 > this.#block.length) {
      this.#block = createHash("sha256").update(`${this.#seed}/${(this.#blocks += 1)}`).digest();
      this.#used = 0;
    }
    const number = this.#block.readUInt32BE(this.#used);
    this.#used += 4;
    return number % below;
  }

  /** One of these. */
  of(list) {
    return list[this.below(list.length)];
  }

  /** Whether, in one of so many cases. */
  oneIn(many) {
    return this.below(many) === 0;
  }
}
