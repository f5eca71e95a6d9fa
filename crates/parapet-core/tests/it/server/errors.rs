//! What keeps a server from starting: each cause has its error, and no listener stays open.

use std::net::TcpStream;
use std::time::Duration;

use parapet_core::{Error, Http2, Listen, Server};
use parapet_testkit::free_port;
use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};

#[test]
fn each_flaw_has_its_error_and_exit_code() {
    type Is = fn(&Error) -> bool;
    let invalid: Is = |error| matches!(error, Error::InvalidAddress { .. });
    let bind: Is = |error| matches!(error, Error::Bind { .. });
    let setting: Is = |error| matches!(error, Error::Setting { .. });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let unix = format!("unix:{}", file.display());
    let server = Server::new;
    let http2 = |limits| server().http2(limits);
    let rows: Vec<(&str, Server, Is, u8)> = vec![
        ("no port", server().addr("localhost"), invalid, 78),
        ("port too large", server().addr(":65536"), invalid, 78),
        ("no path", server().addr("unix:"), invalid, 78),
        ("no number", server().addr("fd:x"), invalid, 78),
        ("a name with a blank", server().addr("a b:80"), invalid, 78),
        // Two dots in a row are no name for any resolver, so none is asked.
        ("no such name", server().addr("a..b:80"), |e| matches!(e, Error::Resolve { .. }), 1),
        ("another machine's address", server().addr("192.0.2.1:0"), bind, 1),
        ("a file in the way", server().addr(&unix), bind, 1),
        ("no such folder", server().listen(Listen::unix("/nowhere/socket")), bind, 1),
        ("not announced", server().addr("fd:98"), |e| matches!(e, Error::NotAListener(_)), 78),
        (
            "nothing announced",
            server().listen(Listen::systemd("")),
            |e| matches!(e, Error::NotAListener(_)),
            78,
        ),
        ("header bytes", server().max_header_bytes((8 << 10) - 1), setting, 78),
        ("more header bytes", server().max_header_bytes((1 << 20) + 1), setting, 78),
        ("header count", server().max_header_count(1001), setting, 78),
        ("target", server().max_target_bytes(0), setting, 78),
        ("progress", server().min_progress(0), setting, 78),
        ("workers", server().workers(1025), setting, 78),
        ("connections", server().max_connections(0), setting, 78),
        ("connections of a client", server().max_connections_per_client(0), setting, 78),
        ("read timeout", server().read_timeout(Duration::ZERO), setting, 78),
        ("age", server().max_connection_age(Duration::ZERO), setting, 78),
        ("streams", http2(Http2::new().max_concurrent_streams(0)), setting, 78),
        ("stream window", http2(Http2::new().stream_window(1 << 31)), setting, 78),
        ("connection window", http2(Http2::new().connection_window(1)), setting, 78),
    ];
    for (name, server, is, code) in rows {
        let error = server.bind().unwrap_err();
        assert!(is(&error), "{name}: {error:?}");
        assert_eq!(error.exit_code(), code, "{name}");
    }
}

#[test]
fn an_address_that_is_not_ours_to_take_is_an_error() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o500)).unwrap();
    let path = folder.path().join("socket");
    // On a thread that gives away what lets root pass.
    let bound = std::thread::spawn(move || {
        let none = CapabilitySet::empty();
        let none = CapabilitySets { effective: none, permitted: none, inheritable: none };
        set_capabilities(None, none).unwrap();
        Server::new().listen(Listen::unix(path)).bind()
    });
    let error = bound.join().unwrap().unwrap_err();
    let Error::Bind { source, .. } = error else { panic!("{error:?}") };
    assert_eq!(source.kind(), std::io::ErrorKind::PermissionDenied);
}

#[cfg(feature = "tls")]
#[test]
fn certificates_and_roots_that_cannot_be_used_are_errors() {
    use parapet_core::{CertStore, ClientAuth, TlsConfig, TlsErrorKind};
    let none = || TlsConfig::new(CertStore::from_certs([]));
    let rootless = super::tls::config(&["a"]).client_auth(ClientAuth::Require(Vec::new()));
    let listen = Listen::tcp(([127, 0, 0, 1], 0).into());
    for (server, kind) in [
        (Server::new().tls(none()).listen(listen.clone()), TlsErrorKind::NoCertificate),
        (Server::new().listen(listen.clone().tls(none())), TlsErrorKind::NoCertificate),
        (Server::new().tls(rootless).listen(listen), TlsErrorKind::Roots),
    ] {
        let error = server.bind().unwrap_err();
        assert_eq!(error.exit_code(), 78);
        assert!(matches!(error, Error::Tls { kind: found, .. } if found == kind), "{error:?}");
    }
}

#[test]
fn all_listeners_or_none() {
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], free_port()));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let server =
        Server::new().listen(Listen::tcp(address)).listen(Listen::tcp(taken.local_addr().unwrap()));
    assert!(matches!(server.bind().unwrap_err(), Error::Bind { .. }));
    assert!(TcpStream::connect(address).is_err(), "the first one was closed again");
    // On one port with a second server, if both say so.
    let [first, second] =
        [(); 2].map(|()| Server::new().reuse_port(true).listen(Listen::tcp(address)).bind());
    assert!(first.is_ok() && second.is_ok(), "{first:?} {second:?}");
}
