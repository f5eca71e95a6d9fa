use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parapet_body::{buffer_request, limit_request};
use parapet_core::{BodyError, Middleware, Request, Response, Server, handler_fn};
use parapet_testkit::{FrameClient, RawClient, RawOrigin, flag, free_port, kind, pseudo};
use parapet_upstream::{HttpTransport, RoundRobin, Target, Upstream};
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::support::{dir, no_spill, spills};

/// Serves on a free port of loopback.
async fn serve(server: Server) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(server.serve(listener));
    address
}

/// Tells how many bytes came, whether the length was known, and how often it was called.
fn counting(layer: impl Middleware) -> (Server, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&calls);
    let next = handler_fn(move |request: Request| {
        counter.fetch_add(1, Ordering::SeqCst);
        async move {
            let known = request.body().known_length();
            let read = request.into_body().collect(1 << 30).await?;
            Ok::<_, BodyError>(format!("{} {known:?}", read.data().len()))
        }
    });
    (Server::backend().with(layer).handler(next), calls)
}

/// A proxy with `layer` to `origin`.
async fn proxy(layer: impl Middleware, origin: &RawOrigin) -> SocketAddr {
    let upstream =
        Upstream::single_host(&origin.address().to_string(), HttpTransport::new()).unwrap();
    serve(Server::backend().with(layer).with(upstream)).await
}

/// Reads a request with a body of so many bytes and answers 200.
async fn answering(length: usize) -> RawOrigin {
    RawOrigin::start(move |mut conn| async move {
        conn.read_head().await;
        conn.read(length).await;
        conn.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
        conn.stall().await;
    })
    .await
}

const CHUNKED: &str = "POST /up HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";

#[tokio::test]
async fn exactly_the_limit_passes_before_its_end_is_known() {
    // What next saw comes back while the last chunk is still outstanding.
    let next = handler_fn(|request: Request| async move { Response::new(request.into_body()) });
    let server = Server::new().with(limit_request(5)).handler(next);
    let mut client = RawClient::connect(serve(server).await).await;
    client.send(format!("{CHUNKED}5\r\nhello\r\n")).await;
    client.until(b"5\r\nhello\r\n").await;
    client.send("0\r\n\r\n").await;
    assert_eq!(client.take(5).await, b"0\r\n\r\n");
}

#[tokio::test]
async fn an_upload_over_the_limit_never_looks_whole_to_the_origin() {
    let closed = Arc::new(Notify::new());
    let tell = Arc::clone(&closed);
    let origin = RawOrigin::start(move |mut conn| {
        let tell = Arc::clone(&tell);
        async move {
            conn.read_to_end().await;
            tell.notify_one();
        }
    })
    .await;
    let address = proxy(limit_request(5), &origin).await;
    let mut client = RawClient::connect(address).await;
    client.send(format!("{CHUNKED}3\r\nabc\r\n")).await;
    let arrived = async {
        while !origin.received().ends_with("abc\r\n") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(parapet_testkit::LONG, arrived).await.unwrap();
    client.send("3\r\ndef\r\n0\r\n\r\n").await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.text()), (413, "Request Entity Too Large\n"));
    closed.notified().await;
    let received = origin.received();
    assert!(received.ends_with("\r\n\r\n3\r\nabc\r\n"), "{received}");
}

