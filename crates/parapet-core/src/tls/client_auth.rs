use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer};

use super::certificate::read;
use super::provider::provider;
use crate::{Error, TlsErrorKind};

/// Whether clients show certificates.
///
/// What verified is in [`TlsInfo::client_certs`](crate::TlsInfo::client_certs). A session that is resumed (at most 12 h
/// later) keeps the certificates of its first handshake without verifying them again.
#[non_exhaustive]
#[derive(Clone, Default)]
pub enum ClientAuth {
    /// They are not asked for.
    #[default]
    None,
    /// They are asked for; a client may have none, but one that it sends must verify against these roots.
    Request(Vec<CertificateDer<'static>>),
    /// A certificate that verifies against these roots, or no handshake.
    Require(Vec<CertificateDer<'static>>),
}

impl ClientAuth {
    /// All certificates of a PEM text, as roots for [`Request`](Self::Request) and [`Require`](Self::Require).
    ///
    /// # Errors
    /// [`Error::Tls`]: no PEM, or no certificate in it.
    pub fn roots_from_pem(pem: impl AsRef<[u8]>) -> Result<Vec<CertificateDer<'static>>, Error> {
        roots(pem.as_ref(), None)
    }

    /// All certificates of a PEM file. Blocks while it reads.
    ///
    /// # Errors
    /// [`Error::Tls`] with the file: unreadable, no PEM, or no certificate in it.
    pub fn roots_from_pem_file(
        path: impl AsRef<Path>,
    ) -> Result<Vec<CertificateDer<'static>>, Error> {
        let path = path.as_ref();
        roots(&read(path)?, Some(path))
    }

    pub(crate) fn asks(&self) -> bool {
        !matches!(self, Self::None)
    }

    pub(crate) fn verifier(
        &self,
        crls: &[CertificateRevocationListDer<'static>],
    ) -> Result<Arc<dyn ClientCertVerifier>, Error> {
        let (roots, optional) = match self {
            Self::None => return Ok(WebPkiClientVerifier::no_client_auth()),
            Self::Request(roots) => (roots, true),
            Self::Require(roots) => (roots, false),
        };
        let mut store = RootCertStore::empty();
        for root in roots {
            store.add(root.clone()).map_err(|error| error_of(TlsErrorKind::Roots, error))?;
        }
        let builder =
            WebPkiClientVerifier::builder_with_provider(Arc::new(store), Arc::clone(provider()))
                .with_crls(crls.iter().cloned());
        let builder = if optional { builder.allow_unauthenticated() } else { builder };
        builder.build().map_err(|error| {
            let kind = if roots.is_empty() { TlsErrorKind::Roots } else { TlsErrorKind::Provider };
            error_of(kind, error)
        })
    }
}

/// The number of roots; a system's bundle would fill pages.
impl fmt::Debug for ClientAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Request(roots) => write!(f, "Request({} roots)", roots.len()),
            Self::Require(roots) => write!(f, "Require({} roots)", roots.len()),
        }
    }
}

fn roots(pem: &[u8], path: Option<&Path>) -> Result<Vec<CertificateDer<'static>>, Error> {
    let error = |kind, source| Error::Tls { path: path.map(Path::to_path_buf), kind, source };
    let roots = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|source| error(TlsErrorKind::Pem, Some(source.into())))?;
    if roots.is_empty() {
        return Err(error(TlsErrorKind::Roots, None));
    }
    Ok(roots)
}

fn error_of(kind: TlsErrorKind, source: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Tls { path: None, kind, source: Some(Box::new(source)) }
}
