use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::Request;
use parapet_core::{Body, Server, from_fn_with};
use parapet_upstream::{
    ConnectErrorKind, DialTarget, DynamicTransport, Error, HttpTransport, Transport,
};
use socket2::{Domain, Socket, Type};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::{GET, Proxy, to};
use crate::backend::{Backend, Client, Conn, ok};
use crate::support::Record;

/// One thread, as a worker has it: what the pool keeps is what the next request gets. The origin has a clock of its own.
#[tokio::test]
async fn an_origin_that_closes_idle_connections_fails_no_get() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let origin = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            let accept = async {
                loop {
                    tokio::spawn(close_when_idle(listener.accept().await.unwrap().0));
                }
            };
            tokio::select! { () = accept => {}, _ = stopped => {} }
        });
    });
    let client = Client::new(&host, HttpTransport::new());
    let mut failed_posts = 0;
    for turn in 0..2000_u64 {
        // Every fourth pair comes about when the origin closes: well before, just then, well after.
        if turn / 2 % 4 == 0 {
            tokio::time::sleep(IDLE / 2 * u32::try_from(turn / 8 % 4).unwrap()).await;
        }
        if turn % 2 == 0 {
            assert_eq!(client.get().await.unwrap().status(), 200, "request {turn}");
            continue;
        }
        match client.send(Request::post("/"), Body::empty()).await {
            Ok(response) => assert_eq!(response.status(), 200),
            // The end came between the look at the socket and the write: nobody can tell whether the origin has acted.
            Err(Error::Closed { reused: true, .. }) => failed_posts += 1,
            Err(error) => panic!("request {turn}: {error:?}"),
        }
    }
    drop(stop);
    origin.join().unwrap();
    // A quarter of the pauses ends in the same moment as the origin's patience: most of those come through as well.
    assert!(failed_posts <= 40, "{failed_posts}");
}

const IDLE: Duration = Duration::from_millis(10);

