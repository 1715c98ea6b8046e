//! `revocable revocations`, against a server that speaks as an authority does.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_simple::prelude::{Claims, Duration, Ed25519KeyPair, EdDSAKeyPairLike as _};
use serde_json::{Value, json};

use crate::authority::{Asked, Authority, Reply};
use crate::support::{Ended, ISSUER, NOW, Sandbox, line, revoke};

const KEY: &str = "a-key-of-32-characters-or-so-1234";

/// `revocations` with these arguments, against this authority.
fn revocations(sandbox: &Sandbox, authority: &Authority, arguments: &[&str], input: &str) -> Ended {
    sandbox.write("key", format!("{KEY}\n"));
    let connection = ["--url", &authority.url, "--key-file", "key"];
    sandbox.run_with(&[&["revocations"], arguments, &connection].concat(), input.as_bytes())
}

fn recorded(result: &str) -> Value {
    json!({ "seq": 9, "outcomes": [{ "seq": 8, "id": "00", "result": result }] })
}

fn always(status: u16, body: Value) -> Authority {
    Authority::start(move |_, _| Reply::json(status, &body))
}

#[test]
fn one_revocation_is_posted_with_the_key_and_a_key_of_its_own() {
    let sandbox = Sandbox::new("revocations-one");
    let authority = always(200, recorded("added"));
    let target = ["add", "--rule", "sub,azp", "--issuer", ISSUER, "--value", "alice", "--value-json", "7"];
    let cases = [
        (vec![], json!({})),
        (vec!["--before", "1790000000.5"], json!({ "before": 1_790_000_000.5 })),
        (vec!["--before", "2026-09-21T14:13:20Z"], json!({ "before": 1_790_000_000 })),
        (vec!["--minimum", "-3", "--claim", "version"], json!({ "minimum": -3, "claim": "version" })),
        (
            vec!["--expires", "1800000000", "--reason", "a \"b\""],
            json!({ "expires": 1_800_000_000, "reason": "a \"b\"" }),
        ),
    ];
    for (more, beside) in &cases {
        let ended = revocations(&sandbox, &authority, &[&target[..], more].concat(), "").succeeds();
        assert_eq!(ended.stdout, "added  number 8 of the ledger, in force with list number 9\n");
        let asked = authority.asked().pop().unwrap();
        assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", "/_revocable/admin/revocations"));
        assert_eq!(asked.header("authorization"), Some(format!("Bearer {KEY}").as_str()));
        assert_eq!(asked.header("content-type"), Some("application/json"));
        let mut wanted = json!({ "rule": ["azp", "sub"], "issuer": ISSUER, "values": [7, "alice"] });
        wanted.as_object_mut().unwrap().extend(beside.as_object().unwrap().clone());
        assert_eq!(asked.json(), wanted);
    }
    let keys: BTreeSet<_> =
        authority.asked().iter().map(|asked| asked.header("idempotency-key").unwrap().to_owned()).collect();
    assert_eq!(keys.len(), cases.len());
    let json = revocations(
        &sandbox,
        &authority,
        &[&target[..], &["--json", "--idempotency-key", "mine"]].concat(),
        "",
    );
    assert_eq!(json.succeeds().json(), recorded("added"));
    assert_eq!(authority.asked().pop().unwrap().header("idempotency-key"), Some("mine"));
}

#[test]
fn now_is_the_clocks_and_not_in_the_future() {
    let sandbox = Sandbox::new("revocations-now");
    let authority = always(200, recorded("added"));
    let add = ["add", "--rule", "sub", "--issuer", ISSUER, "--value", "alice", "--before", "now"];
    let clock = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    let from = clock();
    revocations(&sandbox, &authority, &add, "").succeeds();
    let before = authority.asked().pop().unwrap().json()["before"].as_f64().unwrap();
    assert!(before >= from - 0.001 && before <= clock(), "{before}");
}

