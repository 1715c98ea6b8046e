//! Requests to an authority's HTTP API.
//!
//! The key goes to the URL that was given and nowhere else: no redirect is followed, and without TLS nobody but this very
//! machine is asked. Every request that records something bears an idempotency key, so that asking again is safe.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use revocable::Code;
use serde_json::Value;
use ureq::Agent;
use ureq::http::{Request, Response, StatusCode, Uri};

use crate::input;
use crate::output::{Exit, Failure, code};

/// Which authority, and who asks.
#[derive(clap::Args)]
pub(super) struct Connection {
    /// The authority: a gate's URL, or the folder of its API. `https`, or `http` on a loopback host [default: REVOCABLE_URL]
    #[arg(long, value_name = "URL", global = true, display_order = 90)]
    url: Option<String>,
    /// The file that holds the key to present; `-` is standard input [default: the key is in REVOCABLE_KEY]
    #[arg(long, value_name = "FILE|-", global = true, display_order = 91)]
    key_file: Option<PathBuf>,
    /// How often to ask again what is not answered now
    #[arg(long, value_name = "N", global = true, display_order = 92, default_value_t = 5,
          value_parser = clap::value_parser!(u32).range(..=100))]
    retries: u32,
}

/// Asks one authority with one key.
pub(super) struct Client {
    agent: Agent,
    /// With a slash at its end.
    base: String,
    /// The value of `Authorization`.
    bearer: String,
    retries: u32,
}

/// A request.
pub(super) struct Ask<'a> {
    pub(super) method: &'static str,
    /// Below the API's folder, with the query.
    pub(super) path: &'a str,
    /// Its media type and bytes.
    pub(super) body: Option<(&'static str, &'a [u8])>,
    /// Under which the authority knows the request again.
    pub(super) idempotency_key: Option<&'a str>,
}

/// What the authority refused.
pub(super) struct Refusal {
    pub(super) failure: Failure,
    /// The answer's body, where it is JSON.
    pub(super) body: Option<Value>,
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self { failure, body: None }
    }
}

impl Connection {
    pub(super) fn key_path(&self) -> Option<&Path> {
        self.key_file.as_deref()
    }

    pub(super) const fn retries(&self) -> u32 {
        self.retries
    }

    pub(super) fn open(&self) -> Result<Client, Failure> {
        let url = self.url.clone().or_else(|| std::env::var(URL_VARIABLE).ok());
        let url = url.ok_or_else(|| Failure::usage("--url or REVOCABLE_URL says which authority"))?;
        let base = folder(&url).ok_or_else(|| Failure::usage(EXPECTED_URL))?;
        let key = match &self.key_file {
            Some(path) => {
                let bytes = input::read(path, MOST_KEY_BYTES)
                    .map_err(|error| Failure::reading(path.display(), &error))?;
                String::from_utf8(bytes).unwrap_or_default()
            }
            None => std::env::var(KEY_VARIABLE)
                .map_err(|_| Failure::usage("--key-file or REVOCABLE_KEY gives the key to present"))?,
        };
        let key = key.trim();
        // Never repeated: it is a secret.
        let is_key =
            (1..=MOST_KEY_BYTES).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_key {
            return Err(Failure::usage("the key is empty, too long or no visible ASCII"));
        }
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("revocable/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_recv_response(Some(ANSWER_TIMEOUT))
            .timeout_per_read(Some(SILENCE_TIMEOUT))
            .timeout_per_write(Some(SILENCE_TIMEOUT));
        // Without TLS, a proxy would read the key.
        let config = if base.starts_with("https:") { config } else { config.proxy(None) };
        let agent = Agent::new_with_config(config.build());
        Ok(Client { agent, base, bearer: format!("Bearer {key}"), retries: self.retries })
    }
}

impl Client {
    /// The body of a 2xx, as JSON; [`Value::Null`] where there is none. What is not answered now is asked again.
    pub(super) fn ask(&self, ask: &Ask<'_>) -> Result<Value, Refusal> {
        let mut asked = 0;
        loop {
            let (failure, wait) = match self.once(ask) {
                Ok(answer) => return Ok(answer),
                Err(Trouble::Refused(refusal)) => return Err(refusal),
                Err(Trouble::Passing(failure, wait)) => (failure, wait),
            };
            let wait = wait.unwrap_or_else(|| back_off(asked, FIRST_WAIT, MOST_OWN_WAIT));
            if asked >= self.retries || wait > MOST_WAIT {
                return Err(failure.into());
            }
            asked = asked.saturating_add(1);
            thread::sleep(wait);
        }
    }

