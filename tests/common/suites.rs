//! Runs the published vectors of `tests/vectors/suites` through this crate's engines.
//!
//! What is right is what the publisher says, unless `exceptions.json` names the case with a reason: then the opposite is,
//! and a case that comes out as published after all fails just like one that does not come out as it should.

#![allow(dead_code, reason = "the test and the example each use a part")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "vectors that cannot be read are to stop everything"
)]

#[path = "jws.rs"]
mod jws;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use revocable::engine::{self, Engines};
use revocable::{Algorithm, Jwks, KeyOptions, Secrets, Unverified};
use serde_json::{Value, json};

/// What came of one suite with one engine.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) suite: String,
    pub(crate) engine: String,
    pub(crate) passed: usize,
    pub(crate) excepted: usize,
    /// What went wrong, a sentence each.
    pub(crate) failures: Vec<String>,
}

impl Row {
    pub(crate) fn json(&self) -> Value {
        let Self { suite, engine, passed, excepted, failures } = self;
        let failed = failures.len();
        json!({
            "suite": suite, "engine": engine, "passed": passed, "excepted": excepted, "failed": failed,
            "failures": failures,
        })
    }
}

/// Every suite, or the one of this name, with every engine of [`engine::DEFAULT`] that knows its algorithm.
pub(crate) fn run(only: Option<&str>) -> Vec<Row> {
    let suites: Vec<Value> =
        names().iter().filter(|name| only.is_none_or(|only| only == *name)).map(load).collect();
    assert!(!suites.is_empty(), "there is no such suite");
    judge(&suites, &read("exceptions.json"), only.is_none())
}

/// The suites in the folder, in order.
pub(crate) fn names() -> Vec<String> {
    let files =
        fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let stems = files.filter_map(|file| file.strip_suffix(".json").map(str::to_owned));
    stems.filter(|name| name != "exceptions").collect::<BTreeSet<_>>().into_iter().collect()
}

/// Reads one suite.
pub(crate) fn load(name: impl AsRef<str>) -> Value {
    read(&format!("{}.json", name.as_ref()))
}

/// How many cases a suite has.
pub(crate) fn cases(suite: &Value) -> usize {
    list(suite, "groups").iter().map(|group| list(group, "tests").len()).sum()
}

/// Runs suites against a list of exceptions. `whole`: these are all suites there are, so that an exception which none of
/// them has needed fails.
pub(crate) fn judge(suites: &[Value], exceptions: &Value, whole: bool) -> Vec<Row> {
    judge_with(suites, exceptions, whole, engine::DEFAULT)
}

/// [`judge`], with engines of the caller's.
pub(crate) fn judge_with(suites: &[Value], exceptions: &Value, whole: bool, engines: Engines) -> Vec<Row> {
    let mut judge = Judge::new(exceptions, engines);
    let mut rows: Vec<Row> = suites.iter().flat_map(|suite| judge.suite(suite)).collect();
    let names: Vec<&str> = suites.iter().map(|suite| text(suite, "suite")).collect();
    let failures = judge.unneeded(|suite| whole || names.contains(&suite), whole);
    if !failures.is_empty() {
        rows.push(Row {
            suite: "exceptions.json".into(),
            engine: "all".into(),
            passed: 0,
            excepted: 0,
            failures,
        });
    }
    rows
}

struct Judge {
    engines: Engines,
    /// By suite and id.
    exceptions: BTreeMap<(String, u64), Exception>,
    /// What is made of cases that their publisher leaves open, by flag.
    open: BTreeMap<String, bool>,
    used: BTreeSet<(String, u64)>,
    opened: BTreeSet<String>,
}

struct Exception {
    /// Nobody named: every engine.
    engine: Option<String>,
    fits: bool,
}