#[test]
fn what_cannot_be_a_revocation_is_not_sent() {
    let sandbox = Sandbox::new("revocations-wrong");
    let authority = always(200, recorded("added"));
    let add = ["add", "--rule", "sub", "--issuer", ISSUER];
    for (more, exit, code) in [
        (vec![], 1, "ERR_REVOCATION_INVALID"),
        (vec!["--value", "a", "--value", "b"], 1, "ERR_REVOCATION_INVALID"),
        (vec!["--value-json", "1.5"], 64, "ERR_USAGE"),
        (vec!["--value", "a", "--before", "tomorrow"], 64, "ERR_USAGE"),
        (vec!["--value", "a", "--minimum", "3"], 64, "ERR_USAGE"),
        (vec!["--value", "a", "--before", "now", "--minimum", "3", "--claim", "v"], 64, "ERR_USAGE"),
        (vec!["--value", "a", "--partial"], 64, "ERR_USAGE"),
        (vec!["--value", "a", "--idempotency-key", "a b"], 64, "ERR_USAGE"),
    ] {
        revocations(&sandbox, &authority, &[&add[..], &more].concat(), "").fails(exit, code);
    }
    for lines in [
        "x\n",
        "{\"rule\":[\"jti\"]}\n",
        &line(json!({ "rule": ["jti"], "issuer": "i", "values": ["a"], "reason": 1 })),
    ] {
        let good = revoke(&["jti"], &["t-1"]);
        let ended = revocations(&sandbox, &authority, &["add", "--input", "-"], &format!("{good}\n{lines}"));
        let ended = ended.fails(1, "ERR_REVOCATION_INVALID");
        assert!(
            ended.stderr.contains("line 3: ") && ended.stderr.contains("nothing was sent"),
            "{}",
            ended.stderr
        );
    }
    assert_eq!(authority.asked().len(), 0);
}

#[test]
fn where_to_and_with_which_key_has_to_be_said_and_goes_nowhere_in_the_clear() {
    let sandbox = Sandbox::new("revocations-connection");
    sandbox.write("key", KEY);
    sandbox.write("spaces", "a b");
    sandbox.write("empty", "\n");
    for arguments in [
        vec!["--url", "https://gate.example"],
        vec!["--key-file", "key"],
        vec!["--url", "http://gate.example", "--key-file", "key"],
        vec!["--url", "https://a@gate.example", "--key-file", "key"],
        vec!["--url", "http://127.0.0.1:1", "--key-file", "spaces"],
        vec!["--url", "http://127.0.0.1:1", "--key-file", "empty"],
        vec!["--url", "http://127.0.0.1:1", "--key-file", "key", "--retries", "many"],
    ] {
        let ended = sandbox.run(&[&["revocations", "list"], &arguments[..]].concat()).fails(64, "ERR_USAGE");
        assert!(!ended.stderr.contains("a b"), "{}", ended.stderr);
    }
    let arguments = ["revocations", "list", "--url", "http://127.0.0.1:1", "--key-file", "nowhere"];
    sandbox.run(&arguments).fails(1, "ERR_FILE_READ");
    let authority = always(200, json!({ "revocations": [], "next": null }));
    let output = Command::new(env!("CARGO_BIN_EXE_revocable"))
        .args(["revocations", "list", "--json"])
        .env("REVOCABLE_URL", format!("{}/_revocable", authority.url))
        .env("REVOCABLE_KEY", KEY)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let asked = authority.asked();
    assert_eq!(asked[0].path, "/_revocable/admin/revocations?limit=1000");
    assert_eq!(asked[0].header("authorization"), Some(format!("Bearer {KEY}").as_str()));
}

