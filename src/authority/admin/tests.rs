use serde_json::Value as Json;

use super::*;
use crate::authority::Outcome;
use crate::authority::tests::{ISSUER, authority};

const NOW: UnixTime = UnixTime::from_seconds(1_790_000_000);
const JSON: Option<&str> = Some("application/json");
const LINES: Option<&str> = Some("application/x-ndjson; charset=utf-8");

fn posted<'a>(content_type: Option<&'a str>, query: &'a str, body: &'a str) -> Posted<'a> {
    Posted { content_type, idempotency_key: None, query, body: body.as_bytes() }
}

fn one(body: &str) -> Result<Intake, Fault> {
    authority(json!({})).intake(&posted(JSON, "", body), NOW)
}

fn lines(query: &str, body: &str) -> Result<Intake, Fault> {
    authority(json!({})).intake(&posted(LINES, query, body), NOW)
}

/// A revocation with these members changed; `null` leaves one out.
fn with(changes: Json) -> String {
    let mut line = json!({ "rule": ["jti"], "issuer": ISSUER, "values": ["t-1"] });
    let Json::Object(changes) = changes else { panic!("changes are an object") };
    for (name, value) in changes {
        if value == "absent" {
            line.as_object_mut().unwrap().remove(&name);
        } else {
            line[name] = value;
        }
    }
    line.to_string()
}

fn fault(changes: Json) -> (u16, String) {
    let fault = one(&with(changes)).unwrap_err();
    (fault.status(), fault.field().to_owned())
}

#[test]
fn what_is_good_is_what_the_ledger_reads() {
    let now = NOW.as_seconds();
    for changes in [
        json!({}),
        json!({ "reason": "stolen" }),
        json!({ "reason": null }),
        json!({ "rule": ["sub", "azp"], "values": ["alice", 7] }),
        json!({ "rule": [], "values": [] }),
        json!({ "rule": ["sub"], "before": now }),
        json!({ "rule": ["sub"], "before": 0 }),
        json!({ "rule": ["sub"], "before": 1_789_999_999.5, "expires": now }),
        json!({ "rule": ["sub"], "minimum": -3, "claim": "pwd_ver" }),
        json!({ "rule": ["sub"], "minimum": 7.0, "claim": "pwd_ver", "undo": false }),
        json!({ "undo": true }),
        json!({ "undo": true, "kind": "cutoff" }),
        json!({ "undo": true, "kind": "minimum", "claim": "pwd_ver", "reason": "x" }),
        json!({ "rule": ["@key"], "values": ["k"] }),
        json!({ "values": ["x".repeat(1024)] }),
    ] {
        let body = with(changes);
        let order = one(&body).unwrap().order("key:ops").unwrap();
        let wanted = Wanted::from_value(serde_json::from_str(&body).unwrap()).unwrap();
        assert_eq!(order, Order::new("key:ops", vec![wanted]), "{body}");
    }
}

#[test]
fn what_is_of_the_wrong_type_is_400_and_names_its_member() {
    for (changes, field) in [
        (json!({ "rule": "jti" }), "rule"),
        (json!({ "rule": [1] }), "rule[0]"),
        (json!({ "rule": null }), "rule"),
        (json!({ "rule": "absent" }), "rule"),
        (json!({ "issuer": 1 }), "issuer"),
        (json!({ "issuer": "absent" }), "issuer"),
        (json!({ "values": "t-1" }), "values"),
        (json!({ "values": "absent" }), "values"),
        (json!({ "values": [null] }), "values[0]"),
        (json!({ "values": [["t-1"]] }), "values[0]"),
        (json!({ "before": "now" }), "before"),
        (json!({ "before": null }), "before"),
        (json!({ "expires": true }), "expires"),
        (json!({ "minimum": "3" }), "minimum"),
        (json!({ "claim": 3 }), "claim"),
        (json!({ "undo": "yes" }), "undo"),
        (json!({ "undo": null }), "undo"),
        (json!({ "kind": 1 }), "kind"),
        (json!({ "reason": 1 }), "reason"),
        (json!({ "expire": 1 }), "expire"),
        (json!({ "": 1 }), "body"),
    ] {
        assert_eq!(fault(changes.clone()), (400, field.to_owned()), "{changes}");
    }
    for body in ["", "x", "[]", "null", "{}{}", "{\"a\":", "{\"rule\":[],\"rule\":[]}", "\u{feff}{}"] {
        let fault = one(body).unwrap_err();
        assert_eq!((fault.status(), fault.field()), (400, "body"), "{body}");
    }
    let secret = "eyJhbGciOiJIUzI1NiJ9.e30.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let fault = one(&with(json!({ secret: 1 }))).unwrap_err();
    assert!(!fault.answer(Vec::new()).body.contains("eyJ"), "it may be a token");
}

