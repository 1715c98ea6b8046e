//! PEM (RFC 7468): one public key as text.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Material;
use crate::error::Error;
use crate::limits::MAX_PEM_BYTES;

impl Material {
    /// Reads one public key: `PUBLIC KEY` (SubjectPublicKeyInfo, RFC 7468 §13), `RSA PUBLIC KEY` (PKCS #1) or the first
    /// `CERTIFICATE` of a chain. Text before it is ignored (§2), white space in it too (§3).
    ///
    /// Of a certificate only the key is taken: neither its signature nor its dates, names or extensions are looked at.
    /// Whoever configures a certificate vouches for the key himself, for as long as it is configured.
    ///
    /// ```
    /// use revocable::Material;
    /// let pem = "-----BEGIN PUBLIC KEY-----\n\
    ///            MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n\
    ///            -----END PUBLIC KEY-----\n";
    /// assert!(matches!(Material::from_pem(pem)?, Material::Ed25519 { .. }));
    /// # Ok::<(), revocable::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::JwkInvalid`] when it is something else, malformed, too weak, more than one key, or when a private key is
    /// among it.
    pub fn from_pem(pem: &str) -> Result<Self, Error> {
        if pem.len() > MAX_PEM_BYTES {
            return Err(Error::JwkInvalid("the PEM text is too large"));
        }
        if pem.contains("PRIVATE KEY-----") {
            return Err(Error::JwkInvalid("a private key stands where a public one is expected"));
        }
        let (label, text, rest) = first_block(pem).ok_or(Error::JwkInvalid("not PEM"))?;
        let packed: String = text.split_ascii_whitespace().collect();
        let der = STANDARD.decode(packed).map_err(|_| Error::JwkInvalid("the PEM text is not base64"))?;
        if label != CERTIFICATE && !rest.trim().is_empty() {
            return Err(Error::JwkInvalid("the PEM text goes on after its key"));
        }
        match label {
            "PUBLIC KEY" => Self::from_spki_der(&der),
            "RSA PUBLIC KEY" => Self::from_pkcs1_der(&der),
            CERTIFICATE => Self::from_certificate_der(&der),
            _ => Err(Error::JwkInvalid("a PEM text of neither a public key nor a certificate")),
        }
    }
}

const CERTIFICATE: &str = "CERTIFICATE";

/// The label, what stands between the boundaries, and what comes after them.
fn first_block(pem: &str) -> Option<(&str, &str, &str)> {
    let (_, begun) = pem.split_once("-----BEGIN ")?;
    let (label, body) = begun.split_once("-----")?;
    let (text, ended) = body.split_once("-----END ")?;
    let (end_label, rest) = ended.split_once("-----")?;
    (label == end_label).then_some((label, text, rest))
}
