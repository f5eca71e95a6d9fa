//! A panic is the failure of one exchange, or of one connection, and never of a worker.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::Frame;
use parapet_core::{
    Body, BoxFuture, BoxIo, ConnMeta, ConnectionLayer, LayerError, Request, Response, Serve,
    Server, TrustProxy, handler_fn,
};
use parapet_testkit::{FrameClient, kind};

use super::peer::{Peer, Serving, serve};

/// Panics after its first frame, or at once.
struct BadBody {
    frames: usize,
}

impl http_body::Body for BadBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        assert!(self.frames > 0, "on purpose: body");
        self.frames -= 1;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"part")))))
    }
}

/// Panics when it is dropped.
struct BadGuard;

impl Drop for BadGuard {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "on purpose: guard");
    }
}

/// Counts how often it was dropped.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

struct BadServe(parapet_core::Handler);

impl Serve for BadServe {
    fn serve(&self, request: Request) -> parapet_core::ResponseFuture {
        assert!(request.uri().path() != "/serve", "on purpose: serve");
        self.0.serve(request)
    }
}

async fn start(guards: &Arc<AtomicUsize>) -> Serving {
    let guards = Arc::clone(guards);
    let handler = handler_fn(move |request: Request| {
        let guard = Counted(Arc::clone(&guards));
        async move {
            let body = match request.uri().path() {
                "/handler" => panic!("on purpose: handler"),
                "/body" => Body::new(BadBody { frames: 1 }),
                "/first" => Body::new(BadBody { frames: 0 }),
                "/guard" => Body::full("ok").with_guard(BadGuard),
                _ => Body::full("ok"),
            };
            tokio::task::yield_now().await;
            Response::new(body.with_guard(guard))
        }
    });
    let server = Server::new()
        .h2c(true)
        .handler(parapet_core::Handler::new(BadServe(handler)))
        .on_error(|_, _| panic!("on purpose: hook"))
        .on_conn_state(|_, _| panic!("on purpose: state hook"));
    serve(server).await
}

#[tokio::test]
async fn a_panic_in_handler_body_guard_or_hook_ends_its_connection_and_no_other() {
    let guards = Arc::new(AtomicUsize::new(0));
    let server = start(&guards).await;
    let mut other = Peer::connect(server.address).await;
    let good = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    // Path, status, whether the client must see a cut answer.
    for (path, status, cut) in [
        ("/handler", 500, false),
        ("/serve", 500, false),
        ("/body", 200, true),
        ("/first", 200, true),
        ("/guard", 200, true),
    ] {
        let before = guards.load(Ordering::SeqCst);
        let mut peer = Peer::connect(server.address).await;
        peer.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")).await;
        if cut {
            let rest = peer.rest().await;
            assert!(!rest.ends_with(b"0\r\n\r\n"), "{path}: {}", String::from_utf8_lossy(&rest));
        } else {
            let answer = peer.answer().await;
            assert_eq!(answer.status, status, "{path}");
            if status == 500 {
                assert_eq!(answer.text(), "Internal Server Error\n", "{path}");
                assert_eq!(answer.field("connection"), Some("close"), "{path}");
                assert_eq!(peer.rest().await, b"", "{path}");
            }
        }
        let ran = guards.load(Ordering::SeqCst) - before;
        assert_eq!(ran, usize::from(path != "/serve"), "{path}: its guard ran");
        other.send(good).await;
        assert_eq!(other.answer().await.text(), "ok", "after {path}");
    }
}

#[tokio::test]
async fn a_panic_on_a_stream_of_http2_resets_that_stream_alone() {
    let guards = Arc::new(AtomicUsize::new(0));
    let server = start(&guards).await;
    let (mut client, _) = FrameClient::connect(server.address).await;
    let mut stream = 1;
    for (path, status) in [
        ("/handler", Some(500)),
        ("/serve", Some(500)),
        ("/body", None),
        ("/first", None),
        ("/guard", None),
    ] {
        client.get(stream, path).await;
        if let Some(status) = status {
            assert_eq!(client.response().await.0, status, "{path}");
        } else {
            loop {
                let frame = client.answer().await.expect("the connection lives");
                assert!(!frame.ends_stream(), "{path} looks whole: {frame:?}");
                if frame.kind == kind::RST_STREAM {
                    break;
                }
            }
        }
        stream += 2;
        client.get(stream, "/").await;
        assert_eq!(client.response().await, (200, b"ok".to_vec()), "after {path}");
        stream += 2;
    }
}

