//! TLS: certificates and their store, the settings, and the acceptor that the server drives.

pub(crate) mod acceptor;
mod cert_set;
mod certificate;
mod cipher_suite;
mod client_auth;
mod client_hello;
mod config;
mod expiry;
mod misdirected;
mod provider;
mod resolver;
mod self_signed;
mod store;
#[cfg(test)]
mod tests;
mod validity;
mod watch;

pub(crate) use self::acceptor::{Acceptor, Session, TlsAcceptError};
pub use self::certificate::Certificate;
pub use self::cipher_suite::CipherSuite;
pub use self::client_auth::ClientAuth;
pub use self::client_hello::{ClientHello, ResolveCertificate};
pub use self::config::{TlsConfig, TlsVersion, UnknownName};
pub(crate) use self::misdirected::AuthorityCheck;
pub use self::self_signed::{KeyType, SelfSign, generate_self_sign_certificate};
pub use self::store::CertStore;
pub use self::watch::CertFiles;
