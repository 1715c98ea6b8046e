//! Rules and kinds combine as in a naive model: whatever is said of whatever targets, in full builds and in what changed since,
//! a token is refused exactly when something that stands matches it and applies.
//!
//! A failing input is kept in `tests/composition.regressions`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    reason = "a test may stop at the first surprise"
)]

mod common;

use std::collections::BTreeMap;

use jwt_simple::algorithms::{HS256Key, MACLike as _};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use serde_json::{Value as Json, json};

use revocable::Verifier;

use common::*;

/// What is said of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Outright,
    /// In seconds.
    Cutoff(u64),
    Minimum(&'static str, i64),
}

#[derive(Clone, Debug)]
struct Said {
    rule: &'static [&'static str],
    values: Vec<Json>,
    how: How,
    undo: bool,
}

const RULES: [&[&str]; 18] = [
    &["jti"],
    &["sub"],
    &["sub", "azp"],
    &[],
    &["aud"],
    &["aud", "sub"],
    &["header:x"],
    &["sub", "header:x"],
    &["@key"],
    &["sub", "@key"],
    &["tenant"],
    &["tenant", "sub"],
    &["admin"],
    &["admin", "tenant"],
    &["header:n"],
    &["groups", "header:x", "tenant"],
    &["groups"],
    &["groups", "sub"],
];

/// Numbers and texts of the same spelling, and the claim names of others as values.
fn value() -> impl Strategy<Value = Json> {
    prop::sample::select(vec![
        json!("a"),
        json!("b"),
        json!("1"),
        json!(1),
        json!(-2),
        json!(true),
        json!(false),
    ])
}

fn value_of(member: &'static str) -> BoxedStrategy<Json> {
    match member {
        "@key" => prop::sample::select(vec![json!("secret-1"), json!(thumbprint(&issuer_key())), json!("a")])
            .boxed(),
        "admin" => prop::sample::select(vec![json!(true), json!(false), json!("true"), json!(1)]).boxed(),
        "tenant" | "header:n" => {
            prop::sample::select(vec![json!(1), json!(-2), json!("1"), json!(true)]).boxed()
        }
        _ => prop_oneof![6 => prop::sample::select(vec![json!("a"), json!("b")]), 1 => value()].boxed(),
    }
}

fn said() -> impl Strategy<Value = Said> {
    let how = prop_oneof![
        Just(How::Outright),
        (SECONDS - 30..SECONDS + 5).prop_map(How::Cutoff),
        (prop::sample::select(vec!["pwd_ver", "api_ver"]), -1_i64..4)
            .prop_map(|(claim, least)| How::Minimum(claim, least)),
    ];
    (prop::sample::select(RULES.to_vec()), how, prop::bool::weighted(0.25)).prop_flat_map(
        |(rule, how, undo)| {
            let values: Vec<_> = rule.iter().map(|member| value_of(member)).collect();
            // Whoever holds a leaked key chooses the claims.
            let how = if rule.contains(&"@key") { How::Outright } else { how };
            values.prop_map(move |values| Said { rule, values, how, undo })
        },
    )
}

impl Said {
    fn line(&self) -> Json {
        let mut line = outright(self.rule, json!(self.values));
        let kind = match self.how {
            How::Outright => "outright",
            How::Cutoff(_) => "cutoff",
            How::Minimum(claim, _) => {
                line["claim"] = json!(claim);
                "minimum"
            }
        };
        match self.how {
            _ if self.undo => {
                line["undo"] = json!(true);
                line["kind"] = json!(kind);
            }
            How::Outright => {}
            How::Cutoff(before) => line["before"] = json!(before),
            How::Minimum(_, least) => line["minimum"] = json!(least),
        }
        line
    }

    /// What it replaces, and what replaces it.
    fn key(&self) -> String {
        let mut named: Vec<_> = self.rule.iter().zip(&self.values).collect();
        named.sort_by_key(|(member, _)| **member);
        let kind = match self.how {
            How::Outright => "outright",
            How::Cutoff(_) => "cutoff",
            How::Minimum(claim, _) => claim,
        };
        format!("{named:?} {kind}")
    }

    fn matches(&self, token: &Token) -> bool {
        self.rule.iter().zip(&self.values).all(|(member, value)| token.has(member).contains(value))
    }