#[test]
fn a_refusal_is_told_with_its_code_and_description_and_a_redirect_is_not_followed() {
    let sandbox = Sandbox::new("revocations-refused");
    let add = ["add", "--rule", "jti", "--issuer", ISSUER, "--value", "t-1", "--retries", "0"];
    for (status, exit, code) in [
        (400, 1, "ERR_REQUEST_INVALID"),
        (401, 1, "ERR_CLIENT_INVALID"),
        (403, 1, "ERR_NOT_ALLOWED"),
        (404, 1, "ERR_NOT_FOUND"),
        (409, 1, "ERR_REQUEST_INVALID"),
        (422, 1, "ERR_REVOCATION_INVALID"),
        (429, 2, "ERR_RATE_LIMITED"),
        (503, 2, "ERR_LEDGER_UNAVAILABLE"),
        (500, 2, "ERR_AUTHORITY_UNAVAILABLE"),
    ] {
        let authority = always(status, json!({ "error": "x", "error_description": "because \u{1b} of it" }));
        let ended =
            revocations(&sandbox, &authority, &[&add[..], &["--json"]].concat(), "").fails(exit, code);
        let error: Value = serde_json::from_str(&ended.stderr).unwrap();
        assert_eq!(error["error"]["status"], status);
        let message = error["error"]["message"].as_str().unwrap();
        assert!(message.contains("because \u{fffd} of it"), "{message}");
        assert_eq!(authority.asked().len(), 1);
    }
    let elsewhere = always(200, recorded("added"));
    let location = elsewhere.url.clone();
    let authority =
        Authority::start(move |_, _| Reply(307, vec![("location", location.clone())], String::new()));
    let ended = revocations(&sandbox, &authority, &add, "").fails(1, "ERR_AUTHORITY_UNAVAILABLE");
    assert!(ended.stderr.contains("no redirect is followed"), "{}", ended.stderr);
    assert_eq!(elsewhere.asked().len(), 0);
    let authority = Authority::start(|_, _| Reply(200, vec![], "<html>".to_owned()));
    revocations(&sandbox, &authority, &add, "").fails(1, "ERR_AUTHORITY_UNAVAILABLE");
}

#[test]
fn what_is_not_answered_now_is_asked_again_under_the_same_key_and_not_for_ever() {
    let sandbox = Sandbox::new("revocations-again");
    let add = ["add", "--rule", "jti", "--issuer", ISSUER, "--value", "t-1"];
    let authority = Authority::start(|_, before| match before {
        0 => Reply(503, vec![("retry-after", "0".to_owned())], String::new()),
        1 => Reply(429, vec![("retry-after", "0".to_owned())], String::new()),
        // Cut off within its body.
        2 => Reply(200, vec![("content-length", "500".to_owned())], "{".to_owned()),
        _ => Reply::json(200, &recorded("added")),
    });
    revocations(&sandbox, &authority, &add, "").succeeds();
    let keys: BTreeSet<_> =
        authority.asked().iter().map(|asked| asked.header("idempotency-key").unwrap().to_owned()).collect();
    assert_eq!((authority.asked().len(), keys.len()), (4, 1));

    let busy = Authority::start(|_, _| Reply(429, vec![("retry-after", "0".to_owned())], String::new()));
    revocations(&sandbox, &busy, &[&add[..], &["--retries", "2"]].concat(), "").fails(2, "ERR_RATE_LIMITED");
    assert_eq!(busy.asked().len(), 3);
    let long = Authority::start(|_, _| Reply(503, vec![("retry-after", "3600".to_owned())], String::new()));
    revocations(&sandbox, &long, &add, "").fails(2, "ERR_LEDGER_UNAVAILABLE");
    assert_eq!(long.asked().len(), 1, "nobody waits for an hour");

    sandbox.write("key", KEY);
    let nobody =
        ["revocations", "list", "--url", "http://127.0.0.1:1", "--key-file", "key", "--retries", "1"];
    sandbox.run(&nobody).fails(2, "ERR_AUTHORITY_UNAVAILABLE");
}

