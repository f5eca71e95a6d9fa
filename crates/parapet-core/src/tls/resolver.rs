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
            None => fallback(&set, None, schemes, self.unknown_name),
            Some(name) => {
                let name = name.to_ascii_lowercase();
                set.named(&name, schemes)
                    .or_else(|| fallback(&set, Some(&name), schemes, self.unknown_name))
            }
        };
        certificate.map(|certificate| Arc::clone(certificate.key()))
    }
}

/// What is left when neither the store nor a resolver has a certificate for the name that the client can verify. One that
/// it cannot verify is better than none: the library then refuses with the alert that fits, be it for the version or for
/// the signature schemes.
pub(crate) fn fallback<'a>(
    set: &'a CertSet,
    server_name: Option<&str>,
    schemes: &[SignatureScheme],
    unknown_name: UnknownName,
) -> Option<&'a Certificate> {
    let takes_default = server_name.is_none() || unknown_name == UnknownName::Default;
    let default = || takes_default.then(|| set.default_certificates());
    let fitting = |certificate: &&Certificate| certificate.fits(schemes);
    default()
        .and_then(|certificates| certificates.iter().find(fitting))
        .or_else(|| set.all_named(server_name?)?.first())
        .or_else(|| default()?.first())
}
