// The verifier: asks the core, reads what the core says is missing, and asks again.

import { answering, settled } from "./answering.js";
import type { Core, Incoming, Offering, Platform, PlainQuestion, WantedSegment } from "./core.js";
import { SNAPSHOT, failure, limits, loadWasm, typed } from "./core.js";
import type { Decision, SnapshotInfo } from "./decision.js";
import {
  ALLOW,
  ASK,
  DENY,
  claimsOnDesk,
  faultOnDesk,
  isDueOnDesk,
  putToken,
  questionOnDesk,
  snapshotOnDesk,
  statusOnDesk,
} from "./desk.js";
import type { ErrorCode } from "./error.js";
import { RevocableError } from "./error.js";
import type { Host } from "./host/host.js";
import type { CheckedOptions, VerifierOptions } from "./options.js";
import { checkOptions } from "./options.js";
import { READ_TIMEOUT_MILLIS, TooLarge, digestByHost, inTime, readBody } from "./read.js";
import type { Alive } from "./reading.js";
import { Reading } from "./reading.js";
import type { ReadObject } from "./source.js";
import { MANIFEST, readByFunction, readFromUrl } from "./source.js";

/** How many segments are read at a time: browsers keep six connections to a host. */
const SEGMENTS_AT_A_TIME = 6;

/**
 * What `createVerifier` of a runtime is made of.
 * @internal
 */
export function createVerifierOn(platform: Platform): (options: VerifierOptions) => Promise<Verifier> {
  return async (options) => {
    await loadWasm(platform);
    return new Verifier(checkOptions(options), platform);
  };
}

/** Says of tokens whether they stand. */
export class Verifier {
  readonly #core: Core;
  readonly #host: Host;
  readonly #now: () => number;
  readonly #fetch: typeof fetch;
  readonly #hasHttpCache: boolean;
  readonly #onReadError: (error: RevocableError) => unknown;
  readonly #limits = limits();
  readonly #keys: Reading[];
  readonly #snapshot: Reading | undefined;

