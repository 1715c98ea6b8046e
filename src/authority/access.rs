//! Who may ask the authority by an admin key, and for what.

use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::gate::{RequestHeaders, TokenSource};
use crate::time::UnixTime;

use super::Authority;

/// What an admin key may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// Looking: listings, the log, metrics, introspection.
    Read,
    /// Adding revocations. Neither looking at any nor taking one back: whoever steals such a key can shut people out, and let
    /// nobody in.
    Revoke,
    /// Everything, taking revocations back included.
    Admin,
}

/// A key for the admin API, of which there is the hash alone.
#[derive(Clone, Debug)]
pub struct AdminKey {
    pub(crate) id: String,
    pub(crate) hash: [u8; 32],
    pub(crate) may: Permission,
    pub(crate) until: Option<UnixTime>,
}

impl Authority {
    /// Whether an actor ([`crate::authority::Order::actor`]) may take back what is revoked, and so lower a cutoff or a minimum:
    /// a key with [`Permission::Admin`].
    #[must_use]
    pub fn may_take_back(&self, actor: &str) -> bool {
        let is = |key: &AdminKey, id: &str| key.id == id && key.may == Permission::Admin;
        actor.strip_prefix("key:").is_some_and(|id| self.admin_keys.iter().any(|key| is(key, id)))
    }
}

impl Permission {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Read, Self::Revoke, Self::Admin];

    /// Its name, as in a configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Revoke => "revoke",
            Self::Admin => "admin",
        }
    }

    /// The one of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|permission| permission.name() == name)
    }

    /// Whether whoever has this may do what needs `wanted`.
    #[must_use]
    pub fn allows(self, wanted: Self) -> bool {
        self == Self::Admin || self == wanted
    }
}

impl AdminKey {
    fn is_good(&self, now: UnixTime) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

impl Authority {
    /// Admits a request by the admin key in its `Authorization: Bearer`, and nowhere else: a page of another origin can have a
    /// browser send a cookie. Gives the key's id.
    ///
    /// # Errors
    /// As [`Authority::admit`], and [`Error::RequestInvalid`] when the header is given twice or malformed.
    pub fn admit_request(
        &self,
        request: &impl RequestHeaders,
        wanted: Permission,
        now: UnixTime,
    ) -> Result<&str, Error> {
        self.admit(TokenSource::Bearer.token(request)?.as_deref(), wanted, now)
    }

    /// Admits whoever presents this bearer token, if it is an admin key and may be used for what is wanted. Gives the key's id.
    ///
    /// # Errors
    /// [`Error::ClientInvalid`] when there is no key, it is not one of ours, or no longer; [`Error::NotAllowed`] when it may not be
    /// used for this.
    pub fn admit(&self, bearer: Option<&str>, wanted: Permission, now: UnixTime) -> Result<&str, Error> {
        // Hashes are compared, each with each of ours, found or not: neither the time nor a length says how much was right, or
        // which it was.
        let presented = Sha256::digest(bearer.unwrap_or_default().as_bytes());
        let mut found = None;
        for key in &self.admin_keys {
            let is_this = ct_codecs::verify(key.hash.as_slice(), presented.as_slice());
            found = if is_this { Some(key) } else { found };
        }
        let found = found.filter(|key| bearer.is_some() && key.is_good(now));
        let key = found.ok_or(Error::ClientInvalid)?;
        if key.may.allows(wanted) {
            return Ok(&key.id);
        }
        Err(Error::NotAllowed(match wanted {
            Permission::Read => "this key may not look at what is recorded",
            Permission::Revoke => "this key may not revoke",
            Permission::Admin => "this key may not take revocations back",
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authority::tests::authority;

    const NOW: UnixTime = UnixTime::from_seconds(1_790_000_000);

    fn hash(key: &str) -> String {
        crate::revocation::SegmentName::of(key.as_bytes()).to_string()
    }

    fn with_keys() -> Authority {
        authority(serde_json::json!({ "keys": [
            { "id": "viewer", "hash": hash("r"), "may": "read" },
            { "id": "bot", "hash": hash("w"), "may": "revoke" },
            { "id": "ops", "hash": hash("old"), "may": "admin", "until": NOW.as_seconds() },
            { "id": "ops", "hash": hash("new"), "may": "admin" },
        ] }))
    }

    #[test]
    fn a_key_does_what_it_may_and_nothing_else() {
        let authority = with_keys();
        for (key, id, may) in [
            ("r", "viewer", [true, false, false]),
            ("w", "bot", [false, true, false]),
            ("new", "ops", [true, true, true]),
        ] {
            for (wanted, may) in Permission::ALL.into_iter().zip(may) {
                match authority.admit(Some(key), wanted, NOW) {
                    Ok(admitted) => assert!(may && admitted == id, "{key} {wanted:?}"),
                    Err(error) => assert!(!may && matches!(error, Error::NotAllowed(_)), "{key} {wanted:?}"),
                }
            }
        }
    }

    #[test]
    fn who_has_no_key_of_ours_is_nobody_whatever_it_wants() {
        let authority = with_keys();
        for bearer in [None, Some(""), Some("R"), Some("r "), Some("rr"), Some(&*hash("r"))] {
            for wanted in Permission::ALL {
                assert_eq!(authority.admit(bearer, wanted, NOW), Err(Error::ClientInvalid), "{bearer:?}");
            }
        }
        let nobody = crate::authority::tests::authority(serde_json::json!({}));
        assert_eq!(nobody.admit(Some("r"), Permission::Read, NOW), Err(Error::ClientInvalid));
        // Not even one whose hash is that of nothing.
        let keys = serde_json::json!({ "keys": [{ "id": "ops", "hash": hash(""), "may": "admin" }] });
        let nothing = crate::authority::tests::authority(keys);
        assert_eq!(nothing.admit(None, Permission::Read, NOW), Err(Error::ClientInvalid));
    }

    #[test]
    fn a_key_that_is_rotated_is_good_beside_its_successor_until_it_ends() {
        let authority = with_keys();
        let admit = |key, now| authority.admit(Some(key), Permission::Admin, now);
        let earlier = NOW.minus_seconds(1);
        assert_eq!((admit("old", earlier), admit("new", earlier)), (Ok("ops"), Ok("ops")));
        assert_eq!((admit("old", NOW), admit("new", NOW)), (Err(Error::ClientInvalid), Ok("ops")));
    }

    #[test]
    fn a_key_is_taken_from_the_authorization_header_alone() {
        struct One(&'static str, &'static str);
        impl RequestHeaders for One {
            fn header(&self, name: &str) -> Option<String> {
                (name == self.0).then(|| self.1.to_owned())
            }
        }
        let authority = with_keys();
        let admit = |name, value| authority.admit_request(&One(name, value), Permission::Read, NOW);
        assert_eq!(admit("authorization", "Bearer r"), Ok("viewer"));
        for (name, value) in [
            ("cookie", "session=r"),
            ("cookie", "authorization=Bearer r"),
            ("authorization", "Basic cjpy"),
            ("authorization", "r"),
            ("x-api-key", "r"),
        ] {
            assert_eq!(admit(name, value), Err(Error::ClientInvalid), "{name}: {value}");
        }
        assert!(matches!(admit("authorization", "Bearer r, Bearer w"), Err(Error::RequestInvalid(_))));
    }
}