    /// Opens a stream of server-sent events. What passes by itself is left to the caller.
    pub(super) fn stream(&self, path: &str) -> Result<impl Read + Send + use<>, Trouble> {
        let ask = Ask { method: "GET", path, body: None, idempotency_key: None };
        let mut response = self.send(&ask, EVENT_STREAM)?;
        if response.status() != StatusCode::OK {
            return Err(trouble(&mut response));
        }
        let media_type = response.body().mime_type().unwrap_or_default();
        if media_type != EVENT_STREAM {
            let failure = unavailable("the answer is no stream of events: is this the URL of an authority?");
            return Err(Trouble::Refused(Failure { exit: Exit::Failed, ..failure }.into()));
        }
        Ok(response.into_body().into_reader())
    }

    fn once(&self, ask: &Ask<'_>) -> Result<Value, Trouble> {
        let mut response = self.send(ask, "application/json")?;
        if !response.status().is_success() {
            return Err(trouble(&mut response));
        }
        let body = response.body_mut().with_config().limit(MOST_ANSWER_BYTES).read_to_vec();
        // It was done, and what was said of it is lost: asked again, it is said again.
        let body = body.map_err(|error| Trouble::Passing(unavailable(&error.to_string()), None))?;
        if body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&body).map_err(|_| {
            let failure = unavailable("the answer is no JSON: is this the URL of an authority?");
            Trouble::Refused(Failure { exit: Exit::Failed, ..failure }.into())
        })
    }

    fn send(&self, ask: &Ask<'_>, accept: &str) -> Result<Response<ureq::Body>, Trouble> {
        let mut request = Request::builder()
            .method(ask.method)
            .uri(format!("{}{}", self.base, ask.path))
            .header("authorization", &self.bearer)
            .header("accept", accept);
        if let Some(key) = ask.idempotency_key {
            request = request.header("idempotency-key", key);
        }
        let malformed = |_| Trouble::Refused(Failure::usage(EXPECTED_URL).into());
        let sent = match ask.body {
            Some((media_type, body)) => {
                let request = request.header("content-type", media_type).body(body);
                self.agent.run(request.map_err(malformed)?)
            }
            None => self.agent.run(request.body(()).map_err(malformed)?),
        };
        sent.map_err(|error| Trouble::Passing(unavailable(&error.to_string()), None))
    }
}

/// Why there is no answer.
pub(super) enum Trouble {
    /// Asking again would be answered alike.
    Refused(Refusal),
    /// It may pass, after so long where the authority says so.
    Passing(Failure, Option<Duration>),
}

fn trouble(response: &mut Response<ureq::Body>) -> Trouble {
    let status = response.status().as_u16();
    let retry_after = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
    let wait = retry_after.and_then(|value| value.trim().parse().ok()).map(Duration::from_secs);
    let body = response.body_mut().with_config().limit(MOST_ANSWER_BYTES).read_to_vec().unwrap_or_default();
    let body: Option<Value> = serde_json::from_slice(&body).ok();
    let text = |member: &str| body.as_ref().and_then(|body| body.get(member)?.as_str()).map(shown);
    let said = text("error_description").or_else(|| text("error"));
    let precise = text("code").and_then(|code| known(&code));
    let message = match said {
        Some(said) => format!("the authority answers {status}: {said}"),
        None if (300..400).contains(&status) => {
            format!("the authority answers {status}, and no redirect is followed")
        }
        None => format!("the authority answers {status}"),
    };
    let (code, may_pass) = match status {
        400 | 405 | 409 | 413 | 415 => (Code::RequestInvalid.as_str(), false),
        401 => (Code::ClientInvalid.as_str(), false),
        403 => (Code::NotAllowed.as_str(), false),
        404 => (Code::NotFound.as_str(), false),
        422 => (Code::RevocationInvalid.as_str(), false),
        429 => (Code::RateLimited.as_str(), true),
        503 => (Code::LedgerUnavailable.as_str(), true),
        _ => (code::AUTHORITY, status >= 500),
    };
    let failure = Failure { status: Some(status), ..Failure::new(precise.unwrap_or(code), message) };
    match may_pass {
        true => Trouble::Passing(passing(failure), wait),
        false => Trouble::Refused(Refusal { failure, body }),
    }
}

fn passing(failure: Failure) -> Failure {
    Failure { exit: Exit::Unavailable, ..failure }
}

fn unavailable(what: &str) -> Failure {
    passing(Failure::new(code::AUTHORITY, format!("the authority cannot be asked: {what}")))
}

/// A code of the library's table.
fn known(text: &str) -> Option<&'static str> {
    Code::ALL.iter().map(|code| code.as_str()).find(|code| *code == text)
}

/// Text of somebody else's, fit for a terminal.
pub(super) fn shown(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).take(MOST_SHOWN_CHARS).collect()
}

/// How long to wait before asking again: at least half of `first` doubled so often, and no more than `most`. The rest is
/// drawn, so that those who were turned away together do not come back together.
pub(super) fn back_off(asked: u32, first: Duration, most: Duration) -> Duration {
    let whole = first.saturating_mul(1_u32.checked_shl(asked).unwrap_or(u32::MAX)).min(most);
    // Without randomness, all of it.
    let drawn = input::random::<2>().map_or(u16::MAX, u16::from_le_bytes);
    let half = whole.checked_div(2).unwrap_or_default();
    half.saturating_add(half.saturating_mul(drawn.into()).checked_div(u16::MAX.into()).unwrap_or_default())
}