    fn applies(&self, token: &Token) -> bool {
        match self.how {
            How::Outright => true,
            How::Cutoff(before) => {
                token.claims.get("iat").is_none_or(|iat| iat.as_f64().unwrap() < before as f64)
            }
            How::Minimum(claim, least) => match token.claims.get(claim).and_then(Json::as_f64) {
                // Of these there are only small ones.
                Some(value) if value.fract() == 0.0 => value < least as f64,
                _ => true,
            },
        }
    }
}

#[derive(Clone, Debug)]
struct Token {
    header: Json,
    claims: Json,
    by_secret: bool,
}

fn token() -> impl Strategy<Value = Token> {
    let name = || {
        option::weighted(
            0.8,
            prop_oneof![6 => prop::sample::select(vec![json!("a"), json!("b")]), 1 => value()],
        )
    };
    let text = || prop::sample::select(vec!["a", "b", "c"]);
    let audience = prop_oneof![
        Just(None),
        text().prop_map(|one| Some(json!(one))),
        vec(text(), 0..5).prop_map(|list| Some(json!(list))),
    ];
    let groups = prop_oneof![
        name(),
        vec(value(), 0..5).prop_map(|list| Some(json!(list))),
        Just(Some(json!(["b", null, 1.5, "a"]))),
    ];
    let version = || {
        option::weighted(
            0.7,
            prop_oneof![
                (-2_i64..5).prop_map(Json::from),
                prop::sample::select(vec![json!(2.0), json!(2.5), json!("3"), json!([3]), json!(null)])
            ],
        )
    };
    let names = (
        (name(), name()),
        name(),
        audience,
        groups,
        option::weighted(0.8, value()),
        option::weighted(0.7, value_of("admin")),
    );
    let more = (version(), version(), option::weighted(0.8, (SECONDS - 35..SECONDS).prop_map(Json::from)));
    let header = (name(), option::weighted(0.5, value_of("header:n")), any::<bool>());
    (names, more, header).prop_map(
        |(((sub, azp), jti, aud, groups, tenant, admin), (pwd, api, iat), (x, n, by_secret))| {
            let mut claims = json!({ "iss": ISSUER, "exp": SECONDS + 600 });
            let mut header = if by_secret {
                json!({ "alg": "HS256", "kid": "secret-1" })
            } else {
                json!({ "alg": "ES256" })
            };
            // Claims that are spelled like other members are none of them.
            claims["header:x"] = json!("a");
            claims["@key"] = json!("a");
            let named = [
                ("sub", sub),
                ("azp", azp),
                ("jti", jti),
                ("aud", aud),
                ("groups", groups),
                ("tenant", tenant),
                ("admin", admin),
                ("pwd_ver", pwd),
                ("api_ver", api),
                ("iat", iat),
            ];
            for (name, value) in named {
                if let Some(value) = value {
                    claims[name] = value;
                }
            }
            for (name, value) in [("x", x), ("n", n)] {
                if let Some(value) = value {
                    header[name] = value;
                }
            }
            Token { header, claims, by_secret }
        },
    )
}

impl Token {
    /// Every value by which a rule may know it in this member.
    fn has(&self, member: &str) -> Vec<Json> {
        let one = match (member, member.strip_prefix("header:")) {
            ("@key", _) if self.by_secret => Some(json!("secret-1")),
            ("@key", _) => Some(json!(thumbprint(&issuer_key()))),
            (_, Some(field)) => self.header.get(field).cloned(),
            (claim, None) => self.claims.get(claim).cloned(),
        };
        match one {
            Some(Json::Array(list)) => list,
            other => other.into_iter().collect(),
        }
    }

    fn text(&self) -> String {
        let (header, claims) = (self.header.to_string(), self.claims.to_string());
        if !self.by_secret {
            return raw(&header, claims, &issuer_key());
        }
        let input = format!("{}.{}", base64url(header), base64url(claims));
        format!("{input}.{}", base64url(HS256Key::from_bytes(&[9; 32]).authentication_tag(input.as_bytes())))
    }
}

