// Every algorithm on workerd, each by whoever verifies it there: HMAC, secp256k1 and ML-DSA in Rust, the rest by WebCrypto.
//
// The tokens are those of the fuzzers' corpus. They have expired, which the gate finds only after their signatures.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { startGate } from "../../xtask/node/gate.mjs";
import { ROOT } from "../../xtask/node/names.mjs";
import { ask } from "./support.mjs";

const CORPUS = join(ROOT, "fuzz/corpus");
const { keys } = JSON.parse(await readFile(join(CORPUS, "jwks/every-algorithm.json"), "utf8"));
const algorithms = keys.map((/** @type {{ alg: string }} */ { alg }) => alg);

describe("signatures on workerd", () => {
  /** @type {import("../../xtask/node/gate.mjs").Gate} */
  let gate;
  before(async () => {
    /** @type {Record<string, string>} */
    const bindings = {};
    // A configuration holds no secret, only its name.
    const referred = keys.map((/** @type {{ kty: string, kid: string, k: string }} */ key) => {
      if (key.kty !== "oct") return key;
      bindings[`SECRET_${key.kid}`] = key.k;
      return { ...key, k: { secret: `SECRET_${key.kid}` } };
    });
    const issuer = { issuer: "https://issuer.example", audience: "api", jwks: { keys: referred } };
    gate = await startGate({ config: { issuers: [issuer], lists: [], exposeReason: true }, bindings });
  });
  after(() => gate.dispose());

  test("there is a key for each of the 17 algorithms", () => {
    assert.equal(new Set(algorithms).size, 17);
  });

  for (const alg of algorithms) {
    test(`${alg}: a good signature is verified, and one that was touched is refused`, async () => {
      const token = (await readFile(join(CORPUS, `token/${alg}.jwt`), "utf8")).trim();
      assert.deepEqual(await ask(gate, token), { status: 401, code: "ERR_JWT_EXPIRED", seq: undefined });
      const [header, payload, signature = ""] = token.split(".");
      const bytes = Buffer.from(signature, "base64url");
      for (const at of [0, Math.floor(bytes.length / 2), bytes.length - 1]) {
        const touched = Buffer.from(bytes);
        touched[at] = (touched[at] ?? 0) ^ 1;
        const { code } = await ask(gate, `${header}.${payload}.${touched.toString("base64url")}`);
        assert.equal(code, "ERR_JWS_SIGNATURE_VERIFICATION_FAILED", `byte ${at}`);
      }
      const other = Buffer.from(`{"iss":"https://issuer.example","aud":"api","sub":"root","exp":1790000600}`);
      const { code } = await ask(gate, `${header}.${other.toString("base64url")}.${signature}`);
      assert.equal(code, "ERR_JWS_SIGNATURE_VERIFICATION_FAILED");
    });
  }
});