#[test]
fn what_makes_no_sense_is_422_and_names_its_member() {
    let now = NOW.as_seconds();
    for (changes, field) in [
        (json!({ "rule": ["@kid"] }), "rule"),
        (json!({ "rule": [""] }), "rule"),
        (json!({ "rule": ["a", "a"], "values": [1, 2] }), "rule"),
        (json!({ "rule": ["1", "2", "3", "4", "5", "6", "7", "8", "9"] }), "rule"),
        (json!({ "issuer": "https://other.example" }), "issuer"),
        (json!({ "issuer": "" }), "issuer"),
        (json!({ "values": [] }), "values"),
        (json!({ "values": ["a", "b"] }), "values"),
        (json!({ "values": [1.5] }), "values[0]"),
        (json!({ "values": [9_007_199_254_740_992_u64] }), "values[0]"),
        (json!({ "values": ["x".repeat(1025)] }), "values[0]"),
        (json!({ "before": now + 1 }), "before"),
        (json!({ "before": 1_790_000_000.001 }), "before"),
        (json!({ "before": -1 }), "before"),
        (json!({ "before": 1e300 }), "before"),
        (json!({ "expires": -1 }), "expires"),
        (json!({ "expires": 1e12 }), "expires"),
        (json!({ "before": now, "minimum": 1, "claim": "c" }), "minimum"),
        (json!({ "minimum": 1 }), "claim"),
        (json!({ "minimum": 1, "claim": "" }), "claim"),
        (json!({ "minimum": 1, "claim": "@key" }), "claim"),
        (json!({ "minimum": 1, "claim": "header:kid" }), "claim"),
        (json!({ "minimum": 1.5, "claim": "c" }), "minimum"),
        (json!({ "minimum": 9_007_199_254_740_992_u64, "claim": "c" }), "minimum"),
        (json!({ "claim": "c" }), "claim"),
        (json!({ "kind": "cutoff" }), "kind"),
        (json!({ "undo": true, "kind": "all" }), "kind"),
        (json!({ "undo": true, "kind": "minimum" }), "claim"),
        (json!({ "undo": true, "before": now }), "before"),
        (json!({ "undo": true, "minimum": 1 }), "minimum"),
        (json!({ "undo": true, "expires": now }), "expires"),
        (json!({ "rule": ["@key"], "before": now }), "before"),
        (json!({ "rule": ["@key"], "minimum": 1, "claim": "c" }), "minimum"),
        (json!({ "rule": ["@key"], "undo": true, "kind": "cutoff" }), "kind"),
        (json!({ "reason": "x".repeat(513) }), "reason"),
    ] {
        assert_eq!(fault(changes.clone()), (422, field.to_owned()), "{changes}");
    }
}

#[test]
fn a_fault_is_answered_with_its_member_and_without_its_value() {
    let fault = one(&with(json!({ "issuer": "https://secret.example" }))).unwrap_err();
    let answer = fault.answer(vec![("vary", "origin".to_owned())]);
    assert_eq!(answer.status, 422);
    let body: Json = serde_json::from_str(&answer.body).unwrap();
    let wanted = json!({
        "error": "invalid_request",
        "error_description": "`issuer`: this authority does not speak for it",
        "field": "issuer",
    });
    assert_eq!(body, wanted);
    assert!(answer.headers.contains(&("vary", "origin".to_owned())));
}

