// Who looks ids up, in workerd and in Chromium alike. Whoever calls holds the clock.

/** So many strings are looked up in the `Set` at a time. */
const STRINGS = 1 << 17;

/**
 * Fetches what `bench-list files` has written.
 * @param {string} base  where it is served, with a slash at its end
 * @param {typeof import("../../target/bench-list-wasm/release/list.js")} list  initialised
 * @param {{ alone?: boolean }} [options]  `alone` leaves out all but the segments
 */
export async function load(base, list, { alone = false } = {}) {
  const get = async (name) => {
    const answer = await fetch(base + name);
    if (!answer.ok) throw new Error(`${name}: ${answer.status}`);
    return answer;
  };
  const bytes = async (name) => new Uint8Array(await (await get(name)).arrayBuffer());
  const about = await (await get("about.json")).json();
  const bench = new list.Bench();
  for (let at = 0; at < about.segments; at += 1) bench.put(await bytes(`${at}.segment`));
  if (alone) return { about, bench };
  const [hits, misses] = [await bytes("hits"), await bytes("misses")];
  bench.putQuestions(hits, misses);
  bench.putSorted(await bytes("sorted"), about.width);
  bench.open(1);
  const questions = hits.length / 16;
  const set = about.entries <= 1_000_000 ? await setOf(await bytes("ids")) : undefined;
  const strings = { hit: uuids(hits, STRINGS), miss: uuids(misses, STRINGS) };
  const check = (found, hit, times) => {
    if (found !== (hit ? times : 0)) throw new Error(`${found} of ${times} were found`);
  };
  /** What can be measured: how many times `round` does it, and `round`. */
  const runs = {};
  for (const hit of [true, false]) {
    const how = hit ? "hit" : "miss";
    runs[`revocable ${how}`] = { times: questions, round: () => check(bench.lookUp(hit, 1), hit, questions) };
    runs[`sorted Vec ${how}`] = { times: questions, round: () => check(bench.lookUpSorted(hit, 1), hit, questions) };
    if (set === undefined) continue;
    const round = () => {
      let found = 0;
      for (const string of strings[how]) if (set.has(string)) found += 1;
      check(found, hit, STRINGS);
    };
    runs[`Set of strings ${how}`] = { times: STRINGS, round };
  }
  runs["make an id"] = { times: 1 << 18, round: () => void list.makeIds(1 << 18) };
  runs["open"] = { times: 1, round: () => check(bench.open(1), true, about.entries) };
  return { about, bench, runs };
}

async function setOf(ids) {
  return new Set(uuids(ids, ids.length / 16));
}

/** The first ids as people write UUIDs. */
function uuids(ids, count) {
  const hex = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
  return Array.from({ length: count }, (_, at) => {
    let text = "";
    for (let byte = 0; byte < 16; byte += 1) {
      text += (byte === 4 || byte === 6 || byte === 8 || byte === 10 ? "-" : "") + hex[ids[at * 16 + byte]];
    }
    // Otherwise a rope, which the first look-up would have to flatten.
    return JSON.parse(`"${text}"`);
  });
}
