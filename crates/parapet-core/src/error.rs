use std::io;
use std::path::PathBuf;

use crate::BoxError;

/// Why a server could not be set up, or how serving ended badly.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not an address to listen on.
    #[error(
        "{text:?} is no address to listen on: write :8080, host:port, [::1]:80, unix:/path or fd:3"
    )]
    InvalidAddress {
        /// As it was given.
        text: String,
    },
    /// A host name to listen on does not resolve.
    #[error("the host name of {address:?} does not resolve")]
    Resolve {
        /// As it was given.
        address: String,
        /// What the resolver said.
        #[source]
        source: io::Error,
    },
    /// The address cannot be bound: it is in use, or not allowed.
    #[error("cannot listen on {address}")]
    Bind {
        /// The address.
        address: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The descriptor is none that the service manager announced, or no listening stream socket.
    #[error("{0} is no listening socket of the service manager (LISTEN_FDS)")]
    NotAListener(String),
    /// One address twice without `reuse_port`.
    #[error("two listeners on {0}: drop one, or set reuse_port(true)")]
    DuplicateListener(String),
    /// The listeners of the process before cannot be taken over, or the hand-over socket cannot be opened.
    #[error("no hand-over of listeners at {}", path.display())]
    Handover {
        /// The hand-over socket.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A setting outside its range.
    #[error("{name} is {value}: allowed is {allowed}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// What it was set to.
        value: String,
        /// What it may be.
        allowed: &'static str,
    },
    /// Not a network in CIDR form, nor an address.
    #[error("{0:?} is no network: write 10.0.0.0/8, fd00::/8 or an address")]
    InvalidCidr(String),
    /// A certificate, key or set of roots cannot be used.
    #[error("{kind}{}", path.as_ref().map(|path| format!(" ({})", path.display())).unwrap_or_default())]
    Tls {
        /// The file, if it came from one.
        path: Option<PathBuf>,
        /// What is wrong, and what to do.
        kind: TlsErrorKind,
        /// What the reader of the file or the TLS library said.
        #[source]
        source: Option<BoxError>,
    },
    /// `run` blocks and owns its runtimes.
    #[error(
        "run() was called inside an async runtime: await serve(listener) there, or call run() from main"
    )]
    InsideRuntime,
    /// A runtime or worker thread could not be started.
    #[error("the worker threads cannot be started")]
    Runtime(#[source] io::Error),
    /// What `on_start` was given failed.
    #[error("a start-up task failed")]
    Start(#[source] BoxError),
    /// A listener failed for good while serving.
    #[error("a listener failed")]
    Listener(#[source] io::Error),
    /// The grace time ran out.
    #[error("the grace time ran out: {connections} connections and {requests} requests were cut")]
    DrainTimeout {
        /// Connections that were cut.
        connections: usize,
        /// Requests that were cut.
        requests: usize,
    },
    /// A second signal, or `shutdown_now`.
    #[error("the shutdown was forced")]
    Forced,
}

impl Error {
    /// Exit code that fits: 130 for [`Forced`](Self::Forced), 78 (`EX_CONFIG`) for settings, else 1.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Forced => 130,
            Self::InvalidAddress { .. }
            | Self::Setting { .. }
            | Self::InvalidCidr(_)
            | Self::Tls { .. }
            | Self::DuplicateListener(_)
            | Self::NotAListener(_) => 78,
            _ => 1,
        }
    }
}

/// What is wrong with TLS material.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum TlsErrorKind {
    /// No certificate in the file or list.
    #[error("there is no certificate: give a PEM file with the chain, leaf first")]
    NoCertificate,
    /// No private key in the file.
    #[error("there is no private key: give a PEM file with a PKCS#8, PKCS#1 or SEC1 key")]
    NoPrivateKey,
    /// The key does not belong to the certificate.
    #[error("the private key does not belong to the certificate")]
    KeyMismatch,
    /// The file is no PEM.
    #[error("the file is not valid PEM")]
    Pem,
    /// The file cannot be read.
    #[error("the file cannot be read")]
    Io,
    /// The kind of key or certificate is not supported.
    #[error(
        "this kind of certificate or key is not supported: use RSA (2,048 bits or more), ECDSA P-256/P-384 or Ed25519"
    )]
    Unsupported,
    /// The roots to verify client certificates are empty or unusable.
    #[error("the roots cannot be used: give at least one CA certificate")]
    Roots,
    /// The crypto provider refused the configuration.
    #[error("the TLS settings do not fit together")]
    Provider,
}
