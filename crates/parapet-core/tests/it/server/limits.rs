//! Timeouts and limits, on paused time over in-memory connections where time matters.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use parapet_core::{
    BoxFuture, BoxIo, ConnMeta, ConnState, ConnectionLayer, Error, Http2, LayerError, Listen,
    Request, Server, handler_fn,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use super::peer::{Peer, serve};

fn connect(server: Server) -> DuplexStream {
    let connections = server.handler(handler_fn(|request: Request| async move {
        let body = request.into_body().collect(1 << 20).await?;
        Ok::<_, parapet_core::BodyError>(format!("{}", body.data().len()))
    }));
    let connections = connections.into_connections().unwrap();
    let (client, io) = duplex(64 * 1024);
    let peer = "192.0.2.1:1".parse().ok();
    tokio::spawn(async move { connections.serve(io, ConnMeta::new(peer)).await });
    client
}

/// What came until the server closed, and when that was.
async fn closed(client: &mut DuplexStream) -> (String, Duration) {
    let begin = Instant::now();
    let mut text = Vec::new();
    client.read_to_end(&mut text).await.unwrap();
    (String::from_utf8(text).unwrap(), begin.elapsed())
}

fn near(took: Duration, seconds: u64) -> bool {
    let wanted = Duration::from_secs(seconds);
    took >= wanted && took < wanted + Duration::from_millis(50)
}

#[tokio::test(start_paused = true)]
async fn silence_ends_a_frontend_connection() {
    let rows: [(&str, u64, bool); 4] = [
        ("", 10, false),
        ("GET / HT", 10, true),
        ("PRI * HT", 10, true),
        ("GET / HTTP/1.1\r\nHost: a\r\n", 10, true),
    ];
    for (bytes, seconds, told) in rows {
        let mut client = connect(Server::frontend());
        client.write_all(bytes.as_bytes()).await.unwrap();
        let (text, took) = closed(&mut client).await;
        assert!(near(took, seconds), "{bytes:?}: {took:?}");
        assert_eq!(text.starts_with("HTTP/1.1 408 "), told, "{bytes:?}: {text}");
    }
}