  /** @internal */
  constructor({ core, engine, source, now, fetch, onReadError }: CheckedOptions, platform: Platform) {
    this.#core = core;
    this.#host = platform.hostHere(engine);
    this.#now = now;
    this.#fetch = fetch;
    this.#hasHttpCache = platform.hasHttpCache;
    this.#onReadError = onReadError;
    this.#keys = Array.from({ length: core.issuers }, (_, issuer) =>
      this.#reading("ERR_JWKS_UNAVAILABLE", (alive) => this.#readKeys(issuer, alive)),
    );
    if (source !== undefined) {
      const read =
        source instanceof URL ? readFromUrl(source, fetch, platform.hasHttpCache) : readByFunction(source);
      this.#snapshot = this.#reading("ERR_REVOCATION_SOURCE_UNAVAILABLE", (alive) => this.#readSnapshot(read, alive));
    }
  }

  /**
   * Decides about a token: signature, claims, revocation, in this order. It never rejects because of the token or of
   * what could not be read; both are decisions.
   *
   * The first call reads keys and snapshot. Later ones answer from memory and have whatever is older than its soft
   * limit read again in the background. On Workers, pass `waitUntil: (work) => context.waitUntil(work)`: there, what is
   * left when a request ends is stopped otherwise.
   */
  async verify(token: string, options?: VerifyOptions): Promise<Decision> {
    const verdict = this.#decide(token);
    const decided = verdict instanceof Promise ? await verdict : verdict;
    // What stands with lists that know it is final; of anything else it has to be seen whether something is lacking.
    const final = decided.decision.decision === "allow" ? decided : await this.#remedied(token, decided);
    if (final.isDue) this.#readWhatIsDue(options?.waitUntil);
    return final.decision;
  }

  /** How current the revocation lists are; `undefined` before the first was read, or where none is asked. */
  get snapshot(): SnapshotInfo | undefined {
    return typed(() => this.#core.snapshot(this.#now()) as SnapshotInfo | undefined);
  }

  /**
   * Reads the snapshot and every key set that has a URL, at once. What it reads was asked for after this call: a
   * reading already under way is waited for, and followed by another.
   *
   * It rejects with the first failure, a `RevocableError`; what was good before goes on answering all the same.
   */
  async refresh(): Promise<SnapshotInfo | undefined> {
    const remote = this.#keys.filter((_, issuer) => this.#core.keysUri(issuer) !== undefined);
    const all = this.#snapshot === undefined ? remote : [...remote, this.#snapshot];
    const failed = (await Promise.all(all.map((reading) => reading.again()))).find((error) => error !== undefined);
    if (failed !== undefined) throw failed;
    return this.snapshot;
  }

  /** Has read what a decision lacks, each thing once, and decides again. */
  async #remedied(token: string, verdict: Verdict): Promise<Verdict> {
    const failures = new Map<number, RevocableError | undefined>();
    while (verdict.remedy !== undefined && !failures.has(verdict.remedy)) {
      failures.set(verdict.remedy, await this.#readingOf(verdict.remedy)?.now());
      verdict = await this.#decide(token);
    }
    const { decision, remedy } = verdict;
    const cause = remedy === undefined ? undefined : failures.get(remedy);
    if (decision.decision !== "allow" && cause !== undefined) decision.error.cause = cause;
    return verdict;
  }

  /** Takes a token as far as it comes with what is at hand: at once, unless the host answers later. */
  #decide(token: string): Verdict | Promise<Verdict> {
    const length = putToken(token);
    return this.#pickUp(typed(() => this.#core.start(length, this.#now())), token);
  }

  /** Picks up what the core put on the desk; `cause` is what the host failed at, if it did. */
  #pickUp(outcome: number, token: string, cause?: unknown): Verdict | Promise<Verdict> {
    if (outcome === ASK) {
      const question = questionOnDesk();
      return settled(answering(this.#host, question), ({ answer, cause }) =>
        this.#pickUp(typed(() => this.#core.resume(question.ticket, answer, this.#now())), token, cause),
      );
    }
    const isDue = isDueOnDesk();
    const snapshot = snapshotOnDesk();
    if (outcome === ALLOW) {
      const status = statusOnDesk();
      if (status === undefined) throw new TypeError("the core let a token pass that it knows nothing of");
      const [header, claims] = claimsOnDesk();
      return { decision: { decision: "allow", claims, header, status, snapshot }, remedy: undefined, isDue };
    }
    const error = new RevocableError(faultOnDesk(), cause);
    const remedy = typed(() => this.#core.remedy(putToken(token), this.#now()));
    return { decision: { decision: outcome === DENY ? "deny" : "unavailable", error, snapshot }, remedy, isDue };
  }

  #readWhatIsDue(waitUntil: VerifyOptions["waitUntil"]): void {
    for (const what of typed(() => this.#core.due(this.#now()))) {
      const work = this.#readingOf(what)?.inBackground();
      if (work !== undefined) waitUntil?.(work);
    }
  }

  #readingOf(what: number): Reading | undefined {
    return what === SNAPSHOT ? this.#snapshot : this.#keys[what];
  }

  /** A reading that fails with a [`RevocableError`] and nothing else; `otherwise` is for what nobody foresaw. */
  #reading(otherwise: ErrorCode, read: (alive: Alive) => Promise<void>): Reading {
    return new Reading(async (alive) => {
      try {
        await read(alive);
        return undefined;
      } catch (thrown) {
        const error = thrown instanceof RevocableError ? thrown : failure(otherwise, messageOf(thrown), thrown);
        void this.#report(error);
        return error;
      }
    });
  }

  async #report(error: RevocableError): Promise<void> {
    try {
      await this.#onReadError(error);
    } catch {
      // What goes wrong in the caller's function decides about no token, and ends no process.
    }
  }

  async #readKeys(issuer: number, alive: Alive): Promise<void> {
    const uri = this.#core.keysUri(issuer);
    if (uri === undefined) return;
    typed(() => this.#core.beginKeys(issuer, this.#now()));
    try {
      const document = await this.#readJwks(uri, alive);
      typed(() => this.#core.installKeys(issuer, document, this.#now()));
    } finally {
      this.#core.endKeys(issuer);
    }
  }

  async #readJwks(uri: string, alive: Alive): Promise<Uint8Array> {
    const init: RequestInit = {
      headers: { accept: "application/jwk-set+json, application/json" },
      // Keys come from the configured place and from nowhere else. Workers refuse the word "error" here, so a redirect
      // is taken as the answer, which is then none.
      redirect: "manual",
    };
    // What an HTTP cache holds may lack the very key that is looked for.
    if (this.#hasHttpCache) init.cache = "no-cache";
    try {
      return await inTime(READ_TIMEOUT_MILLIS, async (signal) => {
        const response = await this.#fetch(uri, { ...init, signal });
        if (response.status !== 200) {
          await response.body?.cancel();
          throw new Error(response.type === "opaqueredirect" ? "it redirects" : `HTTP status ${response.status}`);
        }
        return readBody(response, this.#limits.jwks, alive);
      });
    } catch (error) {
      if (error instanceof TooLarge) throw failure("ERR_JWKS_INVALID", error.message, error);
      throw failure("ERR_JWKS_UNAVAILABLE", messageOf(error), error);
    }
  }

  /** Has a manifest's signature checked. */
  async #authenticate(offering: Offering): Promise<void> {
    try {
      for (let asked = ask(offering); asked !== undefined; asked = ask(offering)) {
        const { jwk, ...question } = asked;
        const { answer, cause } = await answering(this.#host, { ...question, jwk: () => jwk });
        typed(() => offering.answer(answer), cause);
      }
    } catch (error) {
      offering.free();
      throw error;
    }
  }

  async #readSnapshot(read: ReadObject, alive: Alive): Promise<void> {
    typed(() => this.#core.beginSnapshot(this.#now()));
    const manifest = await read(MANIFEST, this.#limits.manifest, alive);
    alive();
    if (manifest === undefined) {
      throw failure("ERR_REVOCATION_SOURCE_UNAVAILABLE", `there is no \`${MANIFEST}\``);
    }
    const offering = typed(() => this.#core.startOffer(manifest));
    if (offering === undefined) return;
    await this.#authenticate(offering);
    alive();
    const incoming = typed(() => this.#core.offer(offering, this.#now()));
    if (incoming === undefined) return;
    try {
      await gather(incoming, read, alive);
    } catch (error) {
      incoming.free();
      throw error;
    }
    typed(() => this.#core.accept(incoming, this.#now()));
  }
}

/** A decision, and what is to be read before it can be another one, or soon. */
interface Verdict {
  decision: Decision;
  remedy: number | undefined;
  isDue: boolean;
}

/** What one call of `verify` may be given. */
export interface VerifyOptions {
  /** Keeps a Worker alive until work in the background is done. */
  waitUntil?: ((work: Promise<unknown>) => void) | undefined;
}

/** Reads the segments that a newer snapshot wants, several at a time. Returns or throws once no reading is left. */
async function gather(incoming: Incoming, read: ReadObject, alive: Alive): Promise<void> {
  const wanted = incoming.missing() as WantedSegment[];
  const reader = async (): Promise<void> => {
    for (let segment = wanted.shift(); segment !== undefined; segment = wanted.shift()) {
      try {
        const bytes = await read(segment.name, segment.bytes, alive);
        if (bytes === undefined) throw failure("ERR_REVOCATION_SEGMENT_MISSING");
        const digest = await digestByHost(bytes);
        typed(() => incoming.supply(bytes, digest));
        alive();
      } catch (error) {
        // Without one of them the others are of no use.
        wanted.length = 0;
        throw error;
      }
    }
  };
  const outcomes = await Promise.allSettled(Array.from({ length: SEGMENTS_AT_A_TIME }, reader));
  const failed = outcomes.find((outcome) => outcome.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}

function ask(offering: Offering): PlainQuestion | undefined {
  return typed(() => offering.question() as PlainQuestion | undefined);
}

function messageOf(thrown: unknown): string | undefined {
  return thrown instanceof Error ? thrown.message : undefined;
}
