use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::server::{Accepted, AcceptedAlert};
use rustls::sign::SingleCertAndKey;
use rustls::{HandshakeKind, ProtocolVersion, ServerConfig, SignatureScheme};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio_rustls::StartHandshake;
use tokio_rustls::server::TlsStream;

use super::cert_set::wildcard;
use super::certificate::Certificate;
use super::client_hello::{ClientHello, ResolveCertificate};
use super::config::UnknownName;
use super::misdirected::AuthorityCheck;
use super::resolver::fallback;
use super::store::CertStore;
use crate::{TlsInfo, time};

/// Does the handshakes of a listener. One for all workers: clones share configurations and ticket keys.
#[derive(Clone)]
pub(crate) struct Acceptor(Arc<Scopes>);

struct Scopes {
    root: Scope,
    /// By name or wildcard, lower-cased.
    hosts: HashMap<Box<str>, Scope>,
    check: AuthorityCheck,
}

/// One configuration, with its own certificates, ticket keys and client authentication.
pub(crate) struct Scope {
    pub(crate) config: Arc<ServerConfig>,
    /// For ACME challenges; set if there is a resolver to answer them.
    pub(crate) acme: Option<Arc<ServerConfig>>,
    /// None: a configuration of rustls that finds its certificates itself.
    pub(crate) store: Option<CertStore>,
    pub(crate) resolver: Option<Arc<dyn ResolveCertificate>>,
    pub(crate) unknown_name: UnknownName,
}

/// A connection after its handshake.
pub(crate) struct Session<IO> {
    pub(crate) stream: TlsStream<IO>,
    pub(crate) info: TlsInfo,
    /// To ask for each request, unless it is off.
    pub(crate) check: AuthorityCheck,
}

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsAcceptError<IO> {
    /// The first byte is not one of TLS: nothing has been written, and all that was read is here.
    #[error("the client does not speak TLS")]
    NotTls {
        /// The connection, as good as new but for what was read.
        io: IO,
        /// What was read, at least one byte.
        read: Vec<u8>,
    },
    /// Nobody has a certificate for the server name, and unknown ones are refused. An alert has been sent.
    #[error("no certificate for the server name")]
    UnknownName,
    /// An ACME challenge has been answered: no failure, but nothing is left to serve.
    #[error("an ACME challenge was answered")]
    ChallengeAnswered,
    /// The handshake failed, by the client's fault or the connection's; an alert has been sent where one is due.
    #[error("the TLS handshake failed")]
    Handshake(#[source] io::Error),
}

impl<IO> TlsAcceptError<IO> {
    /// The error without the connection, for hooks and logs.
    pub(crate) fn without_io(self) -> TlsAcceptError<()> {
        match self {
            Self::NotTls { read, .. } => TlsAcceptError::NotTls { io: (), read },
            Self::UnknownName => TlsAcceptError::UnknownName,
            Self::ChallengeAnswered => TlsAcceptError::ChallengeAnswered,
            Self::Handshake(error) => TlsAcceptError::Handshake(error),
        }
    }
}

impl Acceptor {
    pub(crate) fn new(root: Scope, hosts: HashMap<Box<str>, Scope>, check: AuthorityCheck) -> Self {
        Self(Arc::new(Scopes { root, hosts, check }))
    }

    /// Reads the ClientHello, chooses configuration and certificate, and finishes the handshake. The caller bounds the
    /// time; dropping the future closes the connection.
    pub(crate) async fn accept<IO>(
        &self,
        mut io: IO,
        peer: Option<SocketAddr>,
    ) -> Result<Session<IO>, TlsAcceptError<IO>>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let accepted = match read_hello(&mut io).await {
            Ok(accepted) => accepted,
            Err(HelloError::NotTls(read)) => return Err(TlsAcceptError::NotTls { io, read }),
            Err(HelloError::Io(error)) => return Err(TlsAcceptError::Handshake(error)),
        };
        let server_name: Option<Arc<str>> =
            accepted.client_hello().server_name().map(|name| name.to_ascii_lowercase().into());
        let scope = self.0.scope(server_name.as_deref());

        let (config, certificate) = match scope.choose(&accepted, server_name.clone(), peer).await {
            Choice::Store(certificate) => (Arc::clone(&scope.config), certificate),
            Choice::Resolved(certificate) => {
                (with_certificate(&scope.config, &certificate), Some(certificate))
            }
            Choice::Challenge(acme, certificate) => {
                let config = with_certificate(&acme, &certificate);
                let start = StartHandshake::from_parts(accepted, io);
                let mut stream =
                    start.into_stream(config).await.map_err(TlsAcceptError::Handshake)?;
                close(&mut stream).await;
                return Err(TlsAcceptError::ChallengeAnswered);
            }
            Choice::UnknownName => {
                // The peer may be gone already; the refusal is what counts.
                let _ = io.write_all(&UNRECOGNIZED_NAME).await;
                let _ = io.flush().await;
                return Err(TlsAcceptError::UnknownName);
            }
        };

        let stream = StartHandshake::from_parts(accepted, io)
            .into_stream(config)
            .await
            .map_err(TlsAcceptError::Handshake)?;
        let info = info(&stream, server_name);
        let check = match &self.0.check {
            AuthorityCheck::Covered(_) => AuthorityCheck::Covered(certificate),
            check => check.clone(),
        };
        Ok(Session { stream, info, check })
    }
}

