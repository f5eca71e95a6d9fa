use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs::Ticketer};
use rustls::server::{NoClientAuth, NoServerSessionStorage};
use rustls::version::{TLS12, TLS13};
use rustls_pki_types::{CertificateRevocationListDer, DnsName};

use super::acceptor::{Acceptor, Scope};
use super::cert_set::normal;
use super::cipher_suite::CipherSuite;
use super::client_auth::ClientAuth;
use super::client_hello::{ACME_TLS, ResolveCertificate};
use super::misdirected::AuthorityCheck;
use super::provider::provider;
use super::resolver::StoreResolver;
use super::store::CertStore;
use crate::{BoxError, Error, TlsErrorKind, time};

/// How TLS is spoken on a listener: rustls on aws-lc-rs, whatever the process's default provider is.
///
/// Key exchange: X25519MLKEM768, X25519, P-256, P-384. No compression, no renegotiation, no early data (a replayed
/// request is not ours to allow), no key log; TLS 1.2 only with the extended master secret (RFC 7627). The client's order
/// of cipher suites counts.
///
/// Sessions resume by tickets alone, two per TLS 1.3 handshake. Every configuration has ticket keys of its own: a new one
/// every 6 h, an old one is accepted until it is 12 h old, all workers share them, and a restart forgets them. So a
/// session of one [`host`](Self::host) cannot resume in another.
///
/// | setting | default |
/// |---|---|
/// | [`min_version`](Self::min_version) | TLS 1.2 |
/// | [`cipher_suites`](Self::cipher_suites) | AES-256-GCM, AES-128-GCM, ChaCha20-Poly1305 |
/// | [`alpn`](Self::alpn) | `h2`, `http/1.1` |
/// | [`client_auth`](Self::client_auth) | not asked for |
/// | [`session_tickets`](Self::session_tickets) | true |
/// | [`unknown_name`](Self::unknown_name) | the default certificate |
/// | [`strict_sni`](Self::strict_sni) | false |
#[derive(Clone)]
pub struct TlsConfig {
    source: Source,
    resolver: Option<Arc<dyn ResolveCertificate>>,
    hosts: Vec<(Box<str>, TlsConfig)>,
    min_version: TlsVersion,
    cipher_suites: Option<Vec<CipherSuite>>,
    alpn: Vec<Vec<u8>>,
    client_auth: ClientAuth,
    crls: Vec<CertificateRevocationListDer<'static>>,
    session_tickets: bool,
    unknown_name: UnknownName,
    strict_sni: bool,
    /// The last of the settings that a rustls configuration brings itself; an error together with one.
    own_setting: Option<&'static str>,
}

#[derive(Clone)]
enum Source {
    Store(CertStore),
    Rustls(Arc<ServerConfig>),
}

/// A TLS version.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246).
    V1_2,
    /// TLS 1.3 (RFC 8446).
    V1_3,
}

/// What a client gets that asks for a server name nobody has a certificate for.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum UnknownName {
    /// The default certificate.
    #[default]
    Default,
    /// A fatal alert, `unrecognized_name` (RFC 6066 §3).
    Refuse,
}

impl TlsConfig {
    /// Serves a certificate, or those of a store.
    pub fn new(certificates: impl Into<CertStore>) -> Self {
        Self::with_source(Source::Store(certificates.into()))
    }

    /// Uses a configuration of rustls 0.23 as it is. Only [`host`](Self::host) and [`strict_sni`](Self::strict_sni) can be
    /// set beside it; another setting is an error when the server binds. Whether it asks for client certificates cannot be
    /// seen: as a `host` it counts as if it does.
    pub fn from_rustls(config: Arc<ServerConfig>) -> Self {
        Self::with_source(Source::Rustls(config))
    }

    /// Asks `resolver` for names that the store does not have, and for ACME challenges. Default: none.
    #[must_use]
    pub fn resolver(self, resolver: impl ResolveCertificate) -> Self {
        Self { resolver: Some(Arc::new(resolver)), own_setting: Some("resolver"), ..self }
    }

    /// Another configuration for connections that ask for `name`, a DNS name or a wildcard of one label
    /// (`*.example.com`): own certificates, protocols, versions and client authentication. An exact name goes before a
    /// wildcard. `config` cannot have hosts of its own.
    #[must_use]
    pub fn host(mut self, name: impl Into<String>, config: TlsConfig) -> Self {
        self.hosts.push((normal(&name.into()), config));
        self
    }

    /// Oldest version that is spoken. Default: TLS 1.2. Older ones than that do not exist here.
    #[must_use]
    pub fn min_version(self, version: TlsVersion) -> Self {
        Self { min_version: version, own_setting: Some("min_version"), ..self }
    }

