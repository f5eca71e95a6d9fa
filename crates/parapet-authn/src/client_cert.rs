use std::fmt::Write;

use aws_lc_rs::digest::{SHA256, digest};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use parapet_core::{RequestExt, RequestHead};
use parapet_header::quoted;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::own_fields;
use crate::scheme::{Check, Checked, Denial, Scheme};
use crate::{AuthError, Authenticator, Error, Grant, Identity, Reason};

/// `X-Forwarded-Client-Cert`, in the form that Envoy writes.
pub const XFCC: HeaderName = HeaderName::from_static("x-forwarded-client-cert");

/// The identity of a verified TLS client certificate: settings, made an [`Authenticator`] by [`build`](Self::build).
///
/// The TLS settings of the server verify the chain; this reads the leaf's names. The subject is the first URI (SPIFFE),
/// else DNS name, else email address of the alternative names, else the common name of a certificate that has none
/// (RFC 9525 §2). A request without a certificate, or with one that is not allowed, gets 403.
#[derive(Clone, Debug, Default)]
pub struct ClientCert {
    allowed: Vec<String>,
    header: Option<HeaderName>,
}

impl ClientCert {
    /// Any verified certificate.
    pub fn new() -> Self {
        Self::default()
    }

    /// Allows certificates with a name like `pattern` only, in which `*` stands for any run of characters:
    /// `spiffe://example.org/ns/web/*`. May be called again. Default: every verified certificate is allowed.
    #[must_use]
    pub fn allow(mut self, pattern: impl Into<String>) -> Self {
        self.allowed.push(pattern.into());
        self
    }

    /// Tells the backend in this field, usually [`XFCC`], hash, subject and URI of the certificate. The client's copy
    /// always goes. Default: none.
    #[must_use]
    pub fn forward_header(mut self, name: HeaderName) -> Self {
        self.header = Some(name);
        self
    }

    /// Makes the authenticator.
    ///
    /// # Errors
    /// [`ReservedHeader`](Error::ReservedHeader).
    pub fn build(self) -> Result<Authenticator, Error> {
        Ok(Authenticator::of(Certificates {
            allowed: self.allowed,
            header: self.header.map(own_fields::free).transpose()?.into_iter().collect(),
        }))
    }
}

struct Certificates {
    allowed: Vec<String>,
    /// None or one.
    header: Vec<HeaderName>,
}

impl Scheme for Certificates {
    fn name(&self) -> &'static str {
        "mtls"
    }

    fn check(&self, head: &RequestHead) -> Check {
        let leaf = head.conn().tls().and_then(|tls| tls.client_certs().first());
        Check::Now(match leaf {
            None => Err(forbidden(AuthError::MissingAuthorization, Reason::Missing)),
            Some(leaf) => self.judge(leaf),
        })
    }

    fn challenges(&self, _: &AuthError, _: &mut HeaderMap) {}

    fn own_fields(&self) -> &[HeaderName] {
        &self.header
    }
}

impl Certificates {
    fn judge(&self, der: &[u8]) -> Checked {
        let names = Names::read(der)
            .ok_or_else(|| forbidden(AuthError::InvalidCredentials, Reason::Malformed))?;
        let known = names.all().any(|name| self.allowed.iter().any(|one| matches(one, name)));
        if !self.allowed.is_empty() && !known {
            return Err(forbidden(AuthError::InvalidCredentials, Reason::NotAllowed));
        }
        let mut identity = Identity::new("mtls");
        if let Some(subject) = names.all().next() {
            identity = identity.with_subject(subject);
        }
        let mut grant = Grant::new().with_identity(identity);
        if let Some(name) = self.header.first()
            && let Some(value) = names.forwarded(der)
        {
            grant = grant.insert(name.clone(), value);
        }
        Ok(grant)
    }
}

fn forbidden(error: AuthError, reason: Reason) -> Denial {
    Denial { status: Some(StatusCode::FORBIDDEN), ..Denial::new(error, reason) }
}

/// The names in a certificate.
#[derive(Debug, Default)]
struct Names {
    /// URIs, DNS names, email addresses; the common name if there are none.
    sorted: [Vec<String>; 4],
    subject: String,
}

impl Names {
    fn read(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let mut names = Self { subject: certificate.subject().to_string(), ..Self::default() };
        let [uris, hosts, mails, common] = &mut names.sorted;
        let alternatives = certificate.subject_alternative_name().ok()?;
        for name in alternatives.iter().flat_map(|extension| &extension.value.general_names) {
            match name {
                GeneralName::URI(uri) => uris.push((*uri).into()),
                GeneralName::DNSName(host) => hosts.push((*host).into()),
                GeneralName::RFC822Name(mail) => mails.push((*mail).into()),
                _ => {}
            }
        }
        if alternatives.is_none() {
            let names = certificate.subject().iter_common_name();
            common.extend(names.filter_map(|name| name.as_str().ok()).map(String::from));
        }
        Some(names)
    }

    fn all(&self) -> impl Iterator<Item = &str> {
        self.sorted.iter().flatten().map(String::as_str)
    }

    fn forwarded(&self, der: &[u8]) -> Option<HeaderValue> {
        let mut text = String::from("Hash=");
        for byte in digest(&SHA256, der).as_ref() {
            write!(text, "{byte:02x}").ok()?;
        }
        text.push_str(";Subject=");
        text.push_str(&quoted(&self.subject)?);
        let [uris, ..] = &self.sorted;
        for uri in uris {
            text.push_str(";URI=");
            // The list separators must not be the certificate's to write.
            let plain = !uri.contains([';', ',', '=', '"']);
            text.push_str(&if plain { uri.clone() } else { quoted(uri)? });
        }
        HeaderValue::from_str(&text).ok()
    }
}

/// Whether `text` is like `pattern`, in which `*` stands for any run of characters.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|start| text.strip_prefix(start)) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(end) = parts.pop() else { return rest.is_empty() };
    // The shortest run for each but the last leaves the most for those behind it.
    for part in parts {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stands_for_any_run_of_characters() {
        for (pattern, text, like) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("*", "", true),
            ("spiffe://e.org/ns/*", "spiffe://e.org/ns/web/sa/x", true),
            ("spiffe://e.org/*/sa/x", "spiffe://e.org/ns/web/sa/x", true),
            ("spiffe://e.org/*/sa/y", "spiffe://e.org/ns/web/sa/x", false),
            ("*.e.org", "a.e.org", true),
            ("*.e.org", "e.org", false),
            ("a*a", "a", false),
            ("*a*b*", "xbxaxb", true),
            ("", "a", false),
        ] {
            assert_eq!(matches(pattern, text), like, "{pattern} {text}");
        }
    }
}