impl Judge {
    fn new(document: &Value, engines: Engines) -> Self {
        let mut exceptions = BTreeMap::new();
        for entry in list(document, "exceptions") {
            assert!(!text(entry, "reason").is_empty(), "an exception has a reason");
            let engine = Some(text(entry, "engine")).filter(|engine| *engine != "all").map(str::to_owned);
            for id in ids(&entry["ids"]) {
                let exception = Exception { engine: engine.clone(), fits: verdict(text(entry, "verdict")) };
                let before = exceptions.insert((text(entry, "suite").to_owned(), id), exception);
                assert!(before.is_none(), "{} {id} is excepted twice", entry["suite"]);
            }
        }
        let rules = document["acceptable"].as_object().unwrap();
        let open = rules.iter().map(|(flag, rule)| {
            assert!(!text(rule, "reason").is_empty(), "a rule has a reason");
            (flag.clone(), verdict(text(rule, "verdict")))
        });
        Self { engines, exceptions, open: open.collect(), used: BTreeSet::new(), opened: BTreeSet::new() }
    }

    fn suite(&mut self, suite: &Value) -> Vec<Row> {
        let name = text(suite, "suite");
        let mut rows: BTreeMap<String, Row> = BTreeMap::new();
        for group in list(suite, "groups") {
            let engines = match group["alg"].as_str() {
                Some(algorithm) => self.who_knows(algorithm),
                // Tokens name their algorithms themselves: all engines, as a verifier has them.
                None => vec![("rust".to_owned(), self.engines)],
            };
            if engines.is_empty() {
                let failures = list(group, "tests")
                    .iter()
                    .map(|test| format!("{name} {}: no engine knows {}", test["id"], group["alg"]));
                row(&mut rows, name, "none").failures.extend(failures);
            }
            for (engine, list_of_one) in engines {
                let row = row(&mut rows, name, &engine);
                for (test, fits) in list(group, "tests").iter().zip(verdicts(group, list_of_one)) {
                    self.case(row, test, fits);
                }
            }
        }
        rows.into_values().collect()
    }

    fn case(&mut self, row: &mut Row, test: &Value, fits: bool) {
        let id = test["id"].as_u64().unwrap();
        let case = format!("{} {id} ({}) with {}", row.suite, text(test, "comment"), row.engine);
        let published = match text(test, "result") {
            "acceptable" => match self.rule(test) {
                Some(fits) => fits,
                None => return row.failures.push(format!("{case}: no rule says what to make of its flags")),
            },
            result => verdict(result),
        };
        let key = (row.suite.clone(), id);
        let exception = self.exceptions.get(&key);
        match exception
            .filter(|exception| exception.engine.as_ref().is_none_or(|engine| *engine == row.engine))
        {
            None if fits == published => row.passed += 1,
            None => row.failures.push(format!("{case}: should be {}, is {}", word(published), word(fits))),
            Some(exception) if exception.fits == published => {
                row.failures.push(format!("{case}: the exception says what is published"));
            }
            Some(_) if fits == published => {
                row.failures.push(format!("{case}: agrees, though it is excepted"));
            }
            Some(_) => row.excepted += 1,
        }
        if exception.is_some() {
            self.used.insert(key);
        }
    }

    /// Each engine that knows an algorithm, by itself.
    fn who_knows(&self, name: &str) -> Vec<(String, Engines)> {
        let algorithm = algorithm(name);
        let knowing = self.engines.iter().filter(|engine| engine.knows(algorithm));
        knowing.map(|engine| (format!("rust {}", engine.name()), list_of_one(*engine))).collect()
    }

    /// The first rule for one of the case's flags.
    fn rule(&mut self, test: &Value) -> Option<bool> {
        let flags = test["flags"].as_array()?.iter().filter_map(Value::as_str);
        let (flag, fits) = flags.filter_map(|flag| Some((flag, *self.open.get(flag)?))).next()?;
        self.opened.insert(flag.to_owned());
        Some(fits)
    }

