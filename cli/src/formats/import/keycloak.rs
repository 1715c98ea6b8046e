//! Keycloak's "not before" policies, from an export of its realms.
//!
//! What is read is a realm, a list of realms, or one of the files with users that stand beside a realm's:
//!
//! | member | becomes a cutoff of |
//! |---|---|
//! | `notBefore` | `[]`: everything of the realm |
//! | `users[].notBefore`, `federatedUsers[].notBefore` | `["sub"]`, the user's `id` |
//! | `clients[].notBefore` | `["azp"]`, the client's `clientId` |
//!
//! Each is in seconds since 1970; 0 is Keycloak's word for none. Keycloak refuses tokens whose `iat` is less: what a cutoff
//! says.

use std::fmt;
use std::io::{self, BufRead};

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Value, json};

use super::super::Tally;
use super::give;

/// Whose tokens a realm's are.
#[derive(Clone, Debug)]
pub enum Issuer {
    /// Keycloak's own URL, to which `/realms/` and the realm's name are put.
    Base(String),
    /// The issuer, of the only realm there is.
    Only(String),
}

/// Why nothing could be read.
#[derive(Debug)]
pub enum Fault {
    /// The reader's, or that of what took the lines.
    Io(io::Error),
    /// It is no JSON, or no export.
    Document {
        /// What is wrong.
        message: String,
        /// Where, from 1; `None` where it is the document as a whole.
        place: Option<(usize, usize)>,
    },
}

/// Gives the line of NDJSON of every "not before" to `take`. Only those are kept while the document is read, however large
/// it is.
///
/// # Errors
/// [`Fault`]. What is wrong is known before the first line is given.
pub fn read(
    input: impl BufRead,
    issuer: &Issuer,
    mut take: impl FnMut(&str) -> io::Result<()>,
) -> Result<Tally, Fault> {
    let mut input = input;
    skip_mark(&mut input).map_err(Fault::Io)?;
    let mut document = serde_json::Deserializer::from_reader(input);
    let realms = Realms::deserialize(&mut document).and_then(|realms| document.end().map(|()| realms));
    let Realms(realms) = realms.map_err(fault)?;
    if let (Issuer::Only(_), true) = (issuer, realms.len() > 1) {
        return Err(whole("it holds several realms: --base-url gives each its issuer"));
    }
    let mut lines = Vec::new();
    for realm in realms {
        realm.lines(issuer, &mut lines)?;
    }
    let mut tally = Tally::default();
    for line in lines {
        match give(&line, &mut take).map_err(Fault::Io)? {
            Ok(()) => tally.right(),
            Err(message) => return Err(whole(message)),
        }
    }
    Ok(tally)
}

/// A mark that says nothing but that UTF-8 follows.
fn skip_mark(input: &mut impl BufRead) -> io::Result<()> {
    if input.fill_buf()?.starts_with(b"\xef\xbb\xbf") {
        input.consume(3);
    }
    Ok(())
}

fn fault(error: serde_json::Error) -> Fault {
    if error.is_io() {
        return Fault::Io(error.into());
    }
    let place = Some((error.line(), error.column()));
    let text = error.to_string();
    Fault::Document { message: text.split(" at line ").next().unwrap_or_default().to_owned(), place }
}

fn whole(message: impl Into<String>) -> Fault {
    Fault::Document { message: message.into(), place: None }
}

/// One realm, or a list of them.
struct Realms(Vec<Realm>);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Realm {
    realm: String,
    #[serde(default)]
    not_before: NotBefore,
    #[serde(default, deserialize_with = "revoked")]
    users: Vec<User>,
    #[serde(default, deserialize_with = "revoked")]
    federated_users: Vec<User>,
    #[serde(default, deserialize_with = "revoked")]
    clients: Vec<Client>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct User {
    id: Option<String>,
    #[serde(default)]
    not_before: NotBefore,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Client {
    client_id: Option<String>,
    #[serde(default)]
    not_before: NotBefore,
}

/// Seconds since 1970; `None` where nothing was revoked.
#[derive(Clone, Copy, Default)]
struct NotBefore(Option<u64>);

impl Realm {
    fn lines(&self, issuer: &Issuer, lines: &mut Vec<Value>) -> Result<(), Fault> {
        let issuer = match issuer {
            Issuer::Base(base) => format!("{}/realms/{}", base.trim_end_matches('/'), segment(&self.realm)),
            Issuer::Only(issuer) => issuer.clone(),
        };
        let mut add = |rule: &[&str], values: &[&str], before: NotBefore| {
            if let NotBefore(Some(before)) = before {
                lines.push(json!({ "rule": rule, "issuer": issuer, "values": values, "before": before }));
            }
        };
        add(&[], &[], self.not_before);
        for User { id, not_before } in self.users.iter().chain(&self.federated_users) {
            let id = id.as_deref().ok_or_else(|| whole("a user with a `notBefore` has no `id`"))?;
            add(&["sub"], &[id], *not_before);
        }
        for Client { client_id, not_before } in &self.clients {
            let id =
                client_id.as_deref().ok_or_else(|| whole("a client with a `notBefore` has no `clientId`"))?;
            add(&["azp"], &[id], *not_before);
        }
        Ok(())
    }
}

/// What has a "not before" of its own.
trait Holder {
    fn not_before(&self) -> NotBefore;
}

impl Holder for User {
    fn not_before(&self) -> NotBefore {
        self.not_before
    }
}

impl Holder for Client {
    fn not_before(&self) -> NotBefore {
        self.not_before
    }
}

/// The elements of a list that have a "not before"; the others are let go one by one.
fn revoked<'de, D: Deserializer<'de>, T: Holder + Deserialize<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    struct Revoked<T>(std::marker::PhantomData<T>);
    impl<'de, T: Holder + Deserialize<'de>> Visitor<'de> for Revoked<T> {
        type Value = Vec<T>;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("a list")
        }

        fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
            Ok(Vec::new())
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let mut kept = Vec::new();
            while let Some(element) = list.next_element::<T>()? {
                if element.not_before().0.is_some() {
                    kept.push(element);
                }
            }
            Ok(kept)
        }
    }
    deserializer.deserialize_any(Revoked(std::marker::PhantomData))
}

impl<'de> Deserialize<'de> for Realms {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Realms;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a realm or a list of realms")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Realms, A::Error> {
                Realm::deserialize(de::value::MapAccessDeserializer::new(map))
                    .map(|realm| Realms(vec![realm]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Realms, A::Error> {
                let mut realms = Vec::new();
                while let Some(realm) = list.next_element()? {
                    realms.push(realm);
                }
                Ok(Realms(realms))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl<'de> Deserialize<'de> for NotBefore {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Nothing was issued before 1970.
        let seconds =
            Option::<i64>::deserialize(deserializer)?.and_then(|seconds| u64::try_from(seconds).ok());
        Ok(Self(seconds.filter(|seconds| *seconds > 0)))
    }
}

/// A realm's name as a segment of a URL's path (RFC 3986 §3.3).
fn segment(name: &str) -> String {
    let mut segment = String::with_capacity(name.len());
    for byte in name.bytes() {
        match char::from(byte) {
            c if c.is_ascii_alphanumeric() || "-._~!$&'()*+,;=:@".contains(c) => segment.push(c),
            _ => segment.push_str(&format!("%{byte:02X}")),
        }
    }
    segment
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(document: &str, issuer: &Issuer) -> Result<Vec<String>, Fault> {
        let mut lines = Vec::new();
        let take = |line: &str| {
            lines.push(line.to_owned());
            Ok(())
        };
        read(document.as_bytes(), issuer, take).map(|_| lines)
    }

    fn base() -> Issuer {
        Issuer::Base("https://kc.example/".to_owned())
    }

    const REALM: &str = r#"{"id":"8b1c","realm":"shop","notBefore":1790000000,"enabled":true,
        "users":[{"id":"u-1","username":"alice","notBefore":1790000001,"attributes":{"a":["b"]}},
                 {"id":"u-2","username":"bob","notBefore":0},{"username":"carol"}],
        "clients":[{"id":"c","clientId":"app-1","notBefore":1790000002},{"clientId":"account","notBefore":0},
                   {"clientId":"never","notBefore":-1}],
        "federatedUsers":[{"id":"f:ldap:dave","notBefore":5}],"components":{}}"#;

    #[test]
    fn a_realm_its_users_and_its_clients_become_cutoffs_where_they_have_a_not_before() {
        let lines: Vec<Value> =
            run(REALM, &base()).unwrap().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        let issuer = "https://kc.example/realms/shop";
        let wanted = [
            json!({ "rule": [], "issuer": issuer, "values": [], "before": 1_790_000_000 }),
            json!({ "rule": ["sub"], "issuer": issuer, "values": ["u-1"], "before": 1_790_000_001 }),
            json!({ "rule": ["sub"], "issuer": issuer, "values": ["f:ldap:dave"], "before": 5 }),
            json!({ "rule": ["azp"], "issuer": issuer, "values": ["app-1"], "before": 1_790_000_002 }),
        ];
        assert_eq!(lines, wanted);
    }

    #[test]
    fn several_realms_have_an_issuer_each_and_a_file_of_users_names_its_realm() {
        let two = format!("\u{feff}[{REALM},{}]", REALM.replace("shop", "staff"));
        let lines = run(&two, &base()).unwrap();
        assert_eq!(lines.iter().filter(|line| line.contains("/realms/staff")).count(), 4);
        assert!(matches!(run(&two, &Issuer::Only("i".to_owned())), Err(Fault::Document { place: None, .. })));
        let spaced = run(&REALM.replace("shop", "my é/shop"), &base()).unwrap();
        assert!(spaced[0].contains("/realms/my%20%C3%A9%2Fshop"), "{}", spaced[0]);
        let users = r#"{"realm":"shop","users":[{"id":"u","notBefore":7}]}"#;
        let lines = run(users, &Issuer::Only("https://own.example".to_owned())).unwrap();
        assert!(lines[0].contains("https://own.example"), "{}", lines[0]);
    }

    #[test]
    fn what_is_no_export_is_refused_with_its_place_and_no_line_is_given() {
        for (document, reason) in [
            ("", "EOF"),
            ("7", "a realm or a list of realms"),
            ("{}", "missing field `realm`"),
            (r#"{"realm":"r","notBefore":"x"}"#, "invalid type"),
            (r#"{"realm":"r","users":[{"notBefore":5}]}"#, "no `id`"),
            (r#"{"realm":"r","clients":[{"notBefore":5}]}"#, "no `clientId`"),
            (r#"{"realm":"r","notBefore":5} x"#, "trailing"),
            (r#"{"realm":"r","notBefore":999999999999}"#, "before"),
        ] {
            match run(document, &base()) {
                Err(Fault::Document { message, .. }) => {
                    assert!(message.contains(reason), "{document}: {message}")
                }
                other => panic!("{document}: {other:?}"),
            }
        }
    }
}
