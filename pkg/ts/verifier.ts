// The verifier: asks the core, reads what the core says is missing, and asks again.

import { answering, settled } from "./answering.js";
import type { Core, Lack, Platform } from "./core.js";
import { LACKING, SNAPSHOT, limits, loadWasm, typed } from "./core.js";
import type { Decision, SnapshotInfo } from "./decision.js";
import {
  ALLOW,
  ASK,
  DENY,
  claimsOnDesk,
  faultOnDesk,
  isDueOnDesk,
  payloadOf,
  putToken,
  questionOnDesk,
  snapshotOnDesk,
  statusOnDesk,
} from "./desk.js";
import { RevocableError } from "./error.js";
import { errorOf } from "./error_of.js";
import type { Host } from "./host/host.js";
import type { RemoteKeys } from "./keys_reader.js";
import { readKeys } from "./keys_reader.js";
import { LackingReader, MOST_ROUNDS } from "./lacking.js";
import type { CheckedOptions, VerifierOptions } from "./options.js";
import { checkOptions } from "./options.js";
import type { Reading } from "./reading.js";
import type { Follower } from "./source/follower.js";
import { readingThat } from "./reading.js";
import { SnapshotReader } from "./snapshot_reader.js";
import { readFrom } from "./source/source.js";

/**
 * What `createVerifier` of a runtime is made of.
 * @internal
 */
export function createVerifierOn(platform: Platform): (options: VerifierOptions) => Promise<Verifier> {
  return async (options) => {
    await loadWasm(platform);
    return new Verifier(checkOptions(options, platform), platform);
  };
}

/** Says of tokens whether they stand. */
export class Verifier {
  readonly #core: Core;
  readonly #host: Host;
  readonly #now: () => number;
  readonly #keys: Reading[];
  readonly #snapshot: Reading | undefined;
  readonly #lacking: LackingReader | undefined;
  readonly #follower: Follower | undefined;

