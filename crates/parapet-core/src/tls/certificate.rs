use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::crypto::CryptoProvider;
use rustls::sign::CertifiedKey;
use rustls::{InconsistentKeys, SignatureScheme};
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use webpki::EndEntityCert;

use super::provider::provider;
use super::validity;
use crate::{BoxError, Error, TlsErrorKind, time};

/// A certificate chain with its private key. Cheap to clone; `Debug` tells names and expiry, never the key.
#[derive(Clone)]
pub struct Certificate(Arc<Inner>);

struct Inner {
    key: Arc<CertifiedKey>,
    dns_names: Arc<[Box<str>]>,
    not_after: SystemTime,
}

impl Certificate {
    /// Reads PEM: the chain, leaf first (what else the text holds is skipped), and the first private key of `key`
    /// (PKCS#8, PKCS#1 or SEC1, not encrypted). Both may be the same text.
    ///
    /// A certificate that has expired is taken, with a warning in the log: an edge that answers with it can still be
    /// reached by its operator.
    ///
    /// # Errors
    /// [`Error::Tls`]: nothing found, no PEM, a key that does not belong to the leaf, or an unsupported kind.
    pub fn from_pem(chain: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> Result<Self, Error> {
        Self::parse_pem(chain.as_ref(), key.as_ref()).map_err(|flaw| flaw.at(None))
    }

    /// Reads two PEM files, as [`from_pem`](Self::from_pem) does. Blocks while it reads.
    ///
    /// # Errors
    /// As `from_pem`, and [`TlsErrorKind::Io`]; the error names the file.
    pub fn from_pem_files(chain: impl AsRef<Path>, key: impl AsRef<Path>) -> Result<Self, Error> {
        let (chain_path, key_path) = (chain.as_ref(), key.as_ref());
        let chain = read(chain_path)?;
        let key = read(key_path)?;
        Self::from_file_content(chain_path, &chain, key_path, &key)
    }

    /// Takes DER: the chain, leaf first, and a private key in PKCS#8, PKCS#1 or SEC1 form, told apart by its content.
    ///
    /// # Errors
    /// [`Error::Tls`], as `from_pem`.
    pub fn from_der(
        chain: impl IntoIterator<Item = CertificateDer<'static>>,
        key: &[u8],
    ) -> Result<Self, Error> {
        let build = || {
            let key = PrivateKeyDer::try_from(key)
                .map_err(|reason| Flaw::new(TlsErrorKind::NoPrivateKey, reason))?;
            Self::build(chain.into_iter().collect(), key.clone_key())
        };
        build().map_err(|flaw| flaw.at(None))
    }

    /// Staples an OCSP response in DER (RFC 6066 §8) to handshakes. It is sent as it is: whoever gives it sees to it that
    /// it is fresh. Default: none.
    #[must_use]
    pub fn ocsp(self, response: impl Into<Vec<u8>>) -> Self {
        let mut key = CertifiedKey::clone(&self.0.key);
        key.ocsp = Some(response.into());
        Self(Arc::new(Inner {
            key: Arc::new(key),
            dns_names: Arc::clone(&self.0.dns_names),
            not_after: self.0.not_after,
        }))
    }

    /// When its validity ends.
    pub fn not_after(&self) -> SystemTime {
        self.0.not_after
    }

    /// The DNS names that it is valid for, lower-cased, wildcards as they are (`*.example.com`).
    pub fn dns_names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.dns_names.iter().map(AsRef::as_ref)
    }

