//! A folder for each test, the program run in it, and tokens signed by a signer that is none of ours.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_simple::prelude::{
    Claims, Duration, ECDSAP256KeyPairLike as _, ES256KeyPair, Ed25519KeyPair, EdDSAKeyPairLike as _,
    HS256Key, MACLike as _,
};
use serde_json::{Value, json};

pub(crate) const ISSUER: &str = "https://issuer.example";
pub(crate) const AUTHORITY: &str = "https://authority.example";
pub(crate) const NOW: u64 = 1_790_000_000;
pub(crate) const SALT: &str = "000102030405060708090a0b0c0d0e0f";

/// An empty folder of one test's own, removed when the test is over.
pub(crate) struct Sandbox {
    pub(crate) folder: PathBuf,
}

/// How a run of the program ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Sandbox {
    pub(crate) fn new(test: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{test}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        Self { folder }
    }

    /// A sandbox with `list.jwk`, `list.pub.jwk` and the token issuer's `jwks.json`.
    pub(crate) fn with_keys(test: &str) -> Self {
        let sandbox = Self::new(test);
        sandbox.run(&["keygen", "--out", "list.jwk"]).succeeds();
        sandbox.write("jwks.json", jwks().to_string());
        sandbox
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    /// Every file below a folder, with its bytes.
    pub(crate) fn tree(&self, name: &str) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        let mut folders = vec![self.path(name)];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let name = path.strip_prefix(self.path(name)).unwrap().to_str().unwrap().to_owned();
                    files.insert(name, fs::read(path).unwrap());
                }
            }
        }
        files
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        self.run_with(arguments, b"")
    }

    pub(crate) fn run_with(&self, arguments: &[&str], input: &[u8]) -> Ended {
        let mut child = Command::new(env!("CARGO_BIN_EXE_revocable"))
            .args(arguments)
            .current_dir(&self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A program that stops before it has read everything closes the pipe.
        let _ = child.stdin.take().unwrap().write_all(input);
        let output = child.wait_with_output().unwrap();
        Ended {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// `build` from standard input into `out`, at [`NOW`], without a number or salt of its own.
    pub(crate) fn build(&self, out: &str, lines: &str, more: &[&str]) -> Ended {
        let now = NOW.to_string();
        let mut arguments = vec!["build", "--input", "-", "--key", "list.jwk", "--issuer", AUTHORITY];
        arguments.extend(["--out", out, "--now", &now, "--covers", ISSUER, "--json"]);
        arguments.extend(more);
        self.run_with(&arguments, lines.as_bytes())
    }

    /// `check` against `snapshot`, at [`NOW`].
    pub(crate) fn check(&self, snapshot: &str, token: &str) -> Ended {
        self.check_with(snapshot, token, &[])
    }

    pub(crate) fn check_with(&self, snapshot: &str, token: &str, more: &[&str]) -> Ended {
        let now = NOW.to_string();
        let lists = format!("{AUTHORITY}=list.pub.jwk");
        let mut arguments = vec!["check", "--token", token, "--snapshot", snapshot, "--issuer", ISSUER];
        for (option, default) in [("--jwks", "jwks.json"), ("--lists", &lists), ("--now", &now)] {
            if !more.contains(&option) {
                arguments.extend([option, default]);
            }
        }
        arguments.extend(more);
        self.run(&arguments)
    }

    /// The only segment of a snapshot.
    pub(crate) fn segment(&self, snapshot: &str) -> PathBuf {
        let segments: Vec<_> = fs::read_dir(self.path(snapshot).join("segments")).unwrap().collect();
        assert_eq!(segments.len(), 1);
        segments.into_iter().next().unwrap().unwrap().path()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

impl Ended {
    #[track_caller]
    pub(crate) fn succeeds(self) -> Self {
        assert_eq!((self.code, self.stderr.as_str()), (0, ""), "{}", self.stdout);
        self
    }

    /// A verdict of `check` that denies because the token has been revoked.
    #[track_caller]
    pub(crate) fn denies_as_revoked(self) -> Self {
        assert_eq!((self.code, self.stderr.as_str()), (1, ""), "{}", self.stdout);
        assert_eq!(self.json()["code"], "ERR_JWT_REVOKED");
        self
    }

    /// Ended with this exit code, and with this error code on standard error.
    #[track_caller]
    pub(crate) fn fails(self, exit: i32, code: &str) -> Self {
        assert_eq!(self.code, exit, "{}{}", self.stdout, self.stderr);
        let named = self.stderr.contains(&format!("error[{code}]: "))
            || self.stderr.contains(&format!(r#""code":"{code}""#));
        assert!(named, "{code} is not in: {}", self.stderr);
        self
    }

    /// The one line of JSON on standard output.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}{}", self.stdout, self.stderr))
    }
}

/// The claims of a snapshot's manifest.
pub(crate) fn manifest(sandbox: &Sandbox, snapshot: &str) -> Value {
    let text = String::from_utf8(sandbox.read(&format!("{snapshot}/manifest.jwt"))).unwrap();
    let payload = text.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// Replaces a snapshot's manifest by one with these claims, signed by `list.jwk`.
pub(crate) fn publish_changed(sandbox: &Sandbox, snapshot: &str, claims: &Value) {
    let jwk: Value = serde_json::from_slice(&sandbox.read("list.jwk")).unwrap();
    let bytes = ["d", "x"].map(|member| URL_SAFE_NO_PAD.decode(jwk[member].as_str().unwrap()).unwrap());
    let key = Ed25519KeyPair::from_bytes(&bytes.concat()).unwrap();
    let header = json!({ "alg": "EdDSA", "kid": jwk["kid"], "typ": "revocations+jwt" });
    let [header, claims] = [&header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    let input = format!("{header}.{claims}");
    let signature = URL_SAFE_NO_PAD.encode(key.key_pair().as_ref().sk.sign(&input, None));
    sandbox.write(&format!("{snapshot}/manifest.jwt"), format!("{input}.{signature}"));
}

/// The token issuer's ES256 key.
pub(crate) fn issuer_key() -> ES256KeyPair {
    ES256KeyPair::from_bytes(&[7; 32]).unwrap().with_key_id("es-1")
}

pub(crate) fn secret_key() -> HS256Key {
    HS256Key::from_bytes(&[9; 32]).with_key_id("hs-1")
}

pub(crate) fn jwks() -> Value {
    let public: Value =
        serde_json::from_str(&issuer_key().public_key().with_key_id("es-1").to_jwk()).unwrap();
    let secret = json!({ "kty": "oct", "kid": "hs-1", "k": URL_SAFE_NO_PAD.encode([9; 32]) });
    json!({ "keys": [public, secret] })
}

/// Claims that stand at [`NOW`], with these instead of or beside the usual ones; `null` leaves one out.
fn claims(changes: Value) -> jwt_simple::prelude::JWTClaims<Value> {
    let mut payload = json!({
        "iss": ISSUER, "sub": "alice", "azp": "app-1", "aud": "api", "jti": "t-1", "iat": NOW - 60, "exp": NOW + 600,
    });
    for (claim, value) in changes.as_object().unwrap() {
        payload.as_object_mut().unwrap().insert(claim.clone(), value.clone());
    }
    payload.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    let mut claims = Claims::with_custom_claims(payload, Duration::from_secs(1));
    (claims.issued_at, claims.expires_at, claims.invalid_before) = (None, None, None);
    claims
}

pub(crate) fn token(changes: Value) -> String {
    token_of(&issuer_key(), changes)
}

pub(crate) fn token_of(key: &ES256KeyPair, changes: Value) -> String {
    key.sign(claims(changes)).unwrap()
}

pub(crate) fn secret_token(changes: Value) -> String {
    secret_token_of(&secret_key(), changes)
}

pub(crate) fn secret_token_of(key: &HS256Key, changes: Value) -> String {
    key.authenticate(claims(changes)).unwrap()
}

/// A line of the input that revokes outright.
pub(crate) fn revoke(rule: &[&str], values: &[&str]) -> String {
    line(json!({ "rule": rule, "issuer": ISSUER, "values": values }))
}

pub(crate) fn line(revocation: Value) -> String {
    format!("{revocation}\n")
}