  /** @internal */
  constructor(options: CheckedOptions, platform: Platform) {
    const { core, engine, source, follower, confirm, now, fetch, onReadError, seeds } = options;
    this.#core = core;
    this.#host = platform.hostHere(engine);
    this.#now = now;
    const { hasHttpCache } = platform;
    const reads = { fetch, now, hasHttpCache };
    this.#keys = Array.from({ length: core.issuers }, (_, issuer) =>
      readingThat((alive) => readKeys(this.#keysOf(issuer), reads, alive), "ERR_JWKS_UNAVAILABLE", onReadError),
    );
    if (source !== undefined) {
      const fromSource = readFrom(source);
      const read = follower?.reading(fromSource) ?? fromSource;
      const reader = new SnapshotReader({ into: core, read, host: () => this.#host, now, limit: limits().manifest });
      this.#snapshot = readingThat(
        (alive) => reader.read(alive),
        "ERR_REVOCATION_SOURCE_UNAVAILABLE",
        onReadError,
      );
      this.#lacking = new LackingReader({ into: core, read, confirm, onReadError });
      const reading = this.#snapshot;
      void follower?.run({ seq: () => this.snapshot?.seq, look: () => reading.again(), onReadError });
    }
    this.#follower = follower;
    for (const [issuer, saved] of seeds) this.#seed(issuer, saved, onReadError);
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
    const final = isFinal(decided) ? decided : await this.#remedied(token, decided);
    if (final.isDue) this.#readWhatIsDue(options?.waitUntil);
    return final.decision;
  }

  /**
   * As [`Verifier.verify`], with what is at hand and engines that answer at once. What is lacking is read in the background,
   * for the tokens to come.
   * @internal
   */
  verifyNow(token: string): Decision {
    const verdict = this.#decide(token);
    if (verdict instanceof Promise) throw new TypeError("an engine that answers later was asked");
    if (verdict.remedy === LACKING) void this.#lacking?.inBackground(verdict.lacking);
    else if (verdict.remedy !== undefined) void this.#readingOf(verdict.remedy)?.inBackground();
    if (verdict.isDue) this.#readWhatIsDue(undefined);
    return verdict.decision;
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

  /** Ends following an authority (`revocations.follow`). The verifier goes on answering, and reads its source as others do. */
  close(): void {
    this.#follower?.close();
  }

  /**
   * The keys that were read from URLs, by issuer, to be kept where the next process finds them: each is what an issuer's
   * option `seed` takes. Whoever can write there can choose the issuers' keys.
   */
  exportKeys(): { [issuer: string]: string } {
    const exported = this.#keys.flatMap((_, issuer): [string, string][] => {
      const [name, keys] = [this.#core.issuerName(issuer), this.#core.exportKeys(issuer)];
      return name === undefined || keys === undefined ? [] : [[name, keys]];
    });
    return Object.fromEntries(exported);
  }

  /** What cannot be used any more is read anew. */
  #seed(issuer: number, saved: string, onReadError: (error: RevocableError) => unknown): void {
    try {
      typed(() => this.#core.seedKeys(issuer, saved, this.#now()));
    } catch (error) {
      if (!(error instanceof RevocableError)) throw error;
      onReadError(error);
    }
  }

  /** Has read what a decision lacks, each thing once, and decides again. */
  async #remedied(token: string, verdict: Verdict): Promise<Verdict> {
    const rounds = new Map<number, number>();
    let failure: RevocableError | undefined;
    while (verdict.remedy !== undefined) {
      const { remedy, lacking } = verdict;
      const before = rounds.get(remedy) ?? 0;
      if (before >= (remedy === LACKING && failure === undefined ? MOST_ROUNDS : 1)) break;
      rounds.set(remedy, before + 1);
      failure = await (remedy === LACKING ? this.#lacking?.now(lacking) : this.#readingOf(remedy)?.now());
      verdict = await this.#decide(token);
    }
    const { decision } = verdict;
    if (decision.decision === "allow") return verdict;
    const cause = failure ?? this.#causeOf(decision.error);
    if (cause !== undefined) decision.error.cause = cause;
    return verdict;
  }

  /** What went wrong when that which is lacking was last read, as far as it can be told which that is. */
  #causeOf({ code }: RevocableError): RevocableError | undefined {
    const readings = code === "ERR_JWKS_UNAVAILABLE" ? this.#keys : [];
    const failed = readings.map((reading) => reading.failure).filter((failure) => failure !== undefined);
    return failed.length === 1 ? failed[0] : undefined;
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
      const { status, reason } = statusOnDesk();
      const [header, claims] = claimsOnDesk();
      const decision: Decision = { decision: "allow", claims, header, status, reason, snapshot };
      if (status !== "unknown") return { decision, remedy: undefined, lacking: NOTHING, isDue };
      return { decision, ...this.#lacks(token), isDue };
    }
    const fault = faultOnDesk();
    const error = errorOf(fault, cause, fault.stage === "claims" ? payloadOf(token) : undefined);
    const decision: Decision = { decision: outcome === DENY ? "deny" : "unavailable", error, snapshot };
    return { decision, ...this.#lacks(token), isDue };
  }

  /** What could be read for the token whose decision lies on the desk. */
  #lacks(token: string): Pick<Verdict, "remedy" | "lacking"> {
    const remedy = typed(() => this.#core.remedy(putToken(token), this.#now()));
    return { remedy, lacking: remedy === LACKING ? (this.#core.lacking() as Lack[]) : NOTHING };
  }

  #readWhatIsDue(waitUntil: VerifyOptions["waitUntil"]): void {
    for (const what of typed(() => this.#core.due(this.#now()))) {
      const work = this.#readingOf(what)?.inBackground();
      if (work !== undefined && typeof waitUntil === "function") waitUntil(work);
    }
  }

  #readingOf(what: number): Reading | undefined {
    return what === SNAPSHOT ? this.#snapshot : this.#keys[what];
  }

  /** The keys of one issuer, as what reads them knows them. */
  #keysOf(issuer: number): RemoteKeys {
    const core = this.#core;
    return {
      nextFetch: (now) => core.nextFetch(issuer, now),
      beginKeys: (now) => core.beginKeys(issuer, now),
      installKeys: (...args) => core.installKeys(issuer, ...args),
      endKeys: () => core.endKeys(issuer),
      failKeys: (now) => core.failKeys(issuer, now),
    };
  }
}

/** A decision, and what is to be read before it can be another one, or soon. */
interface Verdict {
  decision: Decision;
  remedy: number | undefined;
  /** With [`LACKING`]: what is to be read. */
  lacking: readonly Lack[];
  isDue: boolean;
}

const NOTHING: readonly Lack[] = [];

function isFinal({ decision }: Verdict): boolean {
  return decision.decision === "allow" && decision.status !== "unknown";
}

/** What one call of `verify` may be given. */
export interface VerifyOptions {
  /** Keeps a Worker alive until work in the background is done. */
  waitUntil?: ((work: Promise<unknown>) => void) | undefined;
}