#[cfg(test)]
impl Acceptor {
    pub(super) fn root_config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.0.root.config)
    }

    pub(super) fn host_config(&self, name: &str) -> Arc<ServerConfig> {
        Arc::clone(&self.0.scope(Some(name)).config)
    }
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor")
            .field("hosts", &self.0.hosts.keys())
            .field("check", &self.0.check)
            .finish_non_exhaustive()
    }
}

/// Sends `close_notify` and shuts the write side down, waiting at most 1 s for a peer that does not read.
pub(crate) async fn close<IO>(stream: &mut TlsStream<IO>)
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    const PATIENCE: Duration = Duration::from_secs(1);
    // Whether it arrives makes no difference: the connection ends here.
    let _ = tokio::time::timeout(PATIENCE, stream.shutdown()).await;
}

impl Scopes {
    fn scope(&self, server_name: Option<&str>) -> &Scope {
        let Some(name) = server_name.filter(|_| !self.hosts.is_empty()) else { return &self.root };
        self.hosts
            .get(name)
            .or_else(|| self.hosts.get(wildcard(name)?.as_str()))
            .unwrap_or(&self.root)
    }
}

enum Choice {
    /// The scope's configuration finds it in its store (this is what it will find, if it is known).
    Store(Option<Certificate>),
    Resolved(Certificate),
    Challenge(Arc<ServerConfig>, Certificate),
    UnknownName,
}

impl Scope {
    pub(crate) fn rustls(config: Arc<ServerConfig>) -> Self {
        Self { config, acme: None, store: None, resolver: None, unknown_name: UnknownName::Default }
    }

    async fn choose(
        &self,
        accepted: &Accepted,
        server_name: Option<Arc<str>>,
        peer: Option<SocketAddr>,
    ) -> Choice {
        let Some(store) = &self.store else { return Choice::Store(None) };
        store.warn_of_expiry(time::date());
        if let Some(resolver) = &self.resolver {
            let hello = copy_hello(accepted, server_name.clone(), peer);
            let challenge = self.acme.as_ref().filter(|_| hello.is_acme_challenge());
            if challenge.is_some() || !self.knows(accepted, hello.server_name()) {
                match (resolver.resolve(&hello).await, challenge) {
                    (Some(certificate), Some(acme)) => {
                        return Choice::Challenge(Arc::clone(acme), certificate);
                    }
                    (Some(certificate), None) => return Choice::Resolved(certificate),
                    (None, _) => {}
                }
            }
        }
        let hello = accepted.client_hello();
        let schemes = hello.signature_schemes();
        let set = store.load();
        let name = server_name.as_deref();
        let found = name
            .and_then(|name| set.named(name, schemes))
            .or_else(|| fallback(&set, name, schemes, self.unknown_name));
        if found.is_none() && name.is_some() && self.unknown_name == UnknownName::Refuse {
            return Choice::UnknownName;
        }
        Choice::Store(found.cloned())
    }

