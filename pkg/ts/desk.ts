// The desk: memory of the Wasm's own through which tokens go in and outcomes come out. pkg/src/desk.rs has the layout.
//
// Whatever lies here is good until the next token: pick it up before anything is waited for.

import type { Fault } from "./core.js";
import type { Claims, Header, SnapshotInfo, Status, UnknownReason } from "./decision.js";
import { STATUSES, UNKNOWN_REASONS } from "./decision.js";
import type { Algorithm } from "./host/question.js";
import * as wasm from "./revocable_wasm.js";

/** The token stands: [`claimsOnDesk`]. */
export const ALLOW = 0;
/** The token is at fault: [`faultOnDesk`]. */
export const DENY = 1;
/** Our own data is at fault: [`faultOnDesk`]. */
export const UNAVAILABLE = 2;
/** Its signature is to be checked here: [`questionOnDesk`]. */
export const ASK = 3;

/** A question, and the ticket with which to come back. */
export interface Ticket {
  ticket: number;
  keyNumber: number;
  algorithm: Algorithm;
  jwk: () => string;
  /** A view of the Wasm's memory. */
  signingInput: Uint8Array;
  /** A view of the Wasm's memory. */
  signature: Uint8Array;
}

/** What the numbers mean when they are about a decision. */
const TEXT_AT = 0;
const TEXT_BYTES = 1;
const STATUS = 2;
const HAS_TIMES = 3;
const IS_DUE = 4;
const REASON = 5;
/** And when they are about a question. */
const TICKET = 0;
const KEY_NUMBER = 1;
const ALGORITHM = 2;
const SIGNATURE_AT = 3;
const SIGNATURE_BYTES = 4;
const INPUT_AT = 5;
const INPUT_BYTES = 6;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

let memory: WebAssembly.Memory;
let tokenAt: number;
let tokenBytes: number;
let numbersAt: number;
let timesAt: number;
let algorithms: Algorithm[];

// Views of the memory; when it grows, they lose it.
let bytes = new Uint8Array(0);
let token = bytes;
let numbers = new Uint32Array(0);
let times = new Float64Array(0);

/** Called once, when the Wasm has been loaded. */
export function setUpDesk(of: WebAssembly.Memory): void {
  memory = of;
  [tokenAt = 0, tokenBytes = 0, numbersAt = 0, timesAt = 0] = wasm.desk();
  algorithms = wasm.algorithms() as Algorithm[];
  lookAgain();
}

/** Puts a token down. What is no string is no token either. Gives its length for the core. */
export function putToken(text: string): number {
  if (bytes.byteLength === 0) lookAgain();
  if (typeof text !== "string") return 0;
  const { read, written } = encoder.encodeInto(text, token);
  // There is room for one byte more than a token may have.
  return read === text.length ? written : tokenBytes;
}

/** As [`putToken`], for a token in UTF-8. */
export function putTokenBytes(utf8: Uint8Array): number {
  if (bytes.byteLength === 0) lookAgain();
  if (utf8.byteLength > tokenBytes) return tokenBytes;
  // Bytes that were handed over to somebody else are none, and not to be copied.
  if (utf8.byteLength === 0) return 0;
  token.set(utf8);
  return utf8.byteLength;
}

/** The header and the claims of a token that stands. */
export function claimsOnDesk(): [Header, Claims] {
  const at = number(TEXT_AT);
  // The core has found that every reader of JSON finds the same in this text. `JSON.parse` gives every member a property
  // of its own, `__proto__` too.
  return JSON.parse(decoder.decode(bytes.subarray(at, at + number(TEXT_BYTES)))) as [Header, Claims];
}

/** The claims of a token, whatever is wrong with them; what lay on the desk before is gone. */
export function payloadOf(text: string | Uint8Array): Claims | undefined {
  const length = typeof text === "string" ? putToken(text) : putTokenBytes(text);
  return wasm.decode(length) === ALLOW ? claimsOnDesk()[1] : undefined;
}

/** The header of a token that has been looked at before a key was chosen for it. */
export function headerOnDesk(): Header {
  return claimsOnDesk()[0];
}

/** Why a token does not stand. */
export function faultOnDesk(): Fault {
  return wasm.lastFault() as Fault;
}

/** What the lists said of a token that stands. */
export function statusOnDesk(): { status: Status; reason: UnknownReason | undefined } {
  const status = STATUSES[number(STATUS)];
  if (status === undefined) throw new TypeError("the core let a token pass that it knows nothing of");
  return { status, reason: status === "unknown" ? UNKNOWN_REASONS[number(REASON)] : undefined };
}

/** How current the lists were. */
export function snapshotOnDesk(): SnapshotInfo | undefined {
  if (number(HAS_TIMES) === 0) return undefined;
  const [seq = 0, age = 0, checkedAgo = 0] = times;
  return { seq, age, checkedAgo };
}

/** Whether something should be read in the background. */
export function isDueOnDesk(): boolean {
  return number(IS_DUE) !== 0;
}

/** What the core asks. */
export function questionOnDesk(): Ticket {
  if (bytes.byteLength === 0) lookAgain();
  const view = (at: number, length: number) => bytes.subarray(number(at), number(at) + number(length));
  const ticket = number(TICKET);
  return {
    ticket,
    keyNumber: number(KEY_NUMBER),
    // The core asks about its own algorithms only.
    algorithm: algorithms[number(ALGORITHM)] as Algorithm,
    jwk: () => jwkOf(ticket),
    signingInput: view(INPUT_AT, INPUT_BYTES),
    signature: view(SIGNATURE_AT, SIGNATURE_BYTES),
  };
}

/** Of a token that has waited too long there is none to be had, which says nothing about the key. */
function jwkOf(ticket: number): string {
  const jwk = wasm.questionJwk(ticket);
  if (jwk === undefined) throw new Error("the token waits no longer");
  return jwk;
}

function number(index: number): number {
  if (numbers.byteLength === 0) lookAgain();
  return numbers[index] ?? 0;
}

function lookAgain(): void {
  bytes = new Uint8Array(memory.buffer);
  token = bytes.subarray(tokenAt, tokenAt + tokenBytes);
  numbers = new Uint32Array(memory.buffer, numbersAt, 8);
  times = new Float64Array(memory.buffer, timesAt, 3);
}
