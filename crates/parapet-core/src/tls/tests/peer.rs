//! Both ends of a handshake over loopback TCP.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::{
    ClientConfig, DigitallySignedStruct, NamedGroup, ProtocolVersion, RootCertStore,
    SignatureScheme, SupportedProtocolVersion,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;

use crate::TlsInfo;
use crate::tls::acceptor::{self, Acceptor};
use crate::tls::misdirected::AuthorityCheck;
use crate::tls::provider::provider;
use crate::{Certificate, KeyType, SelfSign, generate_self_sign_certificate};

pub(super) fn self_signed(hosts: &[&str]) -> Certificate {
    self_signed_with(hosts, KeyType::EcdsaP256)
}

pub(super) fn self_signed_with(hosts: &[&str], key_type: KeyType) -> Certificate {
    let settings = SelfSign::new().hosts(hosts.iter().copied()).key_type(key_type);
    generate_self_sign_certificate(settings).unwrap()
}

/// A TLS client with its settings.
#[derive(Clone)]
pub(super) struct Client {
    pub(super) config: ClientConfig,
    seen: Arc<Seen>,
}

/// What the client saw.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) leaf: CertificateDer<'static>,
    pub(super) alpn: Option<Vec<u8>>,
    pub(super) group: Option<NamedGroup>,
    pub(super) version: ProtocolVersion,
    /// All bytes until the clean end.
    pub(super) body: Vec<u8>,
    /// Stapled bytes of the last full handshake.
    pub(super) staple: Vec<u8>,
}

/// What the server has after the handshake.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) info: TlsInfo,
    pub(super) check: AuthorityCheck,
}

impl Client {
    /// Trusts `roots` and offers `h2` and `http/1.1`.
    pub(super) fn new(roots: &[&Certificate]) -> Self {
        Self::with(roots, rustls::DEFAULT_VERSIONS, None, None)
    }

    /// Offers one version only.
    pub(super) fn version(
        roots: &[&Certificate],
        version: &'static SupportedProtocolVersion,
    ) -> Self {
        Self::with(roots, &[version], None, None)
    }

    /// Can verify these signatures only.
    pub(super) fn verifying(roots: &[&Certificate], algorithms: WebPkiSupportedAlgorithms) -> Self {
        Self::with(roots, rustls::DEFAULT_VERSIONS, Some(algorithms), None)
    }

    /// Shows a certificate.
    pub(super) fn identified(
        roots: &[&Certificate],
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Self {
        Self::with(roots, rustls::DEFAULT_VERSIONS, None, Some((chain, key)))
    }

    fn with(
        roots: &[&Certificate],
        versions: &[&'static SupportedProtocolVersion],
        algorithms: Option<WebPkiSupportedAlgorithms>,
        identity: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
    ) -> Self {
        let mut store = RootCertStore::empty();
        for root in roots {
            store.add(root.chain()[0].clone()).unwrap();
        }
        let mut provider = CryptoProvider::clone(provider());
        if let Some(algorithms) = algorithms {
            provider.signature_verification_algorithms = algorithms;
        }
        let provider = Arc::new(provider);
        let verifier =
            WebPkiServerVerifier::builder_with_provider(store.into(), Arc::clone(&provider))
                .build()
                .unwrap();
        let seen = Arc::new(Seen { verifier, staple: Mutex::default() });
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&seen) as _);
        let mut config = match identity {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => builder.with_client_auth_cert(chain, key).unwrap(),
        };
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        // A session that resumes shows the certificate of its first handshake.
        config.resumption = Resumption::disabled();
        Self { config, seen }
    }

    /// Keeps sessions and resumes them.
    pub(super) fn resuming(mut self) -> Self {
        self.config.resumption = Resumption::in_memory_sessions(32);
        self
    }

    pub(super) fn alpn(mut self, protocols: &[&str]) -> Self {
        self.config.alpn_protocols =
            protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        self
    }

    /// Connects once as `name`; what each end made of it, errors as text.
    pub(super) async fn connect(
        &self,
        acceptor: &Acceptor,
        name: &str,
    ) -> (Result<Served, String>, Result<Answer, String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let both = async { tokio::join!(serve(acceptor, &listener), self.ask(addr, name)) };
        tokio::time::timeout(Duration::from_secs(30), both).await.unwrap()
    }

    /// Connects once, which must succeed.
    pub(super) async fn connects(&self, acceptor: &Acceptor, name: &str) -> (Served, Answer) {
        let (served, answer) = self.connect(acceptor, name).await;
        (served.unwrap(), answer.unwrap())
    }

    async fn ask(&self, addr: std::net::SocketAddr, name: &str) -> Result<Answer, String> {
        let io = TcpStream::connect(addr).await.unwrap();
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let connector = TlsConnector::from(Arc::new(self.config.clone()));
        let mut stream = connector.connect(name, io).await.map_err(|error| error.to_string())?;
        let mut body = Vec::new();
        stream.read_to_end(&mut body).await.map_err(|error| error.to_string())?;
        let (_, connection) = stream.get_ref();
        Ok(Answer {
            leaf: connection.peer_certificates().unwrap()[0].clone().into_owned(),
            alpn: connection.alpn_protocol().map(<[u8]>::to_vec),
            group: connection
                .negotiated_key_exchange_group()
                .map(rustls::crypto::SupportedKxGroup::name),
            version: connection.protocol_version().unwrap(),
            body,
            staple: self.seen.staple.lock().unwrap().clone(),
        })
    }
}

/// Accepts once, says `hello` and closes.
async fn serve(acceptor: &Acceptor, listener: &TcpListener) -> Result<Served, String> {
    let (io, peer) = listener.accept().await.unwrap();
    let mut session = acceptor.accept(io, Some(peer)).await.map_err(|error| chain(&error))?;
    session.stream.write_all(b"hello").await.unwrap();
    acceptor::close(&mut session.stream).await;
    Ok(Served { info: session.info, check: session.check })
}

/// Texts of an error and its sources.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

/// The library's verifier, with a look at the staple.
#[derive(Debug)]
struct Seen {
    verifier: Arc<WebPkiServerVerifier>,
    staple: Mutex<Vec<u8>>,
}

impl ServerCertVerifier for Seen {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        *self.staple.lock().unwrap() = ocsp_response.to_vec();
        self.verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}
