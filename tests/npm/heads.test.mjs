// The vectors' heads, with nothing of this project.
import assert from "node:assert/strict";
import { createHash, createPublicKey, verify } from "node:crypto";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

test("the head in the vectors is what any JWT tool reads: signed by the authority's key, of the snapshot's manifest", async () => {
  const read = (path) => readFile(new URL(`../vectors/${path}`, import.meta.url), "utf8");
  const [{ heads }, config, manifest] = [JSON.parse(await read("heads.json")), JSON.parse(await read("snapshot/config.json")), await read("snapshot/manifest.jwt")];
  const [header, payload, signature] = heads[0].head.split(".");
  const decoded = (part) => JSON.parse(Buffer.from(part, "base64url").toString());
  const [{ issuer, keys }] = config.lists;
  const jwk = keys.keys?.find(({ kid }) => kid === decoded(header).kid) ?? keys;
  assert.ok(verify(null, Buffer.from(`${header}.${payload}`), createPublicKey({ key: jwk, format: "jwk" }), Buffer.from(signature, "base64url")));
  const { iss, seq, manifest: hash, iat, exp } = decoded(payload);
  assert.deepEqual([heads[0].outcome, decoded(header).typ, iss, seq, exp - iat], ["current", "revocations-head+jwt", issuer, 42, 60]);
  assert.equal(createHash("sha256").update(manifest).digest("hex"), hash);
});
