use std::sync::Arc;

use rustls::SignatureScheme;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::cert_set::CertSet;
use super::certificate::Certificate;
use super::config::UnknownName;
use super::store::CertStore;

/// Looks a handshake's certificate up in a store: what the TLS library calls, so that a configuration is built once and
/// every change of the store holds for the next handshake.
#[derive(Debug)]
pub(crate) struct StoreResolver {
    pub(crate) store: CertStore,
    pub(crate) unknown_name: UnknownName,
}

impl ResolvesServerCert for StoreResolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let set = self.store.load();
        let schemes = hello.signature_schemes();
        let certificate = match hello.server_name() {
            None => set.default_for(schemes),
            Some(name) => {
                let name = name.to_ascii_lowercase();
                set.named(&name, schemes)
                    .or_else(|| fallback(&set, Some(&name), schemes, self.unknown_name))
            }
        };
        certificate.map(|certificate| Arc::clone(certificate.key()))
    }
}

/// What is left when neither the store nor a resolver knows the name.
pub(crate) fn fallback<'a>(
    set: &'a CertSet,
    server_name: Option<&str>,
    schemes: &[SignatureScheme],
    unknown_name: UnknownName,
) -> Option<&'a Certificate> {
    match (server_name, unknown_name) {
        (Some(_), UnknownName::Refuse) => None,
        _ => set.default_for(schemes),
    }
}