    /// The chain, leaf first.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.0.key.cert
    }

    /// Whether it is valid for `host`, a DNS name or an IP address (RFC 9110 §4.3.4). Ignores its dates.
    pub fn covers(&self, host: &str) -> bool {
        let Some(leaf) = self.chain().first() else { return false };
        let (Ok(leaf), Ok(host)) = (EndEntityCert::try_from(leaf), ServerName::try_from(host))
        else {
            return false;
        };
        leaf.verify_is_valid_for_subject_name(&host).is_ok()
    }

    /// Whether its key can sign with one of `schemes`.
    pub(crate) fn fits(&self, schemes: &[SignatureScheme]) -> bool {
        self.0.key.key.choose_scheme(schemes).is_some()
    }

    pub(crate) fn key(&self) -> &Arc<CertifiedKey> {
        &self.0.key
    }

    /// Whether both are the same load of a certificate.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(crate) fn from_file_content(
        chain_path: &Path,
        chain: &[u8],
        key_path: &Path,
        key: &[u8],
    ) -> Result<Self, Error> {
        Self::parse_pem(chain, key).map_err(|flaw| {
            let about_key = flaw.about_key;
            flaw.at(Some(if about_key { key_path } else { chain_path }))
        })
    }

    pub(crate) fn generated(
        certificate: CertificateDer<'static>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, Error> {
        Self::build(vec![certificate], key).map_err(|flaw| flaw.at(None))
    }

    fn parse_pem(chain: &[u8], key: &[u8]) -> Result<Self, Flaw> {
        let chain = CertificateDer::pem_slice_iter(chain)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| Flaw::new(TlsErrorKind::Pem, error))?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| {
            let kind = match error {
                pem::Error::NoItemsFound => TlsErrorKind::NoPrivateKey,
                _ => TlsErrorKind::Pem,
            };
            Flaw { about_key: true, ..Flaw::new(kind, error) }
        })?;
        Self::build(chain, key)
    }

    fn build(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, Flaw> {
        let provider: &CryptoProvider = provider();
        let Some(leaf) = chain.first() else { return Err(TlsErrorKind::NoCertificate.into()) };
        let unreadable = |error| Flaw::new(TlsErrorKind::Unsupported, error);
        let mut dns_names: Vec<Box<str>> = EndEntityCert::try_from(leaf)
            .map_err(unreadable)?
            .valid_dns_names()
            .map(|name| name.to_ascii_lowercase().into())
            .collect();
        dns_names.sort_unstable();
        dns_names.dedup();
        let not_after = validity::not_after(leaf).ok_or(TlsErrorKind::Unsupported)?;
        let key = provider.key_provider.load_private_key(key).map_err(|error| Flaw {
            about_key: true,
            ..Flaw::new(TlsErrorKind::Unsupported, error)
        })?;
        let key = CertifiedKey::new(chain, key);
        match key.keys_match() {
            // A key that cannot tell its public half is taken on trust.
            Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => {}
            Err(rustls::Error::InconsistentKeys(_)) => {
                return Err(Flaw { about_key: true, ..TlsErrorKind::KeyMismatch.into() });
            }
            Err(error) => return Err(Flaw::new(TlsErrorKind::Unsupported, error)),
        }
        let certificate =
            Self(Arc::new(Inner { key: Arc::new(key), dns_names: dns_names.into(), not_after }));
        if not_after < time::date() {
            tracing::warn!(certificate = %certificate.label(), "the certificate has expired");
        }
        Ok(certificate)
    }

    /// Names for a log line; the names come from the operator's own certificate, their number does not grow by clients.
    pub(crate) fn label(&self) -> String {
        if self.0.dns_names.is_empty() {
            return "certificate without DNS names".into();
        }
        self.0.dns_names.join(", ")
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("dns_names", &self.0.dns_names)
            .field("not_after", &httpdate::fmt_http_date(self.0.not_after))
            .finish_non_exhaustive()
    }
}

/// Reads a file of certificates, keys or roots.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|error| Flaw::new(TlsErrorKind::Io, error).at(Some(path)))
}

/// What is wrong, before it is known which file it came from.
struct Flaw {
    kind: TlsErrorKind,
    source: Option<BoxError>,
    about_key: bool,
}

impl Flaw {
    fn new(kind: TlsErrorKind, source: impl Into<BoxError>) -> Self {
        Self { kind, source: Some(source.into()), about_key: false }
    }

    fn at(self, path: Option<&Path>) -> Error {
        Error::Tls { path: path.map(Path::to_path_buf), kind: self.kind, source: self.source }
    }
}

impl From<TlsErrorKind> for Flaw {
    fn from(kind: TlsErrorKind) -> Self {
        Self { kind, source: None, about_key: false }
    }
}
