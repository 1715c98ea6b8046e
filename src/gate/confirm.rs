//! Confirmation over HTTP: whoever has hits that are too coarse to be believed asks somebody who knows exactly.

use serde_json::{Value, json};

use crate::base64url;
use crate::config::{Fields, Wrong, wrong};
use crate::error::Error;
use crate::json;
use crate::limits::{MAX_CONFIRM_BYTES, MAX_CONFIRM_TARGETS, MAX_SEQ};
use crate::revocation::{Confirmation, Entry, Id, Kind, Lack, Manifest, Rule, Salt, Snapshot, Target};
use crate::time::UnixTime;

/// What somebody wants confirmed, as it is asked over HTTP.
///
/// ```text
/// POST {"iss":"https://authority.example","salt":"<22 base64url>","seq":7,
///       "targets":[{"rule":["jti"],"kind":"outright","id":"<32 hex>"}]}
/// 200  {"seq":9,"answers":[{"revoked":true}]}
/// ```
///
/// `iss`, `salt` and `seq` are those of the manifest with the hit. Whoever has another authority's list, or one whose ids are made
/// with another salt, knows nothing of these ids and does not answer: to him, none of them is revoked.
///
/// | of a target | type | what |
/// |---|---|---|
/// | `rule` | list of strings | the members that name it |
/// | `kind` | string | `outright`, `cutoff` or `minimum` |
/// | `claim` | string, with `minimum` only | the claim that must not be lower |
/// | `id` | 32 hexadecimal digits | its id |
///
/// | of an answer | type | what |
/// |---|---|---|
/// | `revoked` | boolean | whether there is an entry |
/// | `value` | integer, where there is one and its kind is not `outright` | the cutoff in milliseconds since the epoch, or the minimum |
///
/// Answers come in the order of the targets, and out of a snapshot whose `seq` is at least the one asked about. At most 16
/// targets ([`crate::limits::MAX_CONFIRM_TARGETS`]) in at most 64 KiB ([`crate::limits::MAX_CONFIRM_BYTES`]).
///
/// ```
/// use revocable::gate::ConfirmQuestion;
/// let id = "000102030405060708090a0b0c0d0e0f";
/// let body = format!(r#"{{"iss":"a","salt":"AAAAAAAAAAAAAAAAAAAAAA","seq":7,"targets":[{{"rule":["jti"],"kind":"outright","id":"{id}"}}]}}"#);
/// assert_eq!(ConfirmQuestion::parse(body.as_bytes()).unwrap().seq(), 7);
/// let error = ConfirmQuestion::parse(body.replace(id, "x").as_bytes()).unwrap_err();
/// assert!(error.starts_with("targets[0].id: "));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfirmQuestion {
    authority: String,
    salt: Salt,
    seq: u64,
    targets: Vec<Asked>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Asked {
    rule: Rule,
    kind: Kind,
    claim: Option<String>,
    id: Id,
}

/// What a snapshot has to say to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfirmReply {
    /// The answers: the body of a 200.
    Answers(String),
    /// It lacks segments that would tell; supply them, and ask again.
    Lacking(Vec<Lack>),
    /// It is older than the one asked about: read a newer one, and ask again.
    Older,
    /// It cannot tell: it is another authority's, its ids are made otherwise, it is past its hard limit, or too coarse itself.
    Unable,
}

