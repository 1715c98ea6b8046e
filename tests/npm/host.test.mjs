// Host engines: each with each algorithm, and what happens when one cannot tell.
import assert from "node:assert/strict";
import * as crypto from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";

import { installPackage } from "./support/installed.mjs";
import {
  ALGORITHMS,
  DOES_NOT_FIT,
  FITS,
  KEY_UNUSABLE,
  ML_DSA,
  asJson,
  casesOf,
  makeSigner,
  mlDsaQuestion,
  withBitTurned,
  withBrokenKey,
} from "./support/signatures.mjs";
import { startWorker } from "./support/workerd.mjs";

const installed = await installPackage();
after(installed.remove);
const load = (file) => import(pathToFileURL(installed.path(`dist/${file}.js`)).href);
const [{ hostHere }, { createHost, NoEngine }, { webCrypto }, { nodeCrypto }, { wasmEngines }] = await Promise.all(
  ["node_host", "host/host", "host/webcrypto", "host/nodecrypto", "host/wasm"].map(load),
);
const readWasm = () => readFile(installed.path("dist/revocable_engines_wasm_bg.wasm"));
const worker = await startHostInWorkerd();
after(() => worker.dispose());

const hosts = {};
const signers = new Map(ALGORITHMS.map((algorithm) => [algorithm, [makeSigner(algorithm), makeSigner(algorithm)]]));
const RUNTIMES = {
  // Whether this Node knows ML-DSA is Node's matter; that it goes on to who does is tested below.
  node: { ask: inNode, engines: { nodecrypto: ALGORITHMS, webcrypto: without("ES256K"), wasm: ALGORITHMS } },
  workerd: { ask: inWorkerd, engines: { webcrypto: without("ES256K"), wasm: ALGORITHMS } },
};

for (const [runtime, { ask, engines }] of Object.entries(RUNTIMES)) {
  for (const [engine, known] of Object.entries(engines)) {
    for (const algorithm of ALGORITHMS) {
      const [signer, other] = signers.get(algorithm);
      const good = signer.question();
      if (!known.includes(algorithm)) {
        test(`${runtime}: ${engine} says that it does not know ${algorithm}`, async () => {
          assert.deepEqual(await ask(engine, [good, good]), ["NoEngine", "NoEngine"]);
        });
        continue;
      }
      test(`${runtime}: ${engine} tells good ${algorithm} signatures from bad ones`, async () => {
        const asked = casesOf(signer, other);
        const answers = await ask(engine, asked.map(([question]) => question));
        assert.deepEqual(answers, asked.map(([, expected]) => expected));
      });
    }
  }

  for (const algorithm of ALGORITHMS) {
    test(`${runtime}: whoever knows ${algorithm} best, it is told right`, async () => {
      const good = signers.get(algorithm)[0].question();
      assert.deepEqual(await ask(undefined, [good, withBitTurned(good)]), [FITS, DOES_NOT_FIT]);
    });
  }

  for (const algorithm of ["ES256", "ES384", "ES512", "ES256K"]) {
    test(`${runtime}: a key for ${algorithm} that is no point on its curve is unusable, whoever is asked`, async () => {
      const broken = withBrokenKey(signers.get(algorithm)[0].question());
      assert.deepEqual(await ask(undefined, [broken, broken]), [KEY_UNUSABLE, KEY_UNUSABLE]);
    });
  }

  for (const algorithm of ML_DSA) {
    test(`${runtime}: ${algorithm} is verified by whoever knows it`, async () => {
      const good = await mlDsaQuestion(algorithm);
      assert.deepEqual(await ask(undefined, [good, withBitTurned(good), good]), [FITS, DOES_NOT_FIT, FITS]);
      assert.deepEqual(await ask("wasm", [good, withBitTurned(good)]), [FITS, DOES_NOT_FIT]);
    });
  }

  test(`${runtime}: the README names those who verify each algorithm, in their order`, async () => {
    const table = tableOf(await readFile(new URL("../../README.md", import.meta.url), "utf8"), runtime);
    const names = { nodecrypto: "`node:crypto`", webcrypto: "WebCrypto", wasm: "Wasm on demand" };
    for (const algorithm of [...ALGORITHMS, ...ML_DSA]) {
      const good = ML_DSA.includes(algorithm) ? await mlDsaQuestion(algorithm) : signers.get(algorithm)[0].question();
      const knowing = [];
      for (const engine of Object.keys(engines)) {
        if ((await ask(engine, [good]))[0] === FITS) knowing.push(names[engine]);
      }
      // A host that lacks ML-DSA is passed over; what is there must be named, and in the order in which it is asked.
      const named = table.get(algorithm).split(", else ").filter((name) => knowing.includes(name));
      assert.deepEqual(named, knowing, algorithm);
      if (!ML_DSA.includes(algorithm)) assert.deepEqual(table.get(algorithm).split(", else "), knowing, algorithm);
    }
  });

  test(`${runtime}: an RSA modulus of 2049 bits is verified by whoever can take it in`, async () => {
    const good = makeSigner("RS256", { modulusLength: 2049 }).question();
    assert.deepEqual(await ask(undefined, [good, withBitTurned(good)]), [FITS, DOES_NOT_FIT]);
  });

  test(`${runtime}: first uses of one key at once are all answered`, async () => {
    const [first, second] = [makeSigner("PS256"), makeSigner("PS256")];
    const questions = Array.from({ length: 12 }, (_, index) => (index % 3 === 2 ? second : first).question(`text ${index}`));
    const answers = await Promise.all(questions.map((question) => ask(undefined, [question, withBitTurned(question)])));
    assert.deepEqual(answers, questions.map(() => [FITS, DOES_NOT_FIT]));
  });
}

