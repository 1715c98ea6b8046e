//! Why an endpoint for clients does not do what it is asked (RFC 6749 §5.2, RFC 7009 §2.2.1, RFC 7662 §2.3).

use serde_json::json;

use crate::error::Error;
use crate::gate::Answer;

/// A refusal of an endpoint for clients. Its words are constant, so that nothing that was sent reaches an answer or a log.
///
/// | status | `error` | when |
/// |---|---|---|
/// | 400 | `invalid_request` | a parameter is missing, malformed or given twice, or two ways to authenticate are used at once |
/// | 400 | `unsupported_token_type` | the token has no value for the rule that would name it |
/// | 400 | `unauthorized_client` | the token is another client's |
/// | 401 | `invalid_client` | the client is not known, or did not prove to be who it says; with a challenge where `Authorization` was used |
/// | 403 | `access_denied` | this admin key may not be used for it |
/// | 413, 415 | `invalid_request` | the body is too long, or of another type |
/// | 429 | `temporarily_unavailable` | the client asks too often; with `Retry-After` |
/// | 503 | `temporarily_unavailable` | keys or the ledger are not to be had now; with `Retry-After` |
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    status: u16,
    error: &'static str,
    description: &'static str,
    headers: Vec<(&'static str, String)>,
}

impl Refusal {
    /// The request is malformed.
    pub(super) const fn request(status: u16, description: &'static str) -> Self {
        Self::new(status, "invalid_request", description)
    }

    pub(super) const fn new(status: u16, error: &'static str, description: &'static str) -> Self {
        Self { status, error, description, headers: Vec::new() }
    }

    /// The client is not known, or did not prove to be who it says: not said which. `challenged` where `Authorization` was used
    /// (RFC 6749 §5.2).
    pub(super) fn client(challenged: bool) -> Self {
        let mut refusal =
            Self::new(401, "invalid_client", "the client is not known, or did not prove to be who it says");
        if challenged {
            let challenge = r#"Basic realm="revocable", charset="UTF-8""#;
            refusal.headers.push(("www-authenticate", challenge.to_owned()));
        }
        refusal
    }

    /// Our own data is at fault, or the ledger cannot be asked.
    pub(super) fn unavailable() -> Self {
        let mut refusal =
            Self::new(503, "temporarily_unavailable", "whether and how this can be done cannot be told now");
        refusal.headers.push(("retry-after", "2".to_owned()));
        refusal
    }

    /// The refusal that an error is: of the ledger, which does not take what it was told, or cannot be asked; or of an admin key.
    #[must_use]
    pub fn of(error: &Error) -> Self {
        match error {
            Error::ClientInvalid => {
                let mut refusal = Self::client(false);
                refusal.headers.push(("www-authenticate", "Bearer".to_owned()));
                refusal
            }
            Error::NotAllowed(lacking) => Self::new(403, "access_denied", lacking),
            Error::RequestInvalid(_) => Self::request(400, "`Authorization` is malformed"),
            Error::RevocationInvalid(_) => {
                Self::new(400, "unsupported_token_type", "the ledger takes no such revocation")
            }
            Error::RateLimited { retry_after } => {
                let mut refusal = Self::new(429, "temporarily_unavailable", "the client asks too often");
                refusal.headers.push(("retry-after", retry_after.to_string()));
                refusal
            }
            _ => Self::unavailable(),
        }
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// The OAuth `error`.
    #[must_use]
    pub const fn error(&self) -> &'static str {
        self.error
    }

    /// What is wrong, in one line without any value.
    #[must_use]
    pub const fn description(&self) -> &'static str {
        self.description
    }

    /// What is answered, with these headers besides: those of CORS.
    #[must_use]
    pub fn answer(&self, cors: Vec<(&'static str, String)>) -> Answer {
        let body = json!({ "error": self.error, "error_description": self.description });
        Answer::json(self.status, body.to_string()).with(self.headers.clone()).with(cors)
    }
}