#[tokio::test(start_paused = true)]
async fn trickling_does_not_outlast_the_first_request_timeout() {
    let mut client = connect(Server::frontend().read_header_timeout(None));
    let begin = Instant::now();
    for byte in b"GET /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" {
        if client.write_all(&[*byte]).await.is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let (text, _) = closed(&mut client).await;
    assert_eq!(text, "");
    assert!(begin.elapsed() >= Duration::from_secs(20));
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_and_a_byte_opens_the_clock_of_the_head() {
    let mut client = connect(Server::frontend());
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let mut answer = vec![0; 1024];
    assert!(client.read(&mut answer).await.unwrap() > 0);
    let (text, took) = closed(&mut client).await;
    assert!(text.is_empty() && near(took, 75), "{text:?} {took:?}");

    let mut client = connect(Server::frontend());
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    assert!(client.read(&mut answer).await.unwrap() > 0);
    tokio::time::sleep(Duration::from_secs(74)).await;
    client.write_all(b"G").await.unwrap();
    let (text, took) = closed(&mut client).await;
    assert!(text.starts_with("HTTP/1.1 408 ") && near(took, 10), "{text:?} {took:?}");
}

#[tokio::test(start_paused = true)]
async fn an_upload_has_to_move() {
    let head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4096\r\n\r\n";
    // 1 KiB each 50 s moves.
    let mut client = connect(Server::frontend());
    client.write_all(head).await.unwrap();
    for _ in 0..4 {
        tokio::time::sleep(Duration::from_secs(50)).await;
        client.write_all(&[b'x'; 1024]).await.unwrap();
    }
    let mut answer = vec![0; 1024];
    let read = client.read(&mut answer).await.unwrap();
    assert!(answer[..read].starts_with(b"HTTP/1.1 200 "));
    // A byte each 50 s does not.
    let mut client = connect(Server::frontend());
    client.write_all(head).await.unwrap();
    tokio::time::sleep(Duration::from_secs(50)).await;
    client.write_all(b"x").await.unwrap();
    let (text, took) = closed(&mut client).await;
    assert!(text.starts_with("HTTP/1.1 408 "), "{text:?}");
    assert!(
        took < Duration::from_secs(13),
        "10 s left of 60, then at most 2 s of lingering: {took:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_nothing_is_cut() {
    let server = Server::frontend().handler(handler_fn(|_| async { "x".repeat(1 << 20) }));
    let connections = server.into_connections().unwrap();
    let (mut client, io) = duplex(1024);
    let begin = Instant::now();
    let serving = tokio::spawn(async move { connections.serve(io, ConnMeta::new(None)).await });
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    serving.await.unwrap();
    assert!(near(begin.elapsed(), 60), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn more_connections_than_allowed_wait_and_idle_ones_make_room() {
    let handler = handler_fn(|_| async { "ok" });
    let server = serve(Server::new().max_connections(2).handler(handler)).await;
    let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut first = Peer::connect(server.address).await;
    first.send(request).await;
    assert_eq!(first.answer().await.text(), "ok");
    let mut second = Peer::connect(server.address).await;
    second.send(request).await;
    assert_eq!(second.answer().await.text(), "ok");
    let mut third = Peer::connect(server.address).await;
    third.send(request).await;
    assert_eq!(third.answer().await.text(), "ok");
    assert_eq!(first.rest().await, b"", "the oldest idle connection made room");
}

#[tokio::test]
async fn an_idle_connection_stays_while_nobody_wants_its_place() {
    let server = serve(Server::new().max_connections(2).handler(handler_fn(|_| async { "ok" })));
    let server = server.await;
    let mut peers = Vec::new();
    for _ in 0..4 {
        // Idle before the last place is taken, and after.
        if peers.len() < 2 {
            peers.push(Peer::connect(server.address).await);
        }
        for peer in &mut peers {
            peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
            assert_eq!(peer.answer().await.text(), "ok");
        }
    }
}

#[tokio::test]
async fn who_waits_for_a_place_has_it_as_soon_as_another_falls_idle() {
    let (begins, mut begun) = mpsc::unbounded_channel();
    let go = Arc::new(Notify::new());
    let wait = Arc::clone(&go);
    let handler = handler_fn(move |request: Request| {
        let (begins, wait) = (begins.clone(), Arc::clone(&wait));
        async move {
            if request.uri().path() == "/wait" {
                begins.send(()).unwrap();
                wait.notified().await;
            }
            "ok"
        }
    });
    let server = serve(Server::new().max_connections(2).handler(handler)).await;
    let mut peers = [Peer::connect(server.address).await, Peer::connect(server.address).await];
    for peer in &mut peers {
        peer.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n").await;
        begun.recv().await.unwrap();
    }
    // Both places are taken, and neither is idle.
    let mut third = Peer::connect(server.address).await;
    third.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    go.notify_one();
    assert_eq!(third.answer().await.text(), "ok");
    // The first to wait was answered, and has left since.
    let [mut first, mut second] = peers;
    assert_eq!(first.answer().await.text(), "ok");
    assert_eq!(first.rest().await, b"");
    go.notify_one();
    assert_eq!(second.answer().await.text(), "ok");
}

#[tokio::test(start_paused = true)]
async fn a_handler_may_take_as_long_as_it_likes() {
    let server = Server::frontend().handler(handler_fn(|_| async {
        tokio::time::sleep(Duration::from_secs(3600)).await;
        "late"
    }));
    let connections = server.into_connections().unwrap();
    let (mut client, io) = duplex(1024);
    tokio::spawn(connections.serve(io, ConnMeta::new(None)));
    let begin = Instant::now();
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let mut bytes = [0; 12];
    client.read_exact(&mut bytes).await.unwrap();
    assert_eq!(&bytes, b"HTTP/1.1 200");
    assert!(near(begin.elapsed(), 3600), "{:?}", begin.elapsed());
}

/// Tells the server that every client has this address.
struct SamePeer;

impl ConnectionLayer for SamePeer {
    fn call<'a>(
        &'a self,
        io: BoxIo,
        meta: &'a mut ConnMeta,
    ) -> BoxFuture<'a, Result<BoxIo, LayerError>> {
        meta.set_peer("192.0.2.7:7".parse().unwrap());
        Box::pin(async move { Ok(io) })
    }
}

#[tokio::test]
async fn one_client_gets_no_more_than_its_connections() {
    let server = Server::frontend().max_connections_per_client(1).modify_connection(SamePeer);
    let server = serve(server.handler(handler_fn(|request: Request| async move {
        use parapet_core::RequestExt as _;
        request.client_addr().unwrap().to_string()
    })))
    .await;
    let mut first = Peer::connect(server.address).await;
    first.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(first.answer().await.text(), "192.0.2.7");
    let mut second = Peer::connect(server.address).await;
    assert_eq!(second.rest().await, b"");
}

#[tokio::test]
async fn connection_states_are_told_in_order_and_closed_once() {
    use ConnState::{Active, Closed, Idle, New};
    let states = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&states);
    let server = Server::new()
        .handler(handler_fn(|_| async { "ok" }))
        .on_conn_state(move |_, state| heard.lock().unwrap().push(state));
    let server = serve(server).await;
    let mut peer = Peer::connect(server.address).await;
    for _ in 0..2 {
        peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        peer.answer().await;
    }
    peer.half_close().await;
    peer.rest().await;
    drop(server.handle.shutdown());
    server.handle.shutdown_now();
    let _ = server.ended.await.unwrap();
    assert_eq!(*states.lock().unwrap(), [New, Active, Idle, Active, Idle, Closed]);
}

#[test]
fn settings_out_of_range_are_named() {
    let rows: [(Server, &str); 7] = [
        (Server::new().max_header_bytes(1), "max_header_bytes is 1: allowed is 8 KiB to 1 MiB"),
        (Server::new().max_header_count(0), "max_header_count is 0: allowed is 1 to 1,000"),
        (Server::new().workers(0), "workers is 0: allowed is 1 to 1,024"),
        (
            Server::new().idle_timeout(Duration::ZERO),
            "idle_timeout is 0 s: allowed is more than zero, or None for no limit",
        ),
        (
            Server::new().http2(Http2::new().stream_window(1 << 31)),
            "http2 stream_window is 2147483648: allowed is at most 2^31 - 1 bytes",
        ),
        (
            Server::new().addr("nonsense"),
            "\"nonsense\" is no address to listen on: write :8080, host:port, [::1]:80, unix:/path or fd:3",
        ),
        (
            Server::new().addr("fd:97"),
            "fd:97 is no listening socket of the service manager (LISTEN_FDS)",
        ),
    ];
    for (server, text) in rows {
        assert_eq!(server.bind().unwrap_err().to_string(), text);
    }
}

#[test]
fn a_port_in_use_and_one_address_twice_are_errors() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let error = Server::new().listen(Listen::tcp(address)).bind().unwrap_err();
    assert!(matches!(error, Error::Bind { .. }), "{error:?}");
    assert_eq!(error.to_string(), format!("cannot listen on {address}"));
    let twice = Server::new().addr("127.0.0.1:9").addr("127.0.0.1:9").bind().unwrap_err();
    assert!(matches!(twice, Error::DuplicateListener(_)), "{twice:?}");
}