    /// Cipher suites that are accepted; the client's order decides among them. Default: all of [`CipherSuite`]. It is an
    /// error, when the server binds, if a version is left without one and no other has any.
    #[must_use]
    pub fn cipher_suites(self, suites: impl IntoIterator<Item = CipherSuite>) -> Self {
        let suites = Some(suites.into_iter().collect());
        Self { cipher_suites: suites, own_setting: Some("cipher_suites"), ..self }
    }

    /// Application protocols, our favourite first (RFC 7301). Default: `h2`, `http/1.1`. A client that offers others only
    /// gets a fatal `no_application_protocol`; one that offers none is served HTTP/1.1. An empty list: not negotiated.
    #[must_use]
    pub fn alpn(self, protocols: impl IntoIterator<Item = impl Into<Vec<u8>>>) -> Self {
        let alpn = protocols.into_iter().map(Into::into).collect();
        Self { alpn, own_setting: Some("alpn"), ..self }
    }

    /// Whether clients show certificates. Default: [`ClientAuth::None`].
    ///
    /// As soon as one configuration of a listener asks, requests must name the host that the connection was opened for,
    /// else they are answered 421.
    #[must_use]
    pub fn client_auth(self, client_auth: ClientAuth) -> Self {
        Self { client_auth, own_setting: Some("client_auth"), ..self }
    }

    /// Revocation lists that client certificates are checked against. Default: none, no check. With lists, each
    /// certificate authority of a client's chain must have one, and a list that is past its `nextUpdate` still counts.
    #[must_use]
    pub fn crls(
        self,
        crls: impl IntoIterator<Item = CertificateRevocationListDer<'static>>,
    ) -> Self {
        Self { crls: crls.into_iter().collect(), own_setting: Some("crls"), ..self }
    }

    /// Whether sessions can be resumed. Default: true.
    #[must_use]
    pub fn session_tickets(self, on: bool) -> Self {
        Self { session_tickets: on, own_setting: Some("session_tickets"), ..self }
    }

    /// What to do with unknown server names. Default: [`UnknownName::Default`].
    #[must_use]
    pub fn unknown_name(self, unknown_name: UnknownName) -> Self {
        Self { unknown_name, own_setting: Some("unknown_name"), ..self }
    }

    /// Whether a request must name the host that the connection was opened for, or one that its certificate covers; else
    /// it is answered 421 (RFC 9110 §15.5.20). Default: false. Where a configuration of the listener asks for client
    /// certificates, the host must be the very same, whatever this says. Set on one configuration of a listener, it holds
    /// for all of them.
    #[must_use]
    pub fn strict_sni(self, on: bool) -> Self {
        Self { strict_sni: on, ..self }
    }

    /// Checks everything and makes what the server drives.
    pub(crate) fn build(&self) -> Result<Acceptor, Error> {
        let root = self.scope()?;
        let mut hosts = HashMap::with_capacity(self.hosts.len());
        for (name, config) in &self.hosts {
            if !config.hosts.is_empty() {
                return Err(host_error(name, "a configuration without hosts of its own"));
            }
            if DnsName::try_from(name.strip_prefix("*.").unwrap_or(name)).is_err() {
                return Err(host_error(name, "a DNS name or a wildcard like *.example.com"));
            }
            if hosts.insert(name.clone(), config.scope()?).is_some() {
                return Err(host_error(name, "one configuration per name"));
            }
        }
        let configs = || self.hosts.iter().map(|(_, config)| config);
        let asks_clients = self.client_auth.asks() || configs().any(Self::may_ask_clients);
        let check = if asks_clients {
            AuthorityCheck::Exact
        } else if self.strict_sni || configs().any(|config| config.strict_sni) {
            AuthorityCheck::Covered(None)
        } else {
            AuthorityCheck::Off
        };
        Ok(Acceptor::new(root, hosts, check))
    }

    fn with_source(source: Source) -> Self {
        Self {
            source,
            resolver: None,
            hosts: Vec::new(),
            min_version: TlsVersion::V1_2,
            cipher_suites: None,
            alpn: vec![b"h2".to_vec(), b"http/1.1".to_vec()],
            client_auth: ClientAuth::None,
            crls: Vec::new(),
            session_tickets: true,
            unknown_name: UnknownName::Default,
            strict_sni: false,
            own_setting: None,
        }
    }

    fn may_ask_clients(&self) -> bool {
        self.client_auth.asks() || matches!(self.source, Source::Rustls(_))
    }