impl ConfirmQuestion {
    /// Puts a question about confirmations that decisions lacked: the most that may be asked at once, and those it is about.
    /// `None` where nothing of it is about this manifest.
    #[must_use]
    pub fn body<'c>(
        manifest: &Manifest,
        confirmations: impl IntoIterator<Item = &'c Confirmation>,
    ) -> Option<(String, Vec<&'c Confirmation>)> {
        let target = |one: &'c Confirmation| Some((manifest.target(one)?, one));
        let (targets, asked): (Vec<Value>, Vec<&Confirmation>) = confirmations
            .into_iter()
            .filter_map(target)
            .take(MAX_CONFIRM_TARGETS)
            .map(|(target, one)| (wire(&target), one))
            .unzip();
        let salt = manifest.salt().to_base64url();
        let (iss, seq) = (manifest.authority(), manifest.seq());
        let body = json!({ "iss": iss, "salt": salt, "seq": seq, "targets": targets }).to_string();
        (!asked.is_empty()).then_some((body, asked))
    }

    /// Reads a question.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn parse(body: &[u8]) -> Result<Self, String> {
        Self::read(body).map_err(|wrong| match *wrong {
            Error::ConfigInvalid { path, reason } if path.is_empty() => reason,
            Error::ConfigInvalid { path, reason } => [path.as_str(), ": ", &reason].concat(),
            other => other.to_string(),
        })
    }

    fn read(body: &[u8]) -> Result<Self, Wrong> {
        if body.len() > MAX_CONFIRM_BYTES {
            return Err(wrong("", "it is longer than 64 KiB"));
        }
        let body = json::object(body)
            .ok_or_else(|| wrong("", "expected a JSON object in which no member is named twice"))?;
        Fields::read_object(&body, String::new(), &["iss", "salt", "seq", "targets"], |fields| {
            let authority = fields.text("iss");
            let salt = base64url::decode_array(&fields.text("salt"));
            if salt.is_none() {
                fields.refuse("salt", "expected 16 bytes in base64url");
            }
            let salt = Salt::from_bytes(salt.unwrap_or_default());
            fields.required("seq");
            let seq = fields.value("seq").map(|seq| seq.as_u64().filter(|seq| *seq <= MAX_SEQ));
            if seq == Some(None) {
                fields.refuse("seq", "expected an integer from 0 to 9007199254740991");
            }
            let many = fields.value("targets").and_then(Value::as_array).map(Vec::len);
            if many.is_some_and(|many| many == 0 || many > MAX_CONFIRM_TARGETS) {
                fields.refuse("targets", "expected 1 to 16 of them");
                return Self { authority, salt, seq: 0, targets: Vec::new() };
            }
            let targets = fields.list("targets", Asked::read);
            Self { authority, salt, seq: seq.flatten().unwrap_or(0), targets }
        })
    }

    /// The number of the manifest that it is about.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// Answers it out of a snapshot.
    #[must_use]
    pub fn answer(&self, snapshot: &Snapshot, now: UnixTime) -> ConfirmReply {
        let manifest = snapshot.manifest();
        if manifest.authority() != self.authority || manifest.salt() != self.salt {
            return ConfirmReply::Unable;
        }
        if manifest.seq() < self.seq {
            return ConfirmReply::Older;
        }
        if now >= manifest.expires_at() {
            return ConfirmReply::Unable;
        }
        let (mut answers, mut lacking) = (Vec::with_capacity(self.targets.len()), Vec::new());
        for asked in &self.targets {
            match snapshot.exactly(&asked.target()) {
                Ok(entry) => answers.push(answer(entry)),
                Err(Some(lack)) => lacking.push(lack),
                Err(None) => return ConfirmReply::Unable,
            }
        }
        if lacking.is_empty() {
            ConfirmReply::Answers(json!({ "seq": manifest.seq(), "answers": answers }).to_string())
        } else {
            ConfirmReply::Lacking(lacking)
        }
    }

    /// Answers out of a ledger: `entry` gives the value that a target's entry has there, `seq` is that of its newest manifest.
    ///
    /// # Errors
    /// That of `entry`.
    #[cfg(feature = "authority")]
    pub fn answer_from<E>(
        &self,
        (authority, salt, seq): (&str, Salt, u64),
        mut value: impl FnMut(&Target<'_>) -> Result<Option<i64>, E>,
    ) -> Result<ConfirmReply, E> {
        if self.authority != authority || self.salt != salt {
            return Ok(ConfirmReply::Unable);
        }
        if seq < self.seq {
            return Ok(ConfirmReply::Older);
        }
        let mut answers = Vec::with_capacity(self.targets.len());
        for asked in &self.targets {
            let found = value(&asked.target())?.filter(|value| asked.kind.allows(*value));
            answers.push(answer(found.map(|value| asked.kind.entry(value))));
        }
        Ok(ConfirmReply::Answers(json!({ "seq": seq, "answers": answers }).to_string()))
    }

    /// Reads the answers to a question that [`ConfirmQuestion::body`] put: for each of the confirmations its exact entry, or
    /// `None` where there is none. Nothing is made of a body that is no such answer, or is about an older manifest.
    #[must_use]
    pub fn read_answers(
        body: &[u8],
        manifest: &Manifest,
        asked: &[&Confirmation],
    ) -> Option<Vec<Option<Entry>>> {
        if body.len() > MAX_CONFIRM_BYTES {
            return None;
        }
        let body = json::object(body)?;
        let seq = body.get("seq").and_then(Value::as_u64)?;
        let answers = body.get("answers").and_then(Value::as_array)?;
        if seq < manifest.seq() || answers.len() != asked.len() {
            return None;
        }
        answers.iter().zip(asked).map(|(answer, one)| entry(answer, manifest.target(one)?.kind)).collect()
    }
}