    fn knows(&self, accepted: &Accepted, name: Option<&str>) -> bool {
        let (Some(store), Some(name)) = (&self.store, name) else { return false };
        store.load().named(name, accepted.client_hello().signature_schemes()).is_some()
    }
}

/// A fatal `unrecognized_name` (RFC 6066 §3) in a record of its own (RFC 8446 §5.1, §6): nothing is encrypted before the
/// ServerHello, and the library has no word for it.
const UNRECOGNIZED_NAME: [u8; 7] = [0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 112];

enum HelloError {
    NotTls(Vec<u8>),
    Io(io::Error),
}

impl From<io::Error> for HelloError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// First byte of every TLS connection: the type of a handshake record (RFC 8446 §5.1).
const HANDSHAKE: u8 = 0x16;

/// Reads until the ClientHello is whole; the library bounds its size. By hand, so that the bytes of a client that does
/// not speak TLS can be given back.
async fn read_hello<IO>(io: &mut IO) -> Result<Accepted, HelloError>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let mut acceptor = rustls::server::Acceptor::default();
    // On the heap, to be gone after the handshake: an array would stay in the connection's future.
    let mut buffer = vec![0; 4 * 1024];
    let mut is_first = true;
    loop {
        let length = io.read(&mut buffer).await?;
        let mut read = buffer.get(..length).unwrap_or_default();
        let Some(&first) = read.first() else {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        };
        if is_first && first != HANDSHAKE {
            return Err(HelloError::NotTls(read.to_vec()));
        }
        is_first = false;
        while !read.is_empty() {
            acceptor.read_tls(&mut read)?;
        }
        match acceptor.accept() {
            Ok(None) => {}
            Ok(Some(accepted)) => return Ok(accepted),
            Err((error, alert)) => {
                let _ = send_alert(io, alert).await;
                return Err(io::Error::new(io::ErrorKind::InvalidData, error).into());
            }
        }
    }
}

async fn send_alert<IO: AsyncWrite + Unpin>(
    io: &mut IO,
    mut alert: AcceptedAlert,
) -> io::Result<()> {
    let mut bytes = Vec::new();
    alert.write_all(&mut bytes)?;
    io.write_all(&bytes).await?;
    io.flush().await
}

fn copy_hello(
    accepted: &Accepted,
    server_name: Option<Arc<str>>,
    peer: Option<SocketAddr>,
) -> ClientHello {
    let hello = accepted.client_hello();
    ClientHello {
        server_name,
        alpn: hello.alpn().into_iter().flatten().map(<[u8]>::to_vec).collect(),
        signature_schemes: hello
            .signature_schemes()
            .iter()
            .copied()
            .map(<u16 as From<SignatureScheme>>::from)
            .collect(),
        peer,
    }
}

/// `config` for one connection with `certificate`; ticket keys stay those of its scope.
fn with_certificate(config: &ServerConfig, certificate: &Certificate) -> Arc<ServerConfig> {
    let mut config = config.clone();
    config.cert_resolver = Arc::new(SingleCertAndKey::from(Arc::clone(certificate.key())));
    Arc::new(config)
}

fn info<IO>(stream: &TlsStream<IO>, server_name: Option<Arc<str>>) -> TlsInfo {
    let (_, connection) = stream.get_ref();
    TlsInfo {
        version: match connection.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
            Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
            _ => "",
        },
        cipher_suite: connection
            .negotiated_cipher_suite()
            .and_then(|suite| suite.suite().as_str())
            .unwrap_or_default(),
        server_name,
        alpn: connection.alpn_protocol().map(<[u8]>::to_vec),
        resumed: connection.handshake_kind() == Some(HandshakeKind::Resumed),
        client_certs: connection
            .peer_certificates()
            .unwrap_or_default()
            .iter()
            .map(|certificate| certificate.clone().into_owned())
            .collect(),
    }
}
