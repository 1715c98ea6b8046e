// `createVerifierSync`: a verifier that answers at once, with what it has been given or has read before.

import type { Platform } from "../core.js";
import { loadWasmNow } from "../core.js";
import type { Decision, SnapshotInfo } from "../decision.js";
import type { VerifierOptions } from "../options.js";
import { checkOptions } from "../options.js";
import { Verifier } from "../verifier.js";

/** What makes a [`SyncVerifier`] in a runtime; in a browser, `await init()` has to come before. */
export type CreateVerifierSync = (options: VerifierOptions) => SyncVerifier;

/**
 * `createVerifierSync` of a runtime whose engines answer at once.
 * @internal
 */
export function createVerifierSyncOn(platform: Platform): CreateVerifierSync {
  return (options) => {
    loadWasmNow(platform);
    return new SyncVerifier(new Verifier(checkOptions(options, platform), platform));
  };
}

/** Says of tokens whether they stand, without a promise. */
export class SyncVerifier {
  readonly #verifier: Verifier;

  /** @internal */
  constructor(verifier: Verifier) {
    this.#verifier = verifier;
  }

  /**
   * Decides about a token with the keys and the snapshot at hand. It never waits for either: where they are lacking, the
   * decision is `"unavailable"`, and they are read in the background, as they are when they are past their soft limit.
   * `await verifier.refresh()` has them read before the first token.
   */
  verifySync(token: string): Decision {
    return this.#verifier.verifyNow(token);
  }

  /** As `Verifier.refresh`. */
  async refresh(): Promise<SnapshotInfo | undefined> {
    return this.#verifier.refresh();
  }

  /** As `Verifier.snapshot`. */
  get snapshot(): SnapshotInfo | undefined {
    return this.#verifier.snapshot;
  }

  /** As `Verifier.close`. */
  close(): void {
    this.#verifier.close();
  }

  /** As `Verifier.exportKeys`. */
  exportKeys(): { [issuer: string]: string } {
    return this.#verifier.exportKeys();
  }
}