/// Records every line but those whose value is `bad`.
fn bulk(asked: &Asked, numbers: usize) -> Reply {
    let bad = |line: &str| line.contains("\"bad");
    let is_partial = asked.path.ends_with("?partial");
    let errors: Vec<Value> = asked
        .body
        .lines()
        .enumerate()
        .filter(|(_, line)| bad(line))
        .map(|(index, _)| json!({ "line": index + 1, "field": "before", "reason": "it is in the future" }))
        .collect();
    let refuses = !errors.is_empty() && !is_partial;
    let good = if refuses { 0 } else { asked.body.lines().count() - errors.len() };
    let outcomes = vec![json!({ "seq": 1, "id": "00", "result": "added" }); good];
    let mode = if is_partial { "partial" } else { "all" };
    let answer = json!({
        "seq": numbers + 1, "mode": mode, "recorded": good, "refused": errors.len(), "outcomes": outcomes, "errors": errors,
    });
    Reply::json(if refuses { 422 } else { 200 }, &answer)
}

#[test]
fn a_file_is_sent_ten_thousand_lines_at_a_time_each_part_under_a_key_of_its_own() {
    let sandbox = Sandbox::new("revocations-bulk");
    let authority = Authority::start(|asked, before| match before {
        // The second part is asked for twice.
        1 => Reply(503, vec![("retry-after", "0".to_owned())], String::new()),
        _ => bulk(asked, before),
    });
    let lines: String =
        (0..20_001).map(|number| revoke(&["jti"], &[&format!("t-{number}")]) + "\n").collect();
    sandbox.write("revoked.ndjson", lines);
    let add =
        ["add", "--input", "revoked.ndjson", "--json", "--reason", "leaked", "--idempotency-key", "run"];
    let sum = revocations(&sandbox, &authority, &add, "").succeeds().json();
    assert_eq!(sum, json!({ "seq": 4, "recorded": 20_001, "refused": 0, "results": { "added": 20_001 } }));
    let asked = authority.asked();
    let sent: Vec<_> = asked
        .iter()
        .map(|asked| (asked.body.lines().count(), asked.header("idempotency-key").unwrap()))
        .collect();
    assert_eq!(sent, [(10_000, "run-1"), (10_000, "run-2"), (10_000, "run-2"), (1, "run-3")]);
    assert_eq!(asked[1].body, asked[2].body);
    assert!(asked.iter().all(|asked| asked.header("content-type") == Some("application/x-ndjson")));
    let last: Value = serde_json::from_str(&asked[3].body).unwrap();
    assert_eq!(last, json!({ "rule": ["jti"], "issuer": ISSUER, "values": ["t-20000"], "reason": "leaked" }));
}

#[test]
fn long_lines_are_sent_fewer_at_a_time() {
    let sandbox = Sandbox::new("revocations-long");
    let authority = Authority::start(bulk);
    let members: Vec<String> = (0..8).map(|number| format!("m{number}")).collect();
    let members: Vec<&str> = members.iter().map(String::as_str).collect();
    let value = "x".repeat(1000);
    let lines = revoke(&members, &[value.as_str(); 8]).repeat(2500);
    revocations(&sandbox, &authority, &["add", "--input", "-"], &lines).succeeds();
    let lengths: Vec<usize> = authority.asked().iter().map(|asked| asked.body.len()).collect();
    assert_eq!((lengths.len(), lengths.iter().sum::<usize>()), (3, lines.len()));
    assert!(lengths.iter().all(|length| *length <= 8 * 1024 * 1024), "{lengths:?}");
}