#[tokio::test]
async fn a_panic_in_a_tunnel_ends_it() {
    let handler = handler_fn(|mut request: Request| async move {
        let upgrade = parapet_core::Upgrade::take(&mut request).unwrap();
        upgrade.serve(Response::default(), |_io| async { panic!("on purpose: tunnel") })
    });
    let server = serve(Server::new().handler(handler)).await;
    for _ in 0..2 {
        let mut peer = Peer::connect(server.address).await;
        peer.send("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n").await;
        assert_eq!(peer.answer_to(true).await.status, 200);
        assert_eq!(peer.rest().await, b"");
    }
}

/// Panics for the first connection.
struct BadLayer(AtomicUsize);

impl ConnectionLayer for BadLayer {
    fn call<'a>(
        &'a self,
        io: BoxIo,
        _meta: &'a mut ConnMeta,
    ) -> BoxFuture<'a, Result<BoxIo, LayerError>> {
        assert!(self.0.fetch_add(1, Ordering::SeqCst) > 0, "on purpose: layer");
        Box::pin(async move { Ok(io) })
    }
}

#[tokio::test]
async fn a_panic_in_a_connection_layer_ends_that_connection() {
    let server = Server::new().modify_connection(BadLayer(AtomicUsize::new(0)));
    let server = serve(server.handler(handler_fn(|_| async { "ok" }))).await;
    let mut first = Peer::connect(server.address).await;
    assert_eq!(first.rest().await, b"");
    let mut second = Peer::connect(server.address).await;
    second.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(second.answer().await.text(), "ok");
}

#[tokio::test]
async fn a_panic_in_any_hook_changes_nothing() {
    let server = Server::new()
        .addr("127.0.0.1:0")
        .handler(handler_fn(|_| async { "ok" }))
        .first_byte_timeout(std::time::Duration::from_millis(50))
        .on_ready(|_| panic!("on purpose: ready"))
        .on_local_reply(|_, _| panic!("on purpose: local reply"))
        .on_connection_error(|_, _| panic!("on purpose: connection error"));
    let bound = server.bind().unwrap();
    let address = bound.local_addrs()[0];
    tokio::spawn(bound.serve());
    let mut peer = Peer::connect(address).await;
    peer.send("GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(peer.answer().await.text(), "Bad Request\n");
    assert!(peer.ends_well().await);
    // Its silence ends in the hook of errors.
    let mut silent = Peer::connect(address).await;
    assert!(silent.ends_well().await);
    let mut peer = Peer::connect(address).await;
    peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(peer.answer().await.text(), "ok");
}

#[tokio::test]
async fn a_panic_in_the_judgement_of_a_peer_ends_that_connection() {
    let asked = AtomicUsize::new(0);
    let trust = TrustProxy::from_fn(move |_| {
        assert!(asked.fetch_add(1, Ordering::SeqCst) > 0, "on purpose: trust");
        false
    });
    let server = serve(Server::new().trust_proxy(trust).handler(handler_fn(|_| async { "ok" })));
    let server = server.await;
    let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut first = Peer::connect(server.address).await;
    first.send(get).await;
    assert_eq!(first.rest().await, b"");
    let mut second = Peer::connect(server.address).await;
    second.send(get).await;
    assert_eq!(second.answer().await.text(), "ok");
    let total = server.handle.stats().total;
    assert_eq!((total.accepted, total.open()), (2, 1), "{total:?}");
}

#[cfg(feature = "tls")]
#[tokio::test]
async fn a_panic_in_a_certificate_resolver_ends_that_connection() {
    use parapet_core::{Certificate, ClientHello, ResolveCertificate};
    use tokio::net::TcpStream;

    struct BadResolver;
    impl ResolveCertificate for BadResolver {
        fn resolve<'a>(&'a self, _: &'a ClientHello) -> BoxFuture<'a, Option<Certificate>> {
            panic!("on purpose: resolver")
        }
    }

    let config = super::tls::config(&["a"]).resolver(BadResolver);
    let server = serve(Server::new().tls(config).handler(handler_fn(|_| async { "ok" }))).await;
    let name = |name| rustls_pki_types::ServerName::try_from(name).unwrap();
    let connector = super::tls::connector(&[]);
    let stream = TcpStream::connect(server.address).await.unwrap();
    assert!(connector.connect(name("b"), stream).await.is_err());
    let stream = TcpStream::connect(server.address).await.unwrap();
    let mut peer = Peer::over(connector.connect(name("a"), stream).await.unwrap());
    peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(peer.answer().await.text(), "ok");
}