/// A verifier that was told all of it: so much in a full build, and the rest in as many updates.
fn told(said: &[Said], parts: &[usize]) -> Verifier {
    let lines: Vec<Json> = said.iter().map(Said::line).collect();
    let mut ends: Vec<usize> = parts.iter().map(|part| part % (lines.len() + 1)).collect();
    ends.sort_unstable();
    let (first, mut rest) = lines.split_at(ends.first().copied().unwrap_or(lines.len()));
    let mut before = first.len();
    let mut verifier = build(&config_with(json!({ "requireClaims": [] }))).unwrap();
    let mut built = publish(1, first);
    install(&mut verifier, &built, NOW).unwrap();
    for end in ends.into_iter().skip(1).chain([lines.len()]) {
        let (part, after) = rest.split_at(end - before);
        (rest, before) = (after, end);
        built = update(&built.manifest, part);
        install(&mut verifier, &built, NOW).unwrap();
    }
    assert!(rest.is_empty());
    verifier
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct("tests/composition.regressions"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_token_is_refused_exactly_when_something_that_stands_matches_it_and_applies(
        said in vec(said(), 0..14),
        parts in vec(any::<usize>(), 0..4),
        tokens in vec(token(), 1..10),
    ) {
        let mut stands: BTreeMap<String, &Said> = BTreeMap::new();
        for one in &said {
            if one.undo {
                stands.remove(&one.key());
            } else {
                stands.insert(one.key(), one);
            }
        }
        let verifier = told(&said, &parts);
        for token in tokens {
            let revoked = stands.values().any(|one| one.matches(&token) && one.applies(&token));
            let expected = if revoked { "deny ERR_JWT_REVOKED" } else { "allow" };
            prop_assert_eq!(verdict(&verifier, &token.text()), expected, "{:?}", token);
        }
    }
}

/// That the model finds both, and each kind and place of a value.
#[test]
fn the_model_knows_each_kind_and_place() {
    let said = |rule: &'static [&'static str], values: &[Json], how: How| Said {
        rule,
        values: values.to_vec(),
        how,
        undo: false,
    };
    let token = Token {
        header: json!({ "alg": "ES256", "x": "a", "n": -2 }),
        claims: json!({
            "iss": ISSUER, "exp": SECONDS + 600, "iat": SECONDS - 10, "sub": "a", "aud": ["b", "a"], "groups": ["b", 1, "a"], "tenant": 1,
            "admin": false, "pwd_ver": 2.0,
        }),
        by_secret: false,
    };
    let name = json!(thumbprint(&issuer_key()));
    for (one, expected) in [
        (said(&["sub"], &[json!("a")], How::Outright), true),
        (said(&["jti"], &[json!("a")], How::Outright), false),
        (said(&["tenant"], &[json!(1)], How::Outright), true),
        (said(&["tenant"], &[json!("1")], How::Outright), false),
        (said(&["tenant"], &[json!(true)], How::Outright), false),
        (said(&["admin"], &[json!(false)], How::Outright), true),
        (said(&["header:n"], &[json!(-2)], How::Outright), true),
        (said(&["header:x"], &[json!("b")], How::Outright), false),
        (said(&["aud"], &[json!("a")], How::Outright), true),
        (said(&["groups"], &[json!(1)], How::Outright), true),
        (said(&["groups"], &[json!("1")], How::Outright), false),
        (said(&["groups", "header:x", "tenant"], &[json!("a"), json!("a"), json!(1)], How::Outright), true),
        (said(&["@key"], &[name], How::Outright), true),
        (said(&[], &[], How::Cutoff(SECONDS - 10)), false),
        (said(&[], &[], How::Cutoff(SECONDS - 9)), true),
        (said(&["sub"], &[json!("a")], How::Minimum("pwd_ver", 2)), false),
        (said(&["sub"], &[json!("a")], How::Minimum("pwd_ver", 3)), true),
        (said(&["sub"], &[json!("a")], How::Minimum("api_ver", -1)), true),
    ] {
        assert_eq!(one.matches(&token) && one.applies(&token), expected, "{one:?}");
        let outcome = verdict(&told(std::slice::from_ref(&one), &[0]), &token.text());
        assert_eq!(outcome, if expected { "deny ERR_JWT_REVOKED" } else { "allow" }, "{one:?}");
    }
}