/// Answers request after request, and closes after [`IDLE`] without one.
async fn close_when_idle(stream: TcpStream) {
    let mut conn = Conn { stream, read: Vec::new() };
    while let Ok(Ok(1..)) = tokio::time::timeout(IDLE, conn.stream.read_buf(&mut conn.read)).await {
        if conn.read.ends_with(b"\r\n\r\n") {
            conn.read.clear();
            if conn.stream.write_all(ok("").as_bytes()).await.is_err() {
                return;
            }
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("no way there")]
struct NoWay;

#[tokio::test]
async fn a_dial_function_gets_host_and_port_and_its_error_is_found_in_the_failure() {
    let dialed = Arc::new(Mutex::new(Vec::new()));
    let dial = || {
        let dialed = Arc::clone(&dialed);
        move |target: DialTarget| {
            dialed.lock().unwrap().push((
                target.host.to_string(),
                target.port,
                target.addr.to_string(),
            ));
            async { Err::<TcpStream, _>(io::Error::other(NoWay)) }
        }
    };
    let get = || Request::get("/");
    let rows: Vec<(&str, Transport, http::request::Builder, &str)> = vec![
        ("app", HttpTransport::new().dial(dial()).into(), get(), "app:80"),
        ("app:8080", HttpTransport::new().dial(dial()).into(), get(), "app:8080"),
        ("[::1]:81", HttpTransport::new().dial(dial()).into(), get(), "[::1]:81"),
        ("app:1", DynamicTransport::new().dial(dial()).into(), get(), "app:1"),
        #[cfg(feature = "http2")]
        ("app:2", parapet_upstream::H2cTransport::new().dial(dial()).into(), get(), "app:2"),
        #[cfg(feature = "http2")]
        (
            "app:3",
            parapet_upstream::H2cTransport::new().dial(dial()).into(),
            get().header("connection", "upgrade").header("upgrade", "x"),
            "app:3",
        ),
        #[cfg(feature = "http2")]
        (
            "app:4",
            DynamicTransport::new().dial(dial()).into(),
            get().extension(parapet_upstream::UpstreamScheme::H2c),
            "app:4",
        ),
        #[cfg(feature = "tls")]
        ("app", parapet_upstream::HttpsTransport::new().dial(dial()).into(), get(), "app:443"),
    ];
    for (host, transport, request, addr) in rows {
        let error = Client::new(host, transport).send(request, Body::empty()).await.unwrap_err();
        let Error::Connect { kind, source: Some(source) } = &error else { panic!("{error:?}") };
        assert_eq!(*kind, ConnectErrorKind::Other);
        let inner = source.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        assert!(
            inner.is_some_and(<dyn std::error::Error + Send + Sync>::is::<NoWay>),
            "{addr}: {error:?}"
        );
        let (name, port, full) = dialed.lock().unwrap().pop().unwrap();
        assert_eq!(full, addr);
        assert_eq!(
            addr,
            if name.contains(':') { format!("[{name}]:{port}") } else { format!("{name}:{port}") }
        );
        assert!(dialed.lock().unwrap().is_empty(), "{addr}: dialed once");
    }
}

/// A listener that accepts nothing and whose queue is full: the kernel drops further handshakes.
async fn deaf() -> (std::net::SocketAddr, impl Drop) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&"127.0.0.1:0".parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let mut filling = Vec::new();
    for _ in 0..8 {
        let connected = TcpStream::connect(address);
        match tokio::time::timeout(Duration::from_millis(100), connected).await {
            Ok(stream) => filling.push(stream.unwrap()),
            Err(_full) => break,
        }
    }
    (address, Deaf(socket, filling))
}

struct Deaf(Socket, Vec<TcpStream>);

impl Drop for Deaf {
    fn drop(&mut self) {
        self.1.clear();
        let _ = self.0.shutdown(std::net::Shutdown::Both);
    }
}

#[tokio::test]
async fn without_a_setting_a_dial_ends_after_5_s() {
    let (address, _deaf) = deaf().await;
    let client = Client::new(&address.to_string(), HttpTransport::new());
    // Nothing comes from this socket that the clock could run ahead of.
    tokio::time::pause();
    let start = tokio::time::Instant::now();
    let error = client.get().await.unwrap_err();
    assert!(matches!(error, Error::Connect { kind: ConnectErrorKind::Timeout, .. }), "{error:?}");
    assert_eq!(start.elapsed().as_secs(), 5);
}

/// `localhost` has addresses of both families nearly everywhere, and the first one is IPv6.
#[tokio::test]
async fn a_name_is_reached_over_the_family_that_answers() {
    let backend = Backend::start().await; // IPv4 only
    let host = backend.host().replace("127.0.0.1", "localhost");
    let client = Client::new(&host, HttpTransport::new());
    let (_, body) =
        tokio::join!(async { backend.accept().await.answer(ok("here")).await }, client.text());
    assert_eq!(body, "here");
}

#[tokio::test]
async fn an_address_that_never_answers_is_a_504() {
    let (address, _deaf) = deaf().await;
    let transport = HttpTransport::new().dial_timeout(Duration::from_millis(100));
    let client = Client::new(&address.to_string(), transport.clone());
    let error = client.get().await.unwrap_err();
    assert!(matches!(error, Error::Connect { kind: ConnectErrorKind::Timeout, .. }), "{error:?}");
    let upstream = parapet_upstream::Upstream::single_host(&address.to_string(), transport);
    let proxy = Proxy::start(Server::new(), upstream.unwrap().retries(0)).await;
    let mut client = proxy.connect().await;
    client.send(GET).await;
    assert!(client.head().await.starts_with("HTTP/1.1 504 "));
}

#[tokio::test]
async fn the_log_knows_the_target_of_a_request_whose_client_left() {
    for request in [GET, "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nhalf"] {
        let backend = Backend::start().await;
        let records = Arc::new(Mutex::new(Vec::new()));
        let keep = from_fn_with(
            Arc::clone(&records),
            |records: Arc<Mutex<Vec<_>>>, mut request, next: parapet_core::Next| async move {
                records.lock().unwrap().push(Record::mount(&mut request));
                next.run(request).await
            },
        );
        let server = Server::new().with(keep);
        let proxy = Proxy::start(server, to(&backend, HttpTransport::new())).await;
        let mut client = proxy.connect().await;
        client.send(request).await;
        let mut origin = backend.accept().await;
        origin.head().await;
        client.reset();
        origin.closed().await;
        let record = records.lock().unwrap().pop().unwrap();
        assert_eq!(record.text("upstream"), backend.host());
        assert_eq!(record.number("upstreamTries"), 1);
    }
}