#[test]
fn a_part_that_is_refused_names_the_lines_of_the_file_and_what_was_recorded_before() {
    let sandbox = Sandbox::new("revocations-bulk-refused");
    let authority = Authority::start(bulk);
    let mut lines: Vec<String> =
        (0..10_002).map(|number| revoke(&["jti"], &[&format!("t-{number}")])).collect();
    lines.insert(0, "\n".to_owned());
    lines[10_002] = revoke(&["jti"], &["bad"]);
    let ended = revocations(&sandbox, &authority, &["add", "--input", "-"], &lines.concat());
    let ended = ended.fails(1, "ERR_REVOCATION_INVALID");
    assert!(ended.stderr.contains("line 10003: `before`: it is in the future"), "{}", ended.stderr);
    assert!(ended.stderr.contains("10000 lines before were recorded"), "{}", ended.stderr);

    let authority = Authority::start(bulk);
    lines.push("nonsense\n".to_owned());
    let ended =
        revocations(&sandbox, &authority, &["add", "--input", "-", "--partial", "--json"], &lines.concat());
    let ended = ended.fails(1, "ERR_REVOCATION_INVALID");
    assert_eq!(
        ended.json(),
        json!({ "seq": 2, "recorded": 10_001, "refused": 2, "results": { "added": 10_001 } })
    );
    let error: Value = serde_json::from_str(&ended.stderr).unwrap();
    assert_eq!(error["error"]["wrongLines"], 2);
    let numbers: Vec<_> =
        error["error"]["lines"].as_array().unwrap().iter().map(|line| line["line"].clone()).collect();
    assert_eq!(numbers, [json!(10_004), json!(10_003)]);
    assert!(authority.asked().iter().all(|asked| asked.path.ends_with("?partial")));
}

#[test]
fn a_list_goes_from_page_to_page_with_its_filters_up_to_its_limit() {
    let sandbox = Sandbox::new("revocations-list");
    let entry = |seq: u64| {
        json!({
            "seq": seq, "id": "0a", "rule": ["sub"], "issuer": ISSUER, "values": ["alice"], "kind": "cutoff", "before": NOW,
            "claim": null, "expires": null, "reason": "lost", "actor": "key:ops", "time": NOW + 1,
        })
    };
    let pages = move |asked: &Asked, _| {
        let after = asked.path.split(['?', '&']).find_map(|part| part.strip_prefix("after=")).unwrap_or("0");
        match after {
            "0" => Reply::json(200, &json!({ "revocations": [entry(1), entry(2)], "next": 2 })),
            "2" => Reply::json(200, &json!({ "revocations": [entry(5)], "next": 5 })),
            // One that does not lead on.
            _ => Reply::json(200, &json!({ "revocations": [entry(6)], "next": 5 })),
        }
    };
    let authority = Authority::start(pages);
    let filters = [
        ["--rule", "sub,azp"],
        ["--issuer", "https://a/?b&c"],
        ["--value", "al ice"],
        ["--value-json", "7"],
        ["--kind", "cutoff"],
        ["--id", "0a"],
        ["--actor", "key:ops"],
    ];
    let list = [&["list"][..], &filters.concat()].concat();
    let ended = revocations(&sandbox, &authority, &[&list[..], &["--json"]].concat(), "").succeeds();
    let seqs: Vec<Value> = ended
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["seq"].clone())
        .collect();
    assert_eq!(seqs, [json!(1), json!(2), json!(5), json!(6)]);
    let paths: Vec<String> = authority.asked().into_iter().map(|asked| asked.path).collect();
    let query = "rule=%5B%22sub%22%2C%22azp%22%5D&issuer=https%3A%2F%2Fa%2F%3Fb%26c&kind=cutoff&id=0a&actor=key%3Aops";
    let values = "&value=al%20ice&json=7";
    assert_eq!(paths[0], format!("/_revocable/admin/revocations?{query}&limit=1000{values}"));
    assert_eq!(paths[1], format!("/_revocable/admin/revocations?{query}&after=2&limit=1000{values}"));
    assert_eq!(paths.len(), 3);

    let authority = Authority::start(pages);
    let table = revocations(&sandbox, &authority, &["list", "--log", "--limit", "2"], "").succeeds().stdout;
    let rows: Vec<&str> = table.lines().collect();
    assert_eq!(rows.len(), 3, "{table}");
    assert_eq!(
        rows[1],
        format!(
            "1\t2026-09-21T14:13:21Z\tbefore 2026-09-21T14:13:20Z\tsub=alice\t{ISSUER}\t–\tkey:ops\tlost"
        )
    );
    assert_eq!(authority.asked().len(), 1);
    assert_eq!(authority.asked()[0].path, "/_revocable/admin/log?limit=2");
}