#[test]
fn a_body_is_one_revocation_or_one_a_line_as_its_type_says() {
    for content_type in [None, Some(""), Some("text/plain"), Some("application/x-www-form-urlencoded")] {
        let fault =
            authority(json!({})).intake(&posted(content_type, "", &with(json!({}))), NOW).unwrap_err();
        assert_eq!((fault.status(), fault.field()), (415, "Content-Type"), "{content_type:?}");
        assert_eq!(Posted::limit(content_type).unwrap_err().status(), 415);
    }
    assert_eq!(Posted::limit(Some("Application/JSON;x=y")), Ok(128 * 1024));
    assert_eq!(Posted::limit(LINES), Ok(8 * 1024 * 1024));
    let padded = format!("{}{}", with(json!({})), " ".repeat(MAX_ADMIN_BYTES));
    let fault = one(&padded).unwrap_err();
    assert_eq!((fault.status(), fault.field()), (400, "body"));
    for (query, field) in [("partial", "partial"), ("dry", "query")] {
        let fault = authority(json!({})).intake(&posted(JSON, query, &with(json!({}))), NOW).unwrap_err();
        assert_eq!((fault.status(), fault.field()), (400, field));
    }
}

#[test]
fn an_idempotency_key_is_a_short_visible_text() {
    let authority = authority(json!({}));
    let body = with(json!({}));
    let intake =
        |key| authority.intake(&Posted { idempotency_key: Some(key), ..posted(JSON, "", &body) }, NOW);
    let longest = "~".repeat(128);
    for key in ["k", "8e03978e-40d5-43dd-bc93-6894a57f9324", &longest] {
        assert_eq!(intake(key).unwrap().order("key:ops").unwrap().key.as_deref(), Some(key));
    }
    let too_long = "~".repeat(129);
    for key in ["", "a b", "a, b", "é", "\u{7f}", &too_long] {
        let fault = intake(key).unwrap_err();
        assert_eq!((fault.status(), fault.field()), (400, "Idempotency-Key"), "{key}");
    }
}

#[test]
fn of_lines_with_a_fault_none_is_taken_unless_those_that_are_good_are_asked_for() {
    let body = format!(
        "{}\r\n\n{}\nx\n{}\n",
        with(json!({})),
        with(json!({ "before": NOW.as_seconds() + 60 })),
        with(json!({ "undo": true }))
    );
    let mut intake = lines("", &body).unwrap();
    assert_eq!(intake.wants(), Permission::Admin);
    assert!(intake.order("key:ops").is_none());
    let answer = intake.answer(None, Vec::new());
    assert_eq!(answer.status, 422);
    let errors = json!([
        { "line": 3, "field": "before", "reason": "it lies in the future" },
        { "line": 4, "field": "body", "reason": "it is no JSON, at line 1 column 1" },
    ]);
    let wanted = json!({
        "seq": null, "mode": "all", "recorded": 0, "refused": 4, "outcomes": [], "errors": errors,
    });
    assert_eq!(serde_json::from_str::<Json>(&answer.body).unwrap(), wanted);

    for query in ["partial", "partial=", "partial=true"] {
        let mut intake = lines(query, &body).unwrap();
        let order = intake.order("key:ops").unwrap();
        assert_eq!(order.changes.len(), 2);
        let outcomes = [(8, "added"), (9, "undone")].map(|(seq, result)| Outcome {
            seq,
            id: "00".repeat(16),
            result: result.to_owned(),
        });
        let receipt = Receipt { seq: 10, outcomes: outcomes.to_vec(), manifest: String::new() };
        let answer = intake.answer(Some(&receipt), Vec::new());
        assert_eq!(answer.status, 200);
        let wanted = json!({
            "seq": 10, "mode": "partial", "recorded": 2, "refused": 2, "errors": errors,
            "outcomes": [
                { "line": 1, "seq": 8, "id": "00".repeat(16), "result": "added" },
                { "line": 5, "seq": 9, "id": "00".repeat(16), "result": "undone" },
            ],
        });
        assert_eq!(serde_json::from_str::<Json>(&answer.body).unwrap(), wanted);
    }
    // Where none is good there is nothing to record, and that is no failure of those that were to be.
    let mut none = lines("partial", "x").unwrap();
    assert!(none.order("key:ops").is_none());
    assert_eq!(none.answer(None, Vec::new()).status, 200);
    for query in ["partial=false", "partial&partial", "all", "partial&x=1"] {
        assert_eq!(lines(query, &body).unwrap_err().status(), 400, "{query}");
    }
}