for (const engine of ["nodecrypto", "webcrypto", "wasm"]) {
  test(`${engine}: bytes that change while it is at work change no answer`, async () => {
    const host = hostHere(engine);
    const good = makeSigner("ES256").question();
    // The first time a key is taken in, which may take long; the second time it is there.
    for (const time of ["first", "second"]) {
      const memory = { signingInput: good.signingInput.slice(), signature: good.signature.slice() };
      const answer = host.verify({ ...good, ...memory });
      memory.signingInput.fill(0);
      memory.signature.fill(0);
      assert.equal(await answer, FITS, time);
    }
    // Asking the core for the key may move its memory.
    const moved = makeSigner("ES256").question();
    const memory = { signingInput: moved.signingInput.slice(), signature: moved.signature.slice() };
    const jwk = () => {
      memory.signingInput.fill(0);
      return moved.jwk();
    };
    assert.equal(await host.verify({ ...moved, ...memory, jwk }), FITS);
  });

  test(`${engine}: a key is asked for once`, async () => {
    const host = hostHere(engine);
    const good = makeSigner("ES256").question();
    let asked = 0;
    const question = { ...good, jwk: () => ((asked += 1), good.jwk()) };
    for (let time = 0; time < 3; time += 1) assert.equal(await host.verify(question), FITS);
    assert.equal(asked, 1);
  });
}

test("node:crypto answers at once, and so does Wasm once it is there", async () => {
  const good = makeSigner("ES256").question();
  assert.equal(hostHere("nodecrypto").verify(good), FITS);
  const host = createHost([wasmEngines(readWasm)]);
  await host.verify(good);
  assert.equal(host.verify(good), FITS);
});

test("an engine that turns out not to know an algorithm is not asked about it again", async () => {
  let imports = 0;
  const subtle = {
    importKey: async () => {
      imports += 1;
      throw new DOMException("no such algorithm", "NotSupportedError");
    },
  };
  const host = createHost([webCrypto({ subtle }), nodeCrypto(crypto)]);
  for (const signer of signers.get("ES256")) assert.equal(await host.verify(signer.question()), FITS);
  assert.equal(imports, 1);
});

test("a key that one engine cannot take in says nothing about the next key", async () => {
  const subtle = {
    importKey: async (format, jwk, ...rest) => {
      if (jwk.n === JSON.parse(odd.jwk).n) throw new DOMException("an odd length", "OperationError");
      return globalThis.crypto.subtle.importKey(format, jwk, ...rest);
    },
    verify: (...all) => globalThis.crypto.subtle.verify(...all),
  };
  const [odd, usual] = signers.get("RS256");
  const host = createHost([webCrypto({ subtle })]);
  await assert.rejects(async () => host.verify(odd.question()), { name: "NoEngine", mayPass: false });
  assert.equal(await host.verify(usual.question()), FITS);
});

test("without crypto.subtle, as on a page without a secure context, the next engine is asked at once", () => {
  const host = createHost([webCrypto({}), nodeCrypto(crypto)]);
  assert.equal(host.verify(makeSigner("RS256").question()), FITS);
});

