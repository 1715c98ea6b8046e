// The suite in Node, on the installed package.
import assert from "node:assert/strict";
import { after, test } from "node:test";

import { makeFixture } from "./support/fixture.mjs";
import { installPackage } from "./support/installed.mjs";
import { runSuite } from "./support/suite.mjs";

const [installed, fixture] = await Promise.all([installPackage(), makeFixture()]);
after(installed.remove);

for (const { name, failure } of await runSuite(await installed.load(), fixture)) {
  test(`node: ${name}`, () => assert.equal(failure, null));
}