#[test]
fn undoing_is_by_number_or_by_target() {
    let sandbox = Sandbox::new("revocations-undo");
    let authority = always(200, recorded("undone"));
    revocations(&sandbox, &authority, &["undo", "--seq", "17"], "").succeeds();
    let target = ["undo", "--rule", "sub", "--issuer", ISSUER, "--value", "alice"];
    for (more, beside) in [
        (vec![], json!({ "kind": "outright" })),
        (vec!["--kind", "cutoff", "--reason", "why"], json!({ "kind": "cutoff", "reason": "why" })),
        (vec!["--claim", "v"], json!({ "kind": "minimum", "claim": "v" })),
    ] {
        revocations(&sandbox, &authority, &[&target[..], &more].concat(), "").succeeds();
        let mut wanted = json!({ "rule": ["sub"], "issuer": ISSUER, "values": ["alice"], "undo": true });
        wanted.as_object_mut().unwrap().extend(beside.as_object().unwrap().clone());
        assert_eq!(authority.asked().pop().unwrap().json(), wanted);
    }
    revocations(&sandbox, &authority, &["undo", "--seq", "18", "--reason", "a&b"], "").succeeds();
    assert!(authority.asked().pop().unwrap().path.ends_with("/18?reason=a%26b"));
    let first = &authority.asked()[0];
    assert_eq!((first.method.as_str(), first.path.as_str()), ("DELETE", "/_revocable/admin/revocations/17"));
    for wrong in [
        vec!["undo"],
        vec!["undo", "--value", "a"],
        vec!["undo", "--seq", "1", "--value", "a"],
        vec!["undo", "--seq", "1", "--rule", "sub"],
        vec!["undo", "--rule", "sub"],
    ] {
        revocations(&sandbox, &authority, &wrong, "").fails(64, "ERR_USAGE");
    }
    let authority = always(200, recorded("absent"));
    let ended = revocations(&sandbox, &authority, &target, "").succeeds();
    assert!(ended.stdout.contains("there was nothing to undo"), "{}", ended.stdout);
}

fn change(seq: u64, prev: u64) -> Value {
    let one = json!({ "seq": seq, "op": "add", "rule": ["sub"], "kind": "outright", "issuer": ISSUER, "id": format!("{seq:032x}") });
    json!({ "type": "change", "seq": seq, "prev": prev, "head": "", "changes": [one] })
}

