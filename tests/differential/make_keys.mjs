// Makes keys.json: the private keys that the differential test signs with, so that every run has the same ones. They are
// published here and good for nothing else.
//   node tests/differential/make_keys.mjs > tests/differential/keys.json
import { generateKeyPairSync } from "node:crypto";

/** @param {any} type @param {object} [options] */
const make = (type, options = {}) => generateKeyPairSync(type, options).privateKey.export({ format: "jwk" });

const set = () => ({
  rsa: make("rsa", { modulusLength: 2048 }),
  p256: make("ec", { namedCurve: "P-256" }),
  p384: make("ec", { namedCurve: "P-384" }),
  p521: make("ec", { namedCurve: "P-521" }),
  ed25519: make("ed25519"),
});

const keys = {
  issuers: set(),
  somebodyElses: set(),
  weak: {
    short: make("rsa", { modulusLength: 1024 }),
    exponent3: make("rsa", { modulusLength: 2048, publicExponent: 3 }),
  },
};
process.stdout.write(`${JSON.stringify(keys, null, 1)}\n`);
