//! Keys that outlive a process: what one exports, another is seeded with.

use serde_json::Value;

use crate::error::Error;
use crate::json;
use crate::key::http_cache::MAX_FRESH_SECONDS;
use crate::limits::MAX_SAVED_KEYS_BYTES;
use crate::time::UnixTime;

use super::remote::{Read, Remote};

/// What `format` says. Nothing else is read, so that an export of another version is refused and not misread.
const FORMAT: &str = "revocable-keys/1";
const INVALID: Error = Error::JwksInvalid("the saved keys are not what was exported");

impl Remote {
    pub(super) fn export(&self) -> Option<String> {
        let Read { document, at, fresh_until, .. } = self.read.as_ref()?;
        let text = |text: &str| serde_json::to_string(text).unwrap_or_default();
        let number = |instant: &UnixTime| instant.as_millis().to_string();
        // The members in the order of their names. Only the texts of others are told to a serialiser.
        let saved = [
            r#"{"at":"#,
            &number(at),
            r#","format":"#,
            &text(FORMAT),
            r#","freshUntil":"#,
            &number(fresh_until),
            r#","jwks":"#,
            &text(document),
            r#","uri":"#,
            &text(self.uri()),
            "}",
        ];
        Some(saved.concat())
    }

    pub(super) fn seed(&mut self, saved: &[u8], now: UnixTime) -> Result<(), Error> {
        if saved.len() > MAX_SAVED_KEYS_BYTES {
            return Err(Error::JwksInvalid("the saved keys are too large"));
        }
        let saved = json::object(saved).ok_or(INVALID)?;
        let text = |member: &str| saved.get(member).and_then(Value::as_str);
        let instant = |member: &str| {
            saved.get(member).and_then(Value::as_u64).map(UnixTime::from_millis).ok_or(INVALID)
        };
        if saved.len() != 5 || text("format") != Some(FORMAT) {
            return Err(INVALID);
        }
        if text("uri") != Some(self.uri()) {
            return Err(Error::JwksInvalid("the saved keys are from another URL"));
        }
        let (at, fresh_until) = (instant("at")?, instant("freshUntil")?);
        let (jwks, document) = self.parse(text("jwks").ok_or(INVALID)?.as_bytes())?;
        // However long it says, the issuer is asked before trust ends.
        let fresh_until = fresh_until.min(at.plus_seconds(MAX_FRESH_SECONDS));
        let read = Read { jwks, document, at, fresh_until };
        if !read.may_be_relied_on(now) {
            return Err(Error::JwksInvalid("the saved keys are too old, or of a time that has not come yet"));
        }
        let has_newer = |ours: &Read| ours.may_be_relied_on(now) && ours.at >= at;
        if !self.read.as_ref().is_some_and(has_newer) {
            self.read = Some(read);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::DEFAULT;
    use crate::freshness::Urgency;
    use crate::key::{Fetched, Freshness, KeyCache};
    use crate::limits::MAX_SAVED_KEYS_BYTES;
    use crate::time::UnixTime;

    const START: UnixTime = UnixTime::from_seconds(1_790_000_000);

    fn at(seconds: u64) -> UnixTime {
        START.plus_seconds(seconds)
    }

    fn cache() -> KeyCache {
        KeyCache::remote("https://id.example/jwks".to_owned(), Vec::new(), DEFAULT)
    }

    fn document(kid: &str) -> String {
        format!(
            "{{ \"keys\": [\n{{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"{kid}\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}}]}}"
        )
    }

    fn read_at(now: UnixTime, kid: &str) -> KeyCache {
        let mut cache = cache();
        let fetch = cache.next_fetch(now).unwrap();
        let document = document(kid);
        let fetched =
            Fetched { document: document.as_bytes(), asked_at: now, freshness: Freshness::default() };
        assert_eq!(cache.install(&fetch, &fetched, now), Ok(None));
        cache
    }

    fn kid(cache: &KeyCache, now: UnixTime) -> Option<String> {
        cache.current(now).ok().and_then(|jwks| jwks.iter().next()?.id().map(str::to_owned))
    }

    #[test]
    fn a_process_that_is_seeded_answers_at_once_and_trusts_the_keys_no_longer_than_the_one_before() {
        let saved = read_at(START, "1").export().unwrap();
        let mut seeded = cache();
        seeded.seed(saved.as_bytes(), at(100)).unwrap();
        assert_eq!(kid(&seeded, at(100)).as_deref(), Some("1"));
        assert_eq!(seeded.wanted(at(599)), Urgency::No);
        assert_eq!(seeded.wanted(at(600)), Urgency::Background);
        assert!(seeded.current(at(3599)).is_ok());
        assert!(seeded.current(at(3600)).is_err());
        assert_eq!(seeded.export(), Some(saved));
    }

    #[test]
    fn nothing_is_exported_before_anything_was_read() {
        assert_eq!(cache().export(), None);
    }

    #[test]
    fn saved_keys_never_replace_newer_ones() {
        let older = read_at(START, "older").export().unwrap();
        let mut cache = read_at(at(60), "newer");
        cache.seed(older.as_bytes(), at(61)).unwrap();
        assert_eq!(kid(&cache, at(61)).as_deref(), Some("newer"));
    }

    #[test]
    fn saved_keys_whose_time_is_over_or_has_not_come_are_refused() {
        let saved = read_at(START, "1").export().unwrap();
        assert!(cache().seed(saved.as_bytes(), at(3600)).is_err());
        assert!(cache().seed(saved.as_bytes(), UnixTime::from_seconds(1_789_999_999)).is_err());
        let forever = saved.replace("\"freshUntil\":1790000600000", "\"freshUntil\":9790000600000");
        assert_ne!(forever, saved);
        let mut seeded = cache();
        seeded.seed(forever.as_bytes(), START).unwrap();
        assert_eq!(seeded.wanted(at(1799)), Urgency::No);
        assert_eq!(seeded.wanted(at(1800)), Urgency::Background, "no longer fresh than any answer may be");
    }

    #[test]
    fn what_is_not_an_export_for_this_very_url_is_refused_and_the_keys_before_stay() {
        let saved = read_at(START, "1").export().unwrap();
        let cases = [
            String::new(),
            "{}".to_owned(),
            document("1"),
            saved.replace("keys/1", "keys/2"),
            saved.replace("id.example", "other.example"),
            saved.replace("\"at\":1790000000000", "\"at\":-1"),
            saved.replace("\"at\":1790000000000", "\"at\":\"1790000000000\""),
            saved.replace("Ed25519", "Ed25518"),
            saved.replacen('{', "{\"more\":1,", 1),
            saved.replacen('{', "{\"at\":1790000000000,", 1),
            format!("{saved}{}", " ".repeat(MAX_SAVED_KEYS_BYTES)),
        ];
        let mut seeded = read_at(at(60), "before");
        for wrong in &cases {
            assert_ne!(*wrong, saved);
            assert!(seeded.seed(wrong.as_bytes(), at(61)).is_err(), "{:.80}", wrong);
            assert_eq!(kid(&seeded, at(61)).as_deref(), Some("before"));
        }
    }

    #[test]
    fn a_document_of_any_allowed_length_fits_into_an_export() {
        let document = document("1");
        let padded = format!("{document}{}", "\n".repeat(crate::limits::MAX_JWKS_BYTES - document.len()));
        let mut cache = cache();
        let fetch = cache.next_fetch(START).unwrap();
        let fetched =
            Fetched { document: padded.as_bytes(), asked_at: START, freshness: Freshness::default() };
        cache.install(&fetch, &fetched, START).unwrap();
        let saved = cache.export().unwrap();
        let mut seeded = self::cache();
        seeded.seed(saved.as_bytes(), START).unwrap();
        assert!(seeded.current(START).is_ok());
    }
}
