// Makes keys.json with OpenSSL and Node: each key as PEM and as JWK, so that one reading can be held against the other.
//   node tests/pem/make.mjs > tests/pem/keys.json
import { execFileSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const folder = mkdtempSync(join(tmpdir(), "pem-"));
/** @param {string[]} args @param {string} [input] */
const openssl = (args, input) => execFileSync("openssl", args, { input, encoding: "utf8", stdio: "pipe" });

/** @type {Record<string, object>} */
const keys = {};
for (const [name, type, options] of /** @type {[string, any, object][]} */ ([
  ["rsa", "rsa", { modulusLength: 2048 }],
  ["p256", "ec", { namedCurve: "P-256" }],
  ["p384", "ec", { namedCurve: "P-384" }],
  ["p521", "ec", { namedCurve: "P-521" }],
  ["secp256k1", "ec", { namedCurve: "secp256k1" }],
  ["ed25519", "ed25519", {}],
])) {
  const { publicKey, privateKey } = generateKeyPairSync(type, options);
  const key = join(folder, name);
  writeFileSync(key, privateKey.export({ type: "pkcs8", format: "pem" }));
  const request = ["req", "-x509", "-new", "-key", key, "-subj", "/O=Example/CN=issuer.example"];
  keys[name] = {
    jwk: publicKey.export({ format: "jwk" }),
    spki: publicKey.export({ type: "spki", format: "pem" }),
    certificate: openssl([...request, "-days", "1"]),
    ...(type === "rsa" ? { pkcs1: publicKey.export({ type: "pkcs1", format: "pem" }) } : {}),
    ...(type === "ec" ? { compressed: openssl(["ec", "-in", key, "-pubout", "-conv_form", "compressed"]) } : {}),
    ...(type === "ec" ? { explicit: openssl(["ec", "-in", key, "-pubout", "-param_enc", "explicit"]) } : {}),
  };
}

const p256 = join(folder, "p256");
const request = openssl(["req", "-new", "-key", p256, "-subj", "/CN=issuer.example"]);
const version1 = openssl(["x509", "-req", "-signkey", p256, "-days", "1"], request);

/** @param {any} type @param {object} options */
const spki = (type, options) => generateKeyPairSync(type, options).publicKey.export({ type: "spki", format: "pem" });
const refused = {
  "id-RSASSA-PSS": spki("rsa-pss", { modulusLength: 2048 }),
  "RSA of 1024 bits": spki("rsa", { modulusLength: 1024 }),
  "RSA with the exponent 3": spki("rsa", { modulusLength: 2048, publicExponent: 3 }),
  X25519: spki("x25519", {}),
  Ed448: spki("ed448", {}),
  DSA: spki("dsa", { modulusLength: 2048, divisorLength: 256 }),
  "another curve": spki("ec", { namedCurve: "brainpoolP256r1" }),
  "a certificate request": request,
};
rmSync(folder, { recursive: true });
console.log(JSON.stringify({ keys, version1, refused }, undefined, 1));