#[test]
fn no_more_lines_are_taken_than_there_is_room_for_and_not_none() {
    let line = with(json!({}));
    let all = format!("{line}\n").repeat(MAX_BULK_LINES);
    let mut intake = lines("", &all).unwrap();
    assert_eq!((intake.wants(), intake.cost()), (Permission::Revoke, 100));
    assert_eq!(intake.order("key:ops").unwrap().changes.len(), 10_000);
    for body in [format!("{all}{line}"), String::new(), "\n \r\n\t".to_owned()] {
        let fault = lines("", &body).unwrap_err();
        assert_eq!((fault.status(), fault.field()), (400, "body"));
    }
    assert_eq!(one(&line).unwrap().cost(), 0, "the request itself is counted already");
}

#[test]
fn one_revocation_is_answered_with_what_became_of_it() {
    let intake = one(&with(json!({}))).unwrap();
    let outcome = Outcome { seq: 7, id: "ab".repeat(16), result: "added".to_owned() };
    let receipt = Receipt { seq: 8, outcomes: vec![outcome], manifest: "m".to_owned() };
    let answer = intake.answer(Some(&receipt), Vec::new());
    let wanted = json!({ "seq": 8, "outcomes": [{ "seq": 7, "id": "ab".repeat(16), "result": "added" }] });
    assert_eq!((answer.status, serde_json::from_str::<Json>(&answer.body).unwrap()), (200, wanted));
}

#[test]
fn a_ledger_without_values_says_which_searches_it_cannot_answer() {
    let (with_values, without) = (authority(json!({})), authority(json!({ "hashOnly": true })));
    for query in ["value=a", "rule=sub&value=a", "rule=sub,azp&issuer=i&value=a", "issuer=i&json=7"] {
        assert!(with_values.listing(query, false).is_ok());
        let fault = without.listing(query, true).unwrap_err();
        assert_eq!((fault.status(), fault.field()), (422, "value"), "{query}");
        assert!(fault.answer(Vec::new()).body.contains("hashOnly"));
    }
    for query in ["", "rule=sub&issuer=i&value=a", "rule=sub", "issuer=i", "kind=cutoff&after=7"] {
        assert!(without.listing(query, false).is_ok(), "{query}");
    }
}

#[test]
fn an_entry_is_taken_back_by_its_number_in_its_one_spelling() {
    let authority = authority(json!({}));
    let retraction = authority.retraction("key:ops", "12", "reason=by+mistake", Some("k")).unwrap().unwrap();
    let wanted = Retraction {
        actor: "key:ops".to_owned(),
        seq: 12,
        reason: Some("by mistake".to_owned()),
        key: Some("k".to_owned()),
    };
    assert_eq!(retraction, wanted);
    assert_eq!(Retraction::from_json(&retraction.to_json()), Ok(wanted));
    for path in ["", "0", "+1", "-1", "01", "1.0", "1/2", "x", "9007199254740992", "99999999999999999999"] {
        assert_eq!(authority.retraction("key:ops", path, "", None), Ok(None), "{path}");
    }
    let long = format!("reason={}", "x".repeat(513));
    for (query, status) in [("why=x", 400), ("reason=a&reason=b", 400), (&*long, 422)] {
        assert_eq!(authority.retraction("key:ops", "1", query, None).unwrap_err().status(), status);
    }
    assert!(authority.retraction("key:ops", "1", "", Some("a b")).is_err());
}