    /// The exceptions, of suites that have run, and the rules that no case has needed.
    fn unneeded(&self, ran: impl Fn(&str) -> bool, whole: bool) -> Vec<String> {
        let exceptions = self.exceptions.keys().filter(|key| ran(&key.0) && !self.used.contains(*key));
        let rules = self.open.keys().filter(|flag| whole && !self.opened.contains(*flag));
        let exceptions = exceptions
            .map(|(suite, id)| format!("{suite} {id} is excepted, and no engine has met such a case"));
        exceptions.chain(rules.map(|flag| format!("no acceptable case has the flag {flag}"))).collect()
    }
}

fn row<'r>(rows: &'r mut BTreeMap<String, Row>, suite: &str, engine: &str) -> &'r mut Row {
    rows.entry(engine.to_owned()).or_insert_with(|| Row {
        suite: suite.to_owned(),
        engine: engine.to_owned(),
        passed: 0,
        excepted: 0,
        failures: Vec::new(),
    })
}

/// What the engines make of a group's tests, in order.
fn verdicts(group: &Value, engines: Engines) -> Vec<bool> {
    let tests = list(group, "tests");
    let stated = group["algorithms"].as_array().into_iter().flatten().chain(group.get("alg"));
    let algorithms: Vec<Algorithm> = stated.map(|name| algorithm(name.as_str().unwrap())).collect();
    let options = KeyOptions { secrets: Secrets::Allow, algorithms: &algorithms, engines };
    let document = group.get("jwks").or(group.get("jwk")).unwrap().to_string();
    let Ok(keys) = Jwks::parse_with(document.as_bytes(), &options) else { return vec![false; tests.len()] };
    tests
        .iter()
        .map(|test| match test["token"].as_str() {
            Some(token) => token_fits(&keys, token),
            None => {
                let (message, signature) = (bytes(test, "msg"), bytes(test, "sig"));
                keys.iter().any(|key| key.verify(algorithms[0], &message, &signature) == Some(true))
            }
        })
        .collect()
}

/// Whether the library takes a compact JWS for one of these keys': the whole way if it can be a token, and otherwise as
/// [`jws::read`] explains.
fn token_fits(keys: &Jwks, token: &str) -> bool {
    match Unverified::parse(token) {
        Ok(token) => token.select(keys, &[]).is_ok_and(|selected| selected.verify().is_ok()),
        Err(_) => jws::read(keys, token).is_some_and(|reading| {
            let mut selected = keys.iter().enumerate().filter(|(index, _)| reading.keys.contains(index));
            selected.any(|(_, key)| {
                key.verify(reading.algorithm, reading.signing_input, &reading.signature) == Some(true)
            })
        }),
    }
}

/// Lists of engines live as long as the process, as a build's do.
fn list_of_one(engine: &'static dyn engine::Engine) -> Engines {
    Box::leak(Box::new([engine]))
}

fn algorithm(name: &str) -> Algorithm {
    Algorithm::from_name(name).unwrap_or_else(|| panic!("{name} is no algorithm"))
}

/// `"1-3,7"`: 1, 2, 3 and 7.
fn ids(text: &Value) -> Vec<u64> {
    let number = |text: &str| text.parse::<u64>().unwrap();
    let ranges =
        text.as_str().unwrap().split(',').map(|range| range.split_once('-').unwrap_or((range, range)));
    ranges.flat_map(|(first, last)| number(first)..=number(last)).collect()
}

fn verdict(word: &str) -> bool {
    match word {
        "valid" => true,
        "invalid" => false,
        other => panic!("{other} is no verdict"),
    }
}

fn word(fits: bool) -> &'static str {
    if fits { "valid" } else { "invalid" }
}

fn bytes(test: &Value, member: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text(test, member)).unwrap()
}

fn text<'v>(value: &'v Value, member: &str) -> &'v str {
    value[member].as_str().unwrap_or_else(|| panic!("`{member}` is not a string"))
}

fn list<'v>(value: &'v Value, member: &str) -> &'v [Value] {
    value[member].as_array().unwrap_or_else(|| panic!("`{member}` is not a list"))
}

fn read(file: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(folder().join(file)).unwrap()).unwrap()
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/suites")
}