/// A key that names a request to the authority for as long as this program runs.
pub(super) fn idempotency_key() -> Result<String, Failure> {
    let bytes = input::random::<16>()?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A query, whose values may be anything. Those without a value are left out.
pub(super) fn query(members: &[(&str, Option<&str>)]) -> String {
    let mut query = String::new();
    for (name, value) in members.iter().filter_map(|(name, value)| Some((name, (*value)?))) {
        query.push(if query.is_empty() { '?' } else { '&' });
        query.push_str(name);
        query.push('=');
        for byte in value.bytes() {
            if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
                query.push(char::from(byte));
            } else {
                query.push_str(&format!("%{byte:02X}"));
            }
        }
    }
    query
}

/// The API's folder, with a slash at its end. A gate's URL alone stands for its own.
fn folder(url: &str) -> Option<String> {
    if url.contains(|c: char| c.is_ascii_control() || matches!(c, ' ' | '@' | '\\' | '?' | '#')) {
        return None;
    }
    let uri: Uri = url.parse().ok()?;
    let is_private = match uri.scheme_str()? {
        "https" => true,
        "http" => matches!(uri.host()?, "localhost" | "127.0.0.1" | "[::1]"),
        _ => false,
    };
    let url = url.strip_suffix('/').unwrap_or(url);
    let api = if matches!(uri.path(), "" | "/") { API } else { "/" };
    (is_private && !uri.host()?.is_empty()).then(|| format!("{url}{api}"))
}

const URL_VARIABLE: &str = "REVOCABLE_URL";
const KEY_VARIABLE: &str = "REVOCABLE_KEY";
const API: &str = "/_revocable/";
const EVENT_STREAM: &str = "text/event-stream";
const EXPECTED_URL: &str =
    "--url wants an https URL, or an http URL on a loopback host, without query, fragment or password";
const MOST_KEY_BYTES: usize = 4096;
/// A page of a thousand entries, each with eight values of 1 KiB and a reason, is well below.
const MOST_ANSWER_BYTES: u64 = 32 * 1024 * 1024;
const MOST_SHOWN_CHARS: usize = 500;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// Three heart-beats of a feed.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(60);
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// The longest wait where the authority names none, and where it does.
const MOST_OWN_WAIT: Duration = Duration::from_secs(10);
const MOST_WAIT: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gates_url_stands_for_its_api_and_only_who_is_private_is_asked() {
        for (url, wanted) in [
            ("https://gate.example", Some("https://gate.example/_revocable/")),
            ("https://gate.example/", Some("https://gate.example/_revocable/")),
            ("https://gate.example:8443/_revocable", Some("https://gate.example:8443/_revocable/")),
            ("https://gate.example/a/_revocable/", Some("https://gate.example/a/_revocable/")),
            ("http://localhost:8787", Some("http://localhost:8787/_revocable/")),
            ("http://127.0.0.1:1/x/", Some("http://127.0.0.1:1/x/")),
            ("http://[::1]:1", Some("http://[::1]:1/_revocable/")),
            ("http://gate.example", None),
            ("http://localhost.example", None),
            ("http://127.0.0.1.example", None),
            ("http://127.0.0.1@gate.example", None),
            ("https://user:password@gate.example", None),
            ("https://gate.example/?a", None),
            ("https://gate.example/#a", None),
            ("ftp://localhost", None),
            ("gate.example", None),
            ("/_revocable/", None),
            ("https://", None),
            ("", None),
        ] {
            assert_eq!(folder(url).as_deref(), wanted, "{url}");
        }
    }

    #[test]
    fn a_query_takes_any_value_and_leaves_out_what_has_none() {
        assert_eq!(query(&[]), "");
        assert_eq!(
            query(&[("a", None), ("b", Some("")), ("c", Some("ä&=+ ~/"))]),
            "?b=&c=%C3%A4%26%3D%2B%20~%2F"
        );
    }

    #[test]
    fn waits_double_up_to_a_limit_and_differ_by_no_more_than_half() {
        let (first, most) = (Duration::from_millis(100), Duration::from_secs(1));
        for (asked, whole) in [(0, 100), (1, 200), (3, 800), (4, 1000), (40, 1000), (u32::MAX, 1000)] {
            let whole = Duration::from_millis(whole);
            for _ in 0..20 {
                let wait = back_off(asked, first, most);
                assert!(wait <= whole && wait >= whole / 2, "{asked}: {wait:?}");
            }
        }
    }

    #[test]
    fn what_an_authority_says_cannot_steer_a_terminal() {
        assert_eq!(shown("a\u{1b}[31mb\nc"), "a\u{fffd}[31mb\u{fffd}c");
        assert_eq!(shown(&"x".repeat(1000)).len(), 500);
    }
}
