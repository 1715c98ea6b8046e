// What is asked of a host engine: whether a signature fits. Which key and which algorithm, the core has decided before.

/** The registered name of a signature algorithm. */
export type Algorithm =
  | "HS256"
  | "HS384"
  | "HS512"
  | "RS256"
  | "RS384"
  | "RS512"
  | "PS256"
  | "PS384"
  | "PS512"
  | "ES256"
  | "ES384"
  | "ES512"
  | "ES256K"
  | "EdDSA"
  | "ML-DSA-44"
  | "ML-DSA-65"
  | "ML-DSA-87";

/** A signature that the core leaves to its host. */
export interface Question<Bytes extends Uint8Array = Uint8Array> {
  /** Stands for one key with one algorithm, for as long as the core that gave it lives. */
  readonly keyNumber: number;
  /** What the key is used with. */
  readonly algorithm: Algorithm;
  /** The key as JWK, of which the core has found type, curve and strength to be right. Called when a key is taken in. */
  readonly jwk: () => string;
  /** The bytes that were signed. */
  readonly signingInput: Bytes;
  /** The signature; an ECDSA signature is raw. */
  readonly signature: Bytes;
}

/** A question whose bytes nobody else writes to, however long answering takes. */
export type OwnQuestion = Question<Uint8Array<ArrayBuffer>>;

/** The signature is this key's over these bytes. */
export const FITS = 0;
/** It is not. */
export const DOES_NOT_FIT = 1;
/** The key is none: no point on its curve, for example. */
export const KEY_UNUSABLE = 2;
/** What an engine says of a signature. */
export type Answer = typeof FITS | typeof DOES_NOT_FIT | typeof KEY_UNUSABLE;

/** Somebody who can check signatures, here or elsewhere. */
export interface HostEngine {
  /** By which a caller may force it. */
  readonly name: EngineName;
  /** Whether it knows the algorithm; `undefined` where that shows only when it is tried. */
  knows(algorithm: Algorithm): boolean | undefined;
  /**
   * Checks a signature. `undefined` says that this engine cannot tell, as it turned out not to know the algorithm: the
   * next one is asked. Throwing or rejecting says the same, for a reason that may pass.
   */
  verify(question: OwnQuestion): Answer | undefined | Promise<Answer | undefined>;
}

/** `crypto.subtle`, `node:crypto`, and Rust in a Wasm of its own. */
export type EngineName = "webcrypto" | "nodecrypto" | "wasm";

/** An answer out of a yes or no. */
export function answerOf(fits: boolean): Answer {
  // Nothing but `true` will do: what a host's API might return instead must let nothing pass.
  return fits === true ? FITS : DOES_NOT_FIT;
}