test("an engine that fails is followed by the next one, and named as the cause if there is none", async () => {
  const good = makeSigner("RS256").question();
  const fails = { name: "webcrypto", knows: () => true, verify: async () => Promise.reject(new Error("out of order")) };
  const throws = { ...fails, verify: () => { throw new Error("out of order"); } };
  for (const broken of [fails, throws]) {
    assert.equal(await createHost([broken, nodeCrypto(crypto)]).verify(good), FITS);
    await assert.rejects(async () => createHost([broken]).verify(good), (error) => {
      assert.ok(error instanceof NoEngine);
      assert.deepEqual([error.algorithm, error.mayPass, error.cause.message], ["RS256", true, "out of order"]);
      return true;
    });
  }
});

test("a Wasm that cannot be had is an error that may pass, and is read again for the next question", async () => {
  // In a process of its own the Wasm is in place already; so this runs in a fresh copy of the module.
  const { wasmEngines } = await import(`${pathToFileURL(installed.path("dist/host/wasm.js")).href}?fresh`);
  const answers = [
    async () => Promise.reject(new Error("offline")),
    async () => new Response("not found", { status: 404 }),
    async () => new Response("<html>"),
    async () => new Response(await readWasm(), { headers: { "content-type": "application/wasm" } }),
  ];
  const host = createHost([wasmEngines(() => answers.shift()())]);
  const good = makeSigner("ES256").question();
  for (const cause of [/offline/, /404/, /WebAssembly|magic/]) {
    await assert.rejects(async () => host.verify(good), (error) => error.mayPass && cause.test(String(error.cause)));
  }
  assert.equal(await host.verify(good), FITS);
  assert.equal(answers.length, 0);
});

test("whatever WebCrypto answers instead of true lets nothing pass", async () => {
  for (const answer of [undefined, null, 1, "true", {}, false]) {
    const subtle = { importKey: async () => ({}), verify: async () => answer };
    const host = createHost([webCrypto({ subtle })]);
    assert.equal(await host.verify(makeSigner("ES256").question()), DOES_NOT_FIT);
  }
});

test("more keys than an engine keeps make no difference but for time", async () => {
  const host = hostHere("wasm");
  const [first, second] = signers.get("ES256").map((signer) => signer.question());
  for (let number = 0; number < 4200; number += 1) {
    const question = { ...(number % 2 === 0 ? first : second), keyNumber: 1_000_000 + number };
    if (number % 500 < 2 || number > 4190) assert.equal(await host.verify(question), FITS);
    else await host.verify({ ...question, signature: new Uint8Array(64) });
  }
  assert.equal(await host.verify({ ...first, keyNumber: 1_000_000 }), FITS);
  assert.equal(await host.verify({ ...second, keyNumber: 1_000_000 }), DOES_NOT_FIT);
});

/** Who verifies what in a runtime, as the README has it. */
function tableOf(readme, runtime) {
  const [, table] = /<!-- engines:begin -->([^]*)<!-- engines:end -->/.exec(readme);
  const rows = table.trim().split("\n").map((row) => row.split("|").map((cell) => cell.trim()));
  const column = rows[0].indexOf({ node: "npm: Node, Deno, Bun", workerd: "npm: Workers, browsers" }[runtime]);
  return new Map(rows.slice(2).map((row) => [row[1].split(" ")[0], row[column]]));
}

function without(algorithm) {
  return ALGORITHMS.filter((other) => other !== algorithm);
}

async function inNode(engine, questions) {
  const host = (hosts[engine] ??= hostHere(engine));
  const answers = questions.map(async (question) => host.verify(question));
  return (await Promise.allSettled(answers)).map(({ value, reason }) => value ?? reason.name);
}

async function inWorkerd(engine, questions) {
  const body = JSON.stringify({ engine, questions: questions.map(asJson) });
  const response = await worker.dispatchFetch("http://worker/", { method: "POST", body });
  assert.equal(response.status, 200, await response.clone().text());
  return response.json();
}

async function startHostInWorkerd() {
  const folder = join(installed.folder, "worker-host");
  await mkdir(folder);
  await writeFile(
    join(folder, "worker.js"),
    `import { hostHere } from ${JSON.stringify(installed.path("dist/workerd_host.js"))};
     const hosts = {};
     const bytes = (base64) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
     export default {
       async fetch(request) {
         const { engine, questions } = await request.json();
         const host = (hosts[engine] ??= hostHere(engine));
         const answers = questions.map(async ({ jwk, signingInput, signature, ...rest }) =>
           host.verify({ ...rest, jwk: () => jwk, signingInput: bytes(signingInput), signature: bytes(signature) }));
         const outcomes = await Promise.allSettled(answers);
         return Response.json(outcomes.map(({ value, reason }) => value ?? reason.name));
       },
     };`,
  );
  return startWorker(join(folder, "worker.js"));
}