impl Asked {
    fn read(value: &Value, path: String) -> Result<Self, Wrong> {
        let whole = path.clone();
        let read = Fields::read(value, path, &["rule", "kind", "claim", "id"], |fields| {
            let rule = Rule::new(fields.texts("rule"));
            if rule.is_err() {
                fields.refuse("rule", "it is no rule");
            }
            let kind = Kind::from_name(&fields.text("kind"));
            if kind.is_none() {
                fields.refuse("kind", "expected `outright`, `cutoff` or `minimum`");
            }
            let claim = fields.text_if_any("claim");
            if claim.is_some() != (kind == Some(Kind::Minimum)) {
                fields.refuse("claim", "expected with `minimum`, and with nothing else");
            }
            let id = Id::from_hex(&fields.text("id"));
            if id.is_none() {
                fields.refuse("id", "expected 32 lower-case hexadecimal digits");
            }
            Some(Self { rule: rule.ok()?, kind: kind?, claim, id: id? })
        });
        read?.ok_or_else(|| wrong(whole, "expected a target"))
    }

    fn target(&self) -> Target<'_> {
        Target { rule: &self.rule, kind: self.kind, claim: self.claim.as_deref(), id: self.id }
    }
}

fn wire(target: &Target<'_>) -> Value {
    let rule: Vec<&str> = target.rule.members().iter().map(|member| member.as_str()).collect();
    let mut wire = json!({ "rule": rule, "kind": target.kind.name(), "id": target.id.to_string() });
    if let (Some(claim), Some(wire)) = (target.claim, wire.as_object_mut()) {
        wire.insert("claim".to_owned(), claim.into());
    }
    wire
}

fn answer(entry: Option<Entry>) -> Value {
    match entry {
        None => json!({ "revoked": false }),
        Some(entry) if entry.kind().has_values() => json!({ "revoked": true, "value": entry.value() }),
        Some(_) => json!({ "revoked": true }),
    }
}

