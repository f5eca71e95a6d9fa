use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::tls::{self, Material};
use crate::ConfigError;

/// Renews the TLS material of transports while they are in use: see
/// [`tls_reload`](crate::HttpsTransport::tls_reload).
///
/// Cheap to clone; clones are handles to the same material. What was set last holds for every handshake that begins
/// afterwards; connections that are there stay until they are idle for too long or closed. What cannot be used is refused,
/// and what was there before goes on.
#[derive(Clone, Default)]
pub struct TlsReload(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// Goes up with every change, behind it: who sees a new number sees the new material.
    generation: AtomicU64,
    material: Mutex<Material>,
}

impl TlsReload {
    /// A handle that changes nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The certificates that targets' certificates must lead up to, from now on.
    ///
    /// # Errors
    /// [`ConfigError::Tls`]: none is there, or one cannot be read.
    pub fn set_roots(
        &self,
        certs: impl IntoIterator<Item = CertificateDer<'static>>,
    ) -> Result<(), ConfigError> {
        let roots = tls::roots(certs)?;
        self.change(|material| material.roots = Some(roots));
        Ok(())
    }

    /// Certificate chain, leaf first, and key to authenticate with, from now on.
    ///
    /// # Errors
    /// [`ConfigError::Tls`]: they cannot be read, or are not each other's.
    pub fn set_client_auth(
        &self,
        chain: impl IntoIterator<Item = CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<(), ConfigError> {
        let identity = tls::identity(chain, key)?;
        self.change(|material| material.identity = Some(identity));
        Ok(())
    }

    fn change(&self, change: impl FnOnce(&mut Material)) {
        change(&mut self.lock());
        self.0.generation.fetch_add(1, Ordering::Release);
    }

    /// Number of the material that [`material`](Self::material) gives now, or of an older one.
    pub(super) fn generation(&self) -> u64 {
        self.0.generation.load(Ordering::Acquire)
    }

    pub(super) fn material(&self) -> Material {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Material> {
        self.0.material.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells nothing of the material.
impl fmt::Debug for TlsReload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsReload").field("generation", &self.generation()).finish_non_exhaustive()
    }
}