#[cfg(unix)]
#[test]
fn the_feed_is_followed_over_breaks_without_loss_or_repetition_until_ctrl_c() {
    let sandbox = Sandbox::new("revocations-tail");
    sandbox.write("key", KEY);
    let authority = Authority::start(|_, before| match before {
        0 => Reply::feed(&[json!({ "type": "heartbeat", "seq": 3, "head": "" }), change(4, 3), change(5, 4)]),
        1 => Reply(503, vec![("retry-after", "0".to_owned())], String::new()),
        2 => Reply::feed(&[change(5, 4), change(6, 5), change(9, 8)]),
        3 => Reply::feed(&[change(8, 6), change(9, 8), json!({ "type": "reset", "seq": 20, "head": "" })]),
        _ => Reply(503, vec![("retry-after", "0".to_owned())], String::new()),
    });
    let mut child = Command::new(env!("CARGO_BIN_EXE_revocable"))
        .args(["revocations", "tail", "--json", "--url", &authority.url, "--key-file", "key", "--after", "2"])
        .current_dir(&sandbox.folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut seen = Vec::new();
    for _ in 0..6 {
        let message: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        seen.push((message["type"].as_str().unwrap().to_owned(), message["seq"].as_u64().unwrap()));
    }
    let seqs: Vec<u64> = seen.iter().map(|(_, seq)| *seq).collect();
    assert_eq!(seqs, [4, 5, 6, 8, 9, 20]);
    assert_eq!(seen[5].0, "reset");
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!((child.wait().unwrap().code(), stderr.as_str()), (Some(0), ""));
    let asked = authority.asked();
    assert_eq!(asked[0].header("accept"), Some("text/event-stream"));
    let paths: Vec<&str> = asked.iter().take(4).map(|asked| asked.path.as_str()).collect();
    assert_eq!(paths, ["2", "5", "5", "6"].map(|after| format!("/_revocable/feed?after={after}")));
}

#[test]
fn a_feed_that_cannot_be_had_ends_with_what_is_wrong() {
    let sandbox = Sandbox::new("revocations-tail-refused");
    let tail = ["tail", "--retries", "1"];
    let authority = always(401, json!({ "error": "invalid_client" }));
    revocations(&sandbox, &authority, &tail, "").fails(1, "ERR_CLIENT_INVALID");
    revocations(&sandbox, &always(200, json!({})), &tail, "").fails(1, "ERR_AUTHORITY_UNAVAILABLE");
    let away = Authority::start(|_, _| Reply(503, vec![("retry-after", "0".to_owned())], String::new()));
    revocations(&sandbox, &away, &tail, "").fails(2, "ERR_LEDGER_UNAVAILABLE");
    assert_eq!(away.asked().len(), 2);
}

/// A head, signed by a signer that is none of ours.
fn head(key: &Ed25519KeyPair, typ: &str, seq: u64, age: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() - age;
    let payload = json!({ "iss": "https://authority.example", "seq": seq, "manifest": "00", "iat": now, "exp": now + 60 });
    let mut claims = Claims::with_custom_claims(payload, Duration::from_secs(1));
    (claims.issued_at, claims.expires_at, claims.invalid_before) = (None, None, None);
    let options =
        jwt_simple::common::HeaderOptions { signature_type: Some(typ.to_owned()), ..Default::default() };
    key.sign_with_options(claims, &options).unwrap()
}

#[test]
fn with_a_list_key_what_no_head_vouches_for_ends_the_feed_before_it_is_shown() {
    let sandbox = Sandbox::with_keys("revocations-heads");
    let jwk: Value = serde_json::from_slice(&sandbox.read("list.jwk")).unwrap();
    let part = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap();
    let kid = jwk["kid"].as_str().unwrap();
    let ours = Ed25519KeyPair::from_bytes(&[part("d"), part("x")].concat()).unwrap().with_key_id(kid);
    let other = Ed25519KeyPair::generate().with_key_id(kid);
    let typ = "revocations-head+jwt";
    let cases = [
        (head(&ours, typ, 4, 0), true),
        (head(&ours, typ, 5, 0), true),
        (head(&ours, typ, 3, 0), false),
        (head(&ours, typ, 4, 120), false),
        (head(&ours, "revocations+jwt", 4, 0), false),
        (head(&other, typ, 4, 0), false),
        ("nonsense".to_owned(), false),
    ];
    for (head, passes) in cases {
        let mut message = change(4, 3);
        message["head"] = head.clone().into();
        let authority = Authority::start(move |_, before| match before {
            0 => Reply::feed(&[message.clone()]),
            _ => Reply::json(404, &json!({})),
        });
        let ended = revocations(&sandbox, &authority, &["tail", "--list-key", "list.pub.jwk", "-q"], "");
        assert_eq!(ended.stdout.lines().count(), usize::from(passes), "{head}: {}", ended.stderr);
        ended.fails(1, if passes { "ERR_NOT_FOUND" } else { "ERR_REVOCATION_MANIFEST_UNTRUSTED" });
    }
}