/// What an answer about a target of this kind says; `None` where it says nothing that can be understood.
fn entry(answer: &Value, kind: Kind) -> Option<Option<Entry>> {
    if !answer.get("revoked")?.as_bool()? {
        return Some(None);
    }
    let value = match answer.get("value") {
        Some(value) => value.as_i64()?,
        // Without its value, a cutoff would be one that revokes nothing.
        None if kind.has_values() => return None,
        None => 0,
    };
    kind.allows(value).then(|| Some(kind.entry(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "000102030405060708090a0b0c0d0e0f";

    fn body() -> Value {
        json!({
            "iss": "https://authority.example", "salt": "AQEBAQEBAQEBAQEBAQEBAQ", "seq": 7,
            "targets": [{ "rule": ["jti"], "kind": "outright", "id": ID }],
        })
    }

    fn question(change: impl FnOnce(&mut Value)) -> Result<ConfirmQuestion, String> {
        let mut body = body();
        change(&mut body);
        ConfirmQuestion::parse(body.to_string().as_bytes())
    }

    #[test]
    fn a_question_about_every_kind_is_read() {
        let question = question(|body| {
            body["targets"] = json!([
                { "rule": ["jti"], "kind": "outright", "id": ID },
                { "rule": ["sub", "azp"], "kind": "cutoff", "id": ID },
                { "rule": [], "kind": "minimum", "claim": "pwd_ver", "id": ID },
            ]);
        });
        let question = question.unwrap();
        assert_eq!((question.seq(), question.targets.len()), (7, 3));
        assert_eq!(question.targets[2].claim.as_deref(), Some("pwd_ver"));
    }

    #[test]
    fn a_malformed_question_is_refused_with_the_field_that_is_wrong() {
        type Change = fn(&mut Value);
        let cases: [(&str, Change); 18] = [
            ("iss: ", |body| body["iss"] = json!(7)),
            ("missing field `iss`", |body| drop(body.as_object_mut().unwrap().remove("iss"))),
            ("salt: ", |body| body["salt"] = json!("AQEB")),
            ("missing field `salt`", |body| drop(body.as_object_mut().unwrap().remove("salt"))),
            ("seq: ", |body| body["seq"] = json!(-1)),
            ("seq: ", |body| body["seq"] = json!(9_007_199_254_740_992_u64)),
            ("missing field `seq`", |body| drop(body.as_object_mut().unwrap().remove("seq"))),
            ("missing field `targets`", |body| drop(body.as_object_mut().unwrap().remove("targets"))),
            ("targets: ", |body| body["targets"] = json!({})),
            ("targets: expected 1 to 16", |body| body["targets"] = json!([])),
            ("targets: expected 1 to 16", |body| body["targets"] = json!(vec![1; 17])),
            ("targets[0]: ", |body| body["targets"] = json!([7])),
            ("targets[0].rule", |body| body["targets"][0]["rule"] = json!("jti")),
            ("targets[0].kind: ", |body| body["targets"][0]["kind"] = json!("whole")),
            ("targets[0].claim: ", |body| body["targets"][0]["claim"] = json!("pwd_ver")),
            ("targets[0].claim: ", |body| body["targets"][0]["kind"] = json!("minimum")),
            ("targets[0].id: ", |body| body["targets"][0]["id"] = json!("00")),
            ("targets[0].more: ", |body| body["targets"][0]["more"] = json!(1)),
        ];
        for (said, change) in cases {
            let error = question(change).unwrap_err();
            assert!(error.contains(said), "{said}: {error}");
        }
        for body in ["", "[]", "{\"seq\":1,\"seq\":2}", "\u{0}"] {
            assert!(ConfirmQuestion::parse(body.as_bytes()).is_err());
        }
        assert!(ConfirmQuestion::parse(" ".repeat(MAX_CONFIRM_BYTES + 1).as_bytes()).is_err());
    }

    #[test]
    fn no_byte_of_a_question_or_of_an_answer_makes_reading_it_panic() {
        let question = body().to_string().into_bytes();
        for at in 0..question.len() {
            for byte in [0, b'"', b'{', b'9', 0xff] {
                let mut changed = question.clone();
                changed[at] = byte;
                drop(ConfirmQuestion::parse(&changed));
            }
            drop(ConfirmQuestion::parse(&question[..at]));
        }
    }

    #[cfg(feature = "publish")]
    #[test]
    fn what_is_asked_is_answered_out_of_a_list_that_is_no_older_once_it_has_what_confirms() {
        use crate::publish::{Built, Epsilon, Publisher, Revocation, SigningKey};
        use crate::revocation::{List, Offer, Revocations, Salt, Value};
        use crate::{Jwks, Secrets};

        let (key, now) = (SigningKey::from_seed([7; 32]), UnixTime::from_seconds(1_790_000_000));
        let salt = Salt::from_bytes([1; 16]);
        let build = |seq| -> Built {
            let mut publisher = Publisher::new("https://authority.example", salt, now)
                .epsilon(Epsilon::from_bits(8).unwrap())
                .seq(seq);
            for line in [
                r#"{"rule":["jti"],"issuer":"i","values":["a"]}"#,
                r#"{"rule":["sub"],"issuer":"i","values":["a"],"before":5}"#,
                r#"{"rule":["sub"],"issuer":"i","values":["a"],"claim":"pwd_ver","minimum":-3}"#,
            ] {
                publisher.add(&Revocation::from_json(line).unwrap());
            }
            publisher.finish(&key).unwrap()
        };
        let read = |built: &Built| {
            let keys = Jwks::parse(key.to_public_jwk().as_bytes(), Secrets::Ignore).unwrap();
            let mut lists = Revocations::new(vec![List::new("https://authority.example", keys, ["i"])]);
            let Offer::Newer(mut incoming) = lists.offer(built.manifest.as_bytes(), now).unwrap() else {
                panic!("it is new")
            };
            for name in incoming.missing() {
                let (_, bytes) = built.segments.iter().find(|(known, _)| *known == name).unwrap();
                incoming.supply(bytes.clone()).unwrap();
            }
            lists.accept(*incoming, now).unwrap();
            lists
        };
        let (asking, newer) = (build(1), build(2));
        let asking = read(&asking);
        let manifest = asking.snapshot().unwrap().manifest();
        let hits: Vec<Confirmation> = (0..manifest.tables().len())
            .flat_map(|table| {
                let rule = &manifest.rules()[manifest.tables()[table].rule];
                ["a", "b"].map(|value| Confirmation {
                    manifest: *manifest.hash(),
                    seq: 1,
                    table,
                    id: Id::new(salt, rule, "i", &[Value::Text(value)]),
                    exact: None,
                })
            })
            .collect();
        let (body, asked) = ConfirmQuestion::body(manifest, &hits).unwrap();
        assert_eq!(asked.len(), 6);
        let question = ConfirmQuestion::parse(body.as_bytes()).unwrap();
        let mut lists = read(&newer);
        let answers = loop {
            match question.answer(lists.snapshot().unwrap(), now) {
                ConfirmReply::Answers(answers) => break answers,
                ConfirmReply::Lacking(lacking) => {
                    for lack in lacking {
                        let Lack::Segment { name, .. } = lack else { panic!("a segment confirms") };
                        let (_, bytes) = newer.segments.iter().find(|(known, _)| *known == name).unwrap();
                        lists.supply(name, name, bytes.clone()).unwrap();
                    }
                }
                other => panic!("{other:?}"),
            }
        };
        let exact = ConfirmQuestion::read_answers(answers.as_bytes(), manifest, &asked).unwrap();
        for (hit, entry) in asked.iter().zip(&exact) {
            let kind = manifest.tables()[hit.table].kind;
            assert!(entry.is_none_or(|entry| entry.kind() == kind), "{entry:?}");
        }
        assert_eq!(exact.iter().filter(|entry| entry.is_some()).count(), 3, "{exact:?}");
        // A list that is older than the one asked about says nothing, and neither does one past its hard limit.
        let older = ConfirmQuestion { seq: 3, ..question.clone() };
        assert_eq!(older.answer(lists.snapshot().unwrap(), now), ConfirmReply::Older);
        // Nor does another authority's, or one whose ids are made otherwise: to it, nothing that is asked is revoked.
        let other = ConfirmQuestion { authority: "https://other.example".to_owned(), ..question.clone() };
        assert_eq!(other.answer(lists.snapshot().unwrap(), now), ConfirmReply::Unable);
        let salted = ConfirmQuestion { salt: Salt::from_bytes([2; 16]), ..question.clone() };
        assert_eq!(salted.answer(lists.snapshot().unwrap(), now), ConfirmReply::Unable);
        let late = lists.snapshot().unwrap().manifest().expires_at();
        assert_eq!(question.answer(lists.snapshot().unwrap(), late), ConfirmReply::Unable);
        let stale = answers.replace("\"seq\":2", "\"seq\":0");
        assert_eq!(ConfirmQuestion::read_answers(stale.as_bytes(), manifest, &asked), None);
    }

    #[test]
    fn an_answer_without_the_value_that_its_kind_has_is_none() {
        let revoked = json!({ "revoked": true });
        assert_eq!(entry(&revoked, Kind::Outright), Some(Some(Entry::Outright)));
        assert_eq!(entry(&revoked, Kind::Cutoff), None);
        assert_eq!(
            entry(&json!({ "revoked": true, "value": 7 }), Kind::Minimum),
            Some(Some(Entry::Minimum(7)))
        );
        assert_eq!(entry(&json!({ "revoked": false }), Kind::Cutoff), Some(None));
        for wrong in [
            json!({ "revoked": true, "value": -1 }),
            json!({ "revoked": true, "value": "7" }),
            json!({ "revoked": "true", "value": 7 }),
            json!({ "value": 7 }),
            json!(true),
            json!(null),
        ] {
            assert_eq!(entry(&wrong, Kind::Cutoff), None, "{wrong}");
        }
        assert_eq!(entry(&json!({ "revoked": true, "value": 7 }), Kind::Outright), None);
    }
}