#[tokio::test]
async fn over_http2_only_the_stream_ends() {
    let (server, calls) = counting(limit_request(5));
    let (mut client, _) = FrameClient::connect(serve(server).await).await;
    client.headers(1, &pseudo("POST", "/"), false).await;
    client.send(kind::DATA, flag::END_STREAM, 1, b"123456").await;
    assert_eq!(client.response().await, (413, b"Request Entity Too Large\n".to_vec()));
    // The rest may go on for a while: it belongs to nobody.
    client.headers(3, &pseudo("POST", "/"), false).await;
    client.send(kind::DATA, 0, 3, b"123456").await;
    assert_eq!(client.response().await.0, 413);
    let frame = client.answer().await.unwrap();
    assert_eq!((frame.kind, frame.stream, frame.code()), (kind::RST_STREAM, 3, Some(0)));
    client.headers(5, &pseudo("POST", "/"), false).await;
    client.send(kind::DATA, flag::END_STREAM, 5, b"12345").await;
    assert_eq!(client.response().await, (200, b"5 None".to_vec()));
    // A length that is declared is known.
    let declared = [&pseudo("POST", "/")[..], &[("content-length", "6")]].concat();
    client.headers(7, &declared, false).await;
    assert_eq!(client.response().await.0, 413);
    assert_eq!(calls.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_refused_upload_is_never_asked_for() {
    let (server, calls) = counting(limit_request(10));
    let mut client = RawClient::connect(serve(server).await).await;
    client
        .send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 20\r\nexpect: 100-continue\r\n\r\n")
        .await;
    assert_eq!(client.answer().await.status, 413);
    assert_eq!(calls.load(Ordering::SeqCst), 0);
    // What it sends all the same is no request.
    client.try_send("GET / HTTP/1.1\r\n\r\n").await;
    assert!(client.rest().await.is_empty());
    assert_eq!(calls.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_client_that_writes_everything_first_sees_the_refusal() {
    let (server, _) = counting(limit_request(1024));
    let address = serve(server).await;
    let declared = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 204800\r\n\r\n";
    let chunked = format!("{CHUNKED}32000\r\n");
    for head in [declared, &chunked] {
        let mut client = RawClient::connect(address).await;
        client.send(head).await;
        client.try_send(vec![b'x'; 200 * 1024]).await;
        assert_eq!(client.answer().await.status, 413);
    }
}

#[tokio::test]
async fn continue_is_sent_when_buffering_begins() {
    let (server, _) = counting(buffer_request());
    let mut client = RawClient::connect(serve(server).await).await;
    for framing in ["content-length: 5", "transfer-encoding: chunked"] {
        let head =
            format!("POST / HTTP/1.1\r\nhost: a\r\n{framing}\r\nexpect: 100-continue\r\n\r\n");
        client.send(head).await;
        assert_eq!(client.answer().await.status, 100);
        client.send(if framing.ends_with('5') { "hello" } else { "5\r\nhello\r\n0\r\n\r\n" }).await;
        assert_eq!(client.answer().await.text(), "5 Some(5)");
    }
}

#[tokio::test]
async fn an_origin_hears_of_a_trickled_upload_when_it_is_complete() {
    let origin = answering(5).await;
    let mut client = RawClient::connect(proxy(buffer_request(), &origin).await).await;
    client.send(CHUNKED).await;
    for byte in ["h", "e", "l", "l", "o"] {
        client.send(format!("1\r\n{byte}\r\n")).await;
        tokio::time::sleep(Duration::from_millis(10)).await; // a slow client, nothing is waited for
        assert_eq!((origin.connections(), origin.received()), (0, String::new()));
    }
    // With trailers, which do not change the framing to the origin.
    client.send("0\r\nx-sum: 1\r\n\r\n").await;
    assert_eq!(client.answer().await.text(), "ok");
    let received = origin.received().to_lowercase();
    assert_eq!(received.matches("http/1.1").count(), 1, "{received}");
    assert!(received.contains("\r\ncontent-length: 5\r\n"), "{received}");
    assert!(!received.contains("transfer-encoding"), "{received}");
    assert!(received.ends_with("\r\n\r\nhello"), "{received}");
}

#[tokio::test]
async fn an_upload_over_http2_is_buffered_too() {
    let origin = answering(5).await;
    let (mut client, _) = FrameClient::connect(proxy(buffer_request(), &origin).await).await;
    client.headers(1, &pseudo("POST", "/"), false).await;
    client.send(kind::DATA, 0, 1, b"hel").await;
    client.send(kind::DATA, flag::END_STREAM, 1, b"lo").await;
    assert_eq!(client.response().await, (200, b"ok".to_vec()));
    let received = origin.received().to_lowercase();
    assert!(received.contains("\r\ncontent-length: 5\r\n"), "{received}");
    assert!(received.ends_with("\r\n\r\nhello"), "{received}");
    // Cut by a reset: the origin hears nothing of it.
    client.headers(3, &pseudo("POST", "/"), false).await;
    client.send(kind::DATA, 0, 3, b"hel").await;
    client.send(kind::RST_STREAM, 0, 3, &8_u32.to_be_bytes()).await;
    client.headers(5, &pseudo("POST", "/"), false).await;
    client.send(kind::DATA, flag::END_STREAM, 5, b"").await;
    assert_eq!(origin.received().to_lowercase(), received);
}

#[tokio::test]
async fn half_an_upload_is_answered_400_if_the_client_still_reads() {
    let origin = answering(4).await;
    let address = proxy(buffer_request(), &origin).await;
    for upload in ["POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nab", CHUNKED] {
        let mut client = RawClient::connect(address).await;
        client.send(upload).await;
        client.half_close().await;
        let answer = client.answer().await;
        assert_eq!((answer.status, answer.text()), (400, "Bad Request\n"));
        assert!(client.ends_well().await);
    }
    let mut client = RawClient::connect(address).await;
    client.send(format!("{CHUNKED}5\r\nhello\r\nnonsense\r\n")).await;
    assert_eq!(client.answer().await.status, 400);
    assert_eq!(origin.connections(), 0);
}

#[tokio::test]
async fn a_stalled_upload_is_answered_408_and_its_connection_closed() {
    let layer = buffer_request().read_timeout(Duration::from_millis(50));
    let (server, calls) = counting(layer);
    let mut client = RawClient::connect(serve(server).await).await;
    client.send(format!("{CHUNKED}1\r\nx\r\n")).await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.field("connection")), (408, Some("close")));
    client.half_close().await;
    assert!(client.ends_well().await);
    assert_eq!(calls.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_spill_file_lives_as_long_as_its_request() {
    let dir = dir();
    let (path, reached, go) =
        (dir.path().to_owned(), Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (reach, wait) = (Arc::clone(&reached), Arc::clone(&go));
    let next = handler_fn(move |request: Request| {
        let (path, reach, wait) = (path.clone(), Arc::clone(&reach), Arc::clone(&wait));
        async move {
            assert_eq!(spills(&path).len(), 1);
            reach.notify_one();
            wait.notified().await;
            assert_ne!(request.uri().path(), "/panic", "as asked");
            request.into_body().collect(1 << 20).await.map(|read| read.data().len().to_string())
        }
    });
    let layer = buffer_request().temp_dir(dir.path()).unwrap();
    let address = serve(Server::new().with(layer).handler(next)).await;
    let size = 17 * 1024;
    let upload = |path: &str| {
        let head = format!("POST {path} HTTP/1.1\r\nhost: a\r\ncontent-length: {size}\r\n\r\n");
        [head.into_bytes(), vec![b'x'; size]].concat()
    };
    for (path, status) in [("/", 200), ("/panic", 500)] {
        let mut client = RawClient::connect(address).await;
        client.send(upload(path)).await;
        reached.notified().await;
        assert_eq!(spills(dir.path()).len(), 1);
        go.notify_one();
        assert_eq!(client.answer().await.status, status);
        no_spill(dir.path()).await;
    }
    // The client leaves while next has the request, and while it is buffered.
    let mut client = RawClient::connect(address).await;
    client.send(upload("/")).await;
    reached.notified().await;
    client.reset();
    no_spill(dir.path()).await;
    let mut client = RawClient::connect(address).await;
    let upload = upload("/");
    client.send(&upload[..upload.len() - 1]).await;
    let spilled = async {
        while spills(dir.path()).is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(parapet_testkit::LONG, spilled).await.unwrap();
    client.reset();
    no_spill(dir.path()).await;
}

#[tokio::test]
async fn a_limit_outside_the_buffer_keeps_an_upload_from_the_origin() {
    let (dir, origin) = (dir(), answering(1).await);
    let buffer = buffer_request().memory_limit(4).temp_dir(dir.path()).unwrap();
    let address = proxy((limit_request(10), buffer), &origin).await;
    let mut client = RawClient::connect(address).await;
    client.send(format!("{CHUNKED}8\r\n12345678\r\n3\r\n901\r\n0\r\n\r\n")).await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.text()), (413, "Request Entity Too Large\n"));
    assert_eq!((origin.connections(), origin.received()), (0, String::new()));
    no_spill(dir.path()).await;
}

#[tokio::test]
async fn a_buffered_body_reaches_the_second_target_when_the_first_refuses() {
    let body = "0123456789".repeat(5_000);
    for memory_limit in [16 * 1024, 1 << 20] {
        let origin = answering(body.len()).await;
        // The first takes the head and some of the body, and is gone.
        let gone = RawOrigin::start(|mut conn| async move {
            conn.read_head().await;
            conn.read(1000).await;
            conn.reset();
        })
        .await;
        let target = |address: String| Target::new(&address, HttpTransport::new()).unwrap();
        let targets = [
            target(format!("127.0.0.1:{}", free_port())),
            target(gone.address().to_string()),
            target(origin.address().to_string()),
        ];
        let upstream = Upstream::new(RoundRobin::new(targets)).backoff_factor(Duration::ZERO);
        let layer = buffer_request().memory_limit(memory_limit);
        let address = serve(Server::new().with(layer).with(upstream)).await;
        let mut client = RawClient::connect(address).await;
        let head = "GET / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
        client.send(format!("{head}{:x}\r\n{body}\r\n0\r\n\r\n", body.len())).await;
        assert_eq!(client.answer().await.text(), "ok");
        assert_eq!(gone.connections(), 1);
        let received = origin.received();
        assert!(received.ends_with(&format!("\r\n\r\n{body}")), "{}", received.len());
    }
}

#[tokio::test]
async fn grpc_streams_both_ways_through_a_buffering_layer() {
    let next = handler_fn(|request: Request| async move { Response::new(request.into_body()) });
    let server = Server::backend().with(buffer_request()).handler(next);
    let (mut client, _) = FrameClient::connect(serve(server).await).await;
    let fields = [&pseudo("POST", "/")[..], &[("content-type", "application/grpc+proto")]].concat();
    client.headers(1, &fields, false).await;
    assert_eq!(client.answer().await.unwrap().status(), Some(200));
    for text in ["one", "two"] {
        client.send(kind::DATA, 0, 1, text.as_bytes()).await;
        assert_eq!(client.answer().await.unwrap().payload, text.as_bytes());
    }
}
