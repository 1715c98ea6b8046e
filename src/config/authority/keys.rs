//! Who may ask the authority by a key.

use serde_json::Value;

use crate::authority::{AdminKey, Permission};
use crate::config::fields::Fields;
use crate::config::{Wrong, element, member, wrong};
use crate::limits::{MAX_ADMIN_KEYS, MAX_UNIX_SECONDS};
use crate::time::UnixTime;

/// A key for the admin API, of which the configuration has the hash alone.
///
/// It should be 32 random bytes, in base64url or hexadecimal: whoever reads the configuration can try out what people think of.
#[derive(Clone, Debug)]
pub struct AdminKeyConfig {
    /// What its holder is called in the ledger: 1 to 64 letters, digits, `.`, `_` and `-`. Several entries with one id are keys
    /// of one holder, all of them good: so a key is rotated.
    pub id: String,
    /// The SHA-256 of the key's text, 64 lower-case hexadecimal digits.
    pub hash: String,
    /// What it may be used for: `read`, `revoke` or `admin`.
    pub may: String,
    /// The second from which it is good no longer. By default, it stays.
    pub until: Option<u64>,
}

impl AdminKeyConfig {
    pub(super) fn read_all(authority: &Fields<'_>) -> Vec<Self> {
        authority.value("keys").map(|_| authority.list("keys", Self::read)).unwrap_or_default()
    }

    fn read(value: &Value, path: String) -> Result<Self, Wrong> {
        Fields::read(value, path, &["id", "hash", "may", "until"], |fields| Self {
            id: fields.text("id"),
            hash: fields.text("hash"),
            may: fields.text("may"),
            until: fields.seconds("until"),
        })
    }

    pub(super) fn build_all(keys: Vec<Self>, path: &str) -> Result<Vec<AdminKey>, Wrong> {
        if keys.len() > MAX_ADMIN_KEYS {
            return Err(wrong(
                path,
                "expected at most 64: each is compared with every key that is presented",
            ));
        }
        let mut built: Vec<AdminKey> = Vec::with_capacity(keys.len());
        for (index, key) in keys.into_iter().enumerate() {
            let path = element(path, index);
            let key = key.build(&path)?;
            if built.iter().any(|other| other.hash == key.hash) {
                return Err(wrong(member(&path, "hash"), "an earlier entry has the same key"));
            }
            if built.iter().any(|other| other.id == key.id && other.may != key.may) {
                let reason = "an earlier entry of the same `id` may do something else";
                return Err(wrong(member(&path, "may"), reason));
            }
            built.push(key);
        }
        Ok(built)
    }

    fn build(self, path: &str) -> Result<AdminKey, Wrong> {
        if !is_actor(&self.id) {
            return Err(wrong(member(path, "id"), "expected 1 to 64 letters, digits, `.`, `_` and `-`"));
        }
        let hash = crate::revocation::SegmentName::from_hex(&self.hash).ok_or_else(|| {
            wrong(member(path, "hash"), "expected the key's SHA-256 in 64 lower-case hexadecimal digits")
        })?;
        let may = Permission::from_name(&self.may)
            .ok_or_else(|| wrong(member(path, "may"), "expected `read`, `revoke` or `admin`"))?;
        if self.until.is_some_and(|until| until > MAX_UNIX_SECONDS) {
            return Err(wrong(member(path, "until"), "expected a time in seconds, before the year 10000"));
        }
        let until = self.until.map(UnixTime::from_seconds);
        Ok(AdminKey { id: self.id, hash: *hash.as_bytes(), may, until })
    }
}

/// What stands in logs and listings as it is, and never needs to be quoted.
fn is_actor(id: &str) -> bool {
    (1..=MAX_ID_BYTES).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

const MAX_ID_BYTES: usize = 64;