    fn scope(&self) -> Result<Scope, Error> {
        let store = match (&self.source, self.own_setting) {
            (Source::Store(store), _) => store,
            (Source::Rustls(config), None) => return Ok(Scope::rustls(Arc::clone(config))),
            (Source::Rustls(_), Some(name)) => {
                return Err(Error::Setting {
                    name,
                    value: "set beside a rustls configuration".into(),
                    allowed: "only with TlsConfig::new: set it in the rustls configuration",
                });
            }
        };
        if store.load().is_empty() && self.resolver.is_none() {
            return Err(Error::Tls { path: None, kind: TlsErrorKind::NoCertificate, source: None });
        }
        if let Some(name) = self.alpn.iter().find(|name| !(1..=255).contains(&name.len())) {
            return Err(Error::Setting {
                name: "alpn",
                value: format!("{} bytes", name.len()),
                allowed: "1 to 255 bytes for a protocol's name",
            });
        }
        if !self.crls.is_empty() && !self.client_auth.asks() {
            return Err(Error::Setting {
                name: "crls",
                value: format!("{} lists", self.crls.len()),
                allowed: "only with client_auth",
            });
        }
        store.warn_of_expiry(time::date());
        let acme = self.resolver.is_some().then(|| self.acme_config(store)).transpose()?;
        Ok(Scope {
            config: Arc::new(self.server_config(store)?),
            acme: acme.map(Arc::new),
            store: Some(store.clone()),
            resolver: self.resolver.clone(),
            unknown_name: self.unknown_name,
        })
    }

    fn server_config(&self, store: &CertStore) -> Result<ServerConfig, Error> {
        let versions: &[_] = match self.min_version {
            TlsVersion::V1_2 => &[&TLS13, &TLS12],
            TlsVersion::V1_3 => &[&TLS13],
        };
        let provider = match &self.cipher_suites {
            None => Arc::clone(provider()),
            Some(suites) => Arc::new(CryptoProvider {
                cipher_suites: suites.iter().map(|suite| suite.rustls()).collect(),
                ..CryptoProvider::clone(provider())
            }),
        };
        let certificates = StoreResolver { store: store.clone(), unknown_name: self.unknown_name };
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .map_err(provider_error)?
            .with_client_cert_verifier(self.client_auth.verifier(&self.crls)?)
            .with_cert_resolver(Arc::new(certificates));
        config.alpn_protocols.clone_from(&self.alpn);
        harden(&mut config);
        if self.session_tickets {
            config.ticketer = Ticketer::new().map_err(provider_error)?;
            config.send_tls13_tickets = 2;
        }
        Ok(config)
    }

    /// For ACME challenges: nobody is authenticated, nothing resumes, one protocol (RFC 8737 §3).
    fn acme_config(&self, store: &CertStore) -> Result<ServerConfig, Error> {
        let certificates = StoreResolver { store: store.clone(), unknown_name: self.unknown_name };
        let mut config = ServerConfig::builder_with_provider(Arc::clone(provider()))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(provider_error)?
            .with_client_cert_verifier(Arc::new(NoClientAuth {}))
            .with_cert_resolver(Arc::new(certificates));
        config.alpn_protocols = vec![ACME_TLS.to_vec()];
        harden(&mut config);
        Ok(config)
    }
}

impl fmt::Debug for TlsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let alpn: Vec<_> = self.alpn.iter().map(|name| name.escape_ascii().to_string()).collect();
        let mut out = f.debug_struct("TlsConfig");
        match &self.source {
            Source::Store(store) => out.field("certificates", store),
            Source::Rustls(_) => out.field("certificates", &"of a rustls configuration"),
        };
        out.field("resolver", &self.resolver.is_some())
            .field("hosts", &self.hosts)
            .field("min_version", &self.min_version)
            .field("cipher_suites", &self.cipher_suites)
            .field("alpn", &alpn)
            .field("client_auth", &self.client_auth)
            .field("crls", &self.crls.len())
            .field("session_tickets", &self.session_tickets)
            .field("unknown_name", &self.unknown_name)
            .field("strict_sni", &self.strict_sni)
            .finish_non_exhaustive()
    }
}

/// What holds for every configuration of ours. Some of it is the library's default today; written out, it stays.
fn harden(config: &mut ServerConfig) {
    config.ignore_client_order = false;
    config.max_early_data_size = 0;
    config.send_half_rtt_data = false;
    config.require_ems = true;
    config.cert_compressors = Vec::new();
    config.cert_decompressors = Vec::new();
    // Tickets alone resume sessions: a cache of them would be a lock between workers.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
}

fn host_error(name: &str, allowed: &'static str) -> Error {
    Error::Setting { name: "host", value: format!("{name:?}"), allowed }
}

fn provider_error(error: impl Into<BoxError>) -> Error {
    Error::Tls { path: None, kind: TlsErrorKind::Provider, source: Some(error.into()) }
}
