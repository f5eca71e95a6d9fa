//! HTTP/2: streams, refusals, floods, trailers, extended CONNECT, drain.

use std::future::poll_fn;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use parapet_core::{
    Body, BodyError, Http2, Protocol, Request, RequestExt as _, Response, Server, Upgrade, abort,
    handler_fn,
};
use parapet_testkit::{Frame, FrameClient, flag, kind, literals, pseudo, setting};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};

use super::peer::{Peer, Serving, counting, serve};

const REFUSED_STREAM: u32 = 7;
const CANCEL: u32 = 8;
const PROTOCOL_ERROR: u32 = 1;

/// A client of the `h2` crate for what needs whole messages.
async fn h2_client(server: &Serving) -> h2::client::SendRequest<Bytes> {
    let stream = TcpStream::connect(server.address).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(async move {
        let _ = connection.await;
    });
    client
}

fn request(method: &str, path: &str) -> http::Request<()> {
    http::Request::builder().method(method).uri(format!("http://a{path}")).body(()).unwrap()
}

async fn read_all(mut body: h2::RecvStream) -> (Vec<u8>, Option<HeaderMap>) {
    let mut bytes = Vec::new();
    while let Some(data) = body.data().await {
        let data = data.unwrap();
        body.flow_control().release_capacity(data.len()).unwrap();
        bytes.extend_from_slice(&data);
    }
    (bytes, body.trailers().await.unwrap())
}

#[tokio::test]
async fn http2_and_http1_share_a_port_however_the_preface_comes() {
    let handler = handler_fn(|request: Request| async move {
        format!("{:?} {:?}", request.version(), request.conn().protocol().unwrap())
    });
    let server = serve(Server::backend().handler(handler)).await;
    let (mut client, _) = FrameClient::connect(server.address).await;
    client.get(1, "/").await;
    let expected = format!("{:?} {:?}", http::Version::HTTP_2, Protocol::Http2);
    assert_eq!(client.response().await, (200, expected.into_bytes()));
    // Byte by byte.
    let mut peer = Peer::connect(server.address).await;
    let settings = Frame::encode(kind::SETTINGS, 0, 0, &[]);
    let preface = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &settings[..]].concat();
    for byte in preface {
        peer.send([byte]).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(peer.take(4).await[3], kind::SETTINGS);
    // A request that begins as the preface does.
    let mut peer = Peer::connect(server.address).await;
    peer.send("PR").await;
    tokio::task::yield_now().await;
    peer.send("OPFIND / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(peer.answer().await.text(), "HTTP/1.1 Http1");
}

#[tokio::test]
async fn streams_beyond_the_limit_are_refused() {
    let go = std::sync::Arc::new(Notify::new());
    let wait = std::sync::Arc::clone(&go);
    let handler = handler_fn(move |_| {
        let wait = std::sync::Arc::clone(&wait);
        async move {
            wait.notified().await;
            "ok"
        }
    });
    let server = serve(Server::frontend().h2c(true).handler(handler)).await;
    let (mut client, settings) = FrameClient::connect(server.address).await;
    assert_eq!(settings.setting(setting::MAX_CONCURRENT_STREAMS), Some(100));
    assert_eq!(settings.setting(setting::ENABLE_CONNECT_PROTOCOL), Some(1));
    for number in 0..101 {
        client.get(1 + 2 * number, "/").await;
    }
    let frame = client.answer().await.unwrap();
    assert_eq!(
        (frame.kind, frame.stream, frame.code()),
        (kind::RST_STREAM, 201, Some(REFUSED_STREAM))
    );
    // A notify keeps one permit, so each stream is let go by its own.
    for _ in 0..100 {
        go.notify_one();
        assert_eq!(client.response().await.0, 200);
    }
}

/// What is asked, the status, and further fields.
type Row<'a> = (&'static str, u16, Vec<(&'a str, &'a str)>);

#[tokio::test]
async fn refused_requests_are_answered_on_their_stream_and_the_connection_lives() {
    let (server, calls) = counting(Server::backend()).await;
    let (mut client, _) = FrameClient::connect(server.address).await;
    let many: Vec<_> = (0..101).map(|_| ("x", "1")).collect();
    let long = "a".repeat(16 * 1024);
    let path = format!("/{long}");
    let rows: Vec<Row<'_>> = vec![
        ("escape", 400, pseudo("GET", "/%zz").to_vec()),
        ("nul", 400, pseudo("GET", "/%00").to_vec()),
        ("target", 414, pseudo("GET", &path).to_vec()),
        ("fields", 431, [&pseudo("GET", "/")[..], &many].concat()),
        ("two authorities", 400, [&pseudo("GET", "/")[..], &[("host", "b")]].concat()),
        (
            "bad authority",
            400,
            vec![(":method", "GET"), (":scheme", "http"), (":path", "/"), ("host", "u@b")],
        ),
        ("none", 400, vec![(":method", "GET"), (":scheme", "http"), (":path", "/")]),
    ];
    let mut stream = 1;
    for (name, status, fields) in rows {
        let block = literals(fields);
        let mut pieces = block.chunks(16_000).peekable();
        let mut kind = kind::HEADERS;
        while let Some(piece) = pieces.next() {
            let end = if pieces.peek().is_none() { flag::END_HEADERS } else { 0 };
            let flags = if kind == kind::HEADERS { end | flag::END_STREAM } else { end };
            client.send(kind, flags, stream, piece).await;
            kind = kind::CONTINUATION;
        }
        let (got, _) = client.response().await;
        assert_eq!(got, status, "{name}");
        stream += 2;
    }
    assert_eq!(calls.load(std::sync::atomic::Ordering::SeqCst), 0);
    client.get(stream, "/good").await;
    assert_eq!(client.response().await, (200, b"GET /good ".to_vec()));
}

#[tokio::test]
async fn malformed_requests_are_reset() {
    let (server, calls) = counting(Server::backend()).await;
    let get = pseudo("GET", "/");
    for (name, fields) in [
        ("upper case", [&get[..], &[("X", "1")]].concat()),
        ("connection field", [&get[..], &[("connection", "close")]].concat()),
        ("te", [&get[..], &[("te", "gzip")]].concat()),
        ("pseudo behind", [&[("x", "1")], &get[..]].concat()),
        ("no path", vec![(":method", "GET"), (":scheme", "http"), (":authority", "a")]),
    ] {
        let (mut client, _) = FrameClient::connect(server.address).await;
        client.headers(1, &fields, true).await;
        let frame = client.answer().await.unwrap();
        assert_eq!(frame.code(), Some(PROTOCOL_ERROR), "{name}: {frame:?}");
        // RFC 9113 §5.4.2 lets a stream error be one of the connection, which h2 makes of a bad name.
        assert!(matches!(frame.kind, kind::RST_STREAM | kind::GOAWAY), "{name}: {frame:?}");
    }
    assert_eq!(calls.load(std::sync::atomic::Ordering::SeqCst), 0);
}

#[tokio::test]
async fn floods_close_the_connection() {
    let (server, _calls) = counting(Server::frontend().h2c(true)).await;
    let frame = |kind, flags, stream, payload: &[u8]| Frame::encode(kind, flags, stream, payload);
    let post = literals(pseudo("POST", "/"));
    let open = frame(kind::HEADERS, flag::END_HEADERS, 1, &post);
    let rows: Vec<(&str, Vec<u8>, Vec<u8>)> = vec![
        ("ping", Vec::new(), frame(kind::PING, 0, 0, &[0; 8])),
        ("settings", Vec::new(), frame(kind::SETTINGS, 0, 0, &[])),
        ("priority", Vec::new(), frame(kind::PRIORITY, 0, 1, &[0, 0, 0, 0, 1])),
        ("unknown", Vec::new(), frame(0xbe, 0, 0, &[])),
        ("empty data", open.clone(), frame(kind::DATA, 0, 1, &[])),
        ("window", open, frame(kind::WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])),
        (
            "continuation",
            frame(kind::HEADERS, 0, 1, &post),
            frame(kind::CONTINUATION, 0, 1, &literals([("x", "1")])),
        ),
    ];
    for (name, before, again) in rows {
        let (mut client, _) = FrameClient::connect(server.address).await;
        client.send_bytes(before).await;
        client.send_bytes(again.repeat(1001)).await;
        client.rest().await; // ends, or the test times out
        // Others are served.
        let (mut other, _) = FrameClient::connect(server.address).await;
        other.get(1, "/").await;
        assert_eq!(other.response().await.0, 200, "after {name}");
    }
}

#[tokio::test]
async fn a_rapid_reset_closes_and_a_page_of_cancels_does_not() {
    let handler = handler_fn(|request: Request| async move {
        if request.uri().path() == "/slow" {
            std::future::pending::<()>().await;
        }
        "ok"
    });
    let server = serve(Server::frontend().h2c(true).handler(handler)).await;
    let cancelled = |stream: u32| {
        let block = literals(pseudo("GET", "/slow"));
        let flags = flag::END_HEADERS | flag::END_STREAM;
        let mut bytes = Frame::encode(kind::HEADERS, flags, stream, &block);
        bytes.extend(Frame::encode(kind::RST_STREAM, 0, stream, &CANCEL.to_be_bytes()));
        bytes
    };
    // 100 streams, seen by the server, then all cancelled at once: what a browser does on leaving a page.
    let (mut client, _) = FrameClient::connect(server.address).await;
    for number in 0..99 {
        client.get(1 + 2 * number, "/slow").await;
    }
    client.get(199, "/").await;
    assert_eq!(client.response().await.0, 200);
    let cancels: Vec<u8> = (0..99)
        .flat_map(|number| {
            Frame::encode(kind::RST_STREAM, 0, 1 + 2 * number, &CANCEL.to_be_bytes())
        })
        .collect();
    client.send_bytes(cancels).await;
    client.get(201, "/").await;
    assert_eq!(client.response().await.0, 200);
    // Opened and reset in one go, over and over.
    let (mut client, _) = FrameClient::connect(server.address).await;
    client
        .send_bytes((0..2000).flat_map(|number| cancelled(1 + 2 * number)).collect::<Vec<_>>())
        .await;
    client.rest().await;
}

#[tokio::test]
async fn heads_that_wait_are_bounded_together() {
    let handler = handler_fn(|_| std::future::pending::<&str>());
    let server = Server::backend().http2(Http2::new().max_pending_header_bytes(16 * 1024));
    let server = serve(server.handler(handler)).await;
    let (mut client, _) = FrameClient::connect(server.address).await;
    let fields: Vec<_> = (0..90).map(|_| ("x", "")).collect();
    for number in 0..2 {
        let fields = [&pseudo("GET", "/")[..], &fields].concat();
        client.headers(1 + 2 * number, &fields, true).await;
    }
    let frame = client.answer().await.unwrap();
    assert_eq!(
        (frame.kind, frame.stream, frame.code()),
        (kind::RST_STREAM, 3, Some(REFUSED_STREAM))
    );
}

#[tokio::test]
async fn trailers_pass_both_ways_and_an_echo_does_not_hang() {
    let echo = handler_fn(|request: Request| async move { Response::new(request.into_body()) });
    let server = serve(Server::backend().handler(echo)).await;
    let client = h2_client(&server).await;
    let mut client = client.ready().await.unwrap();
    let (response, mut send) = client.send_request(request("POST", "/"), false).unwrap();
    let body: Vec<u8> = (0..10 * 1024 * 1024_u32).map(|n| (n % 251) as u8).collect();
    let sent = body.clone();
    tokio::spawn(async move {
        let mut rest = Bytes::from(sent);
        while !rest.is_empty() {
            send.reserve_capacity(rest.len().min(64 * 1024));
            let room = poll_fn(|cx| send.poll_capacity(cx)).await.unwrap().unwrap();
            send.send_data(rest.split_to(room.min(rest.len())), false).unwrap();
        }
        let mut trailers = HeaderMap::new();
        trailers.insert("x-sum", "251".parse().unwrap());
        send.send_trailers(trailers).unwrap();
    });
    let response = response.await.unwrap();
    let (got, trailers) = read_all(response.into_body()).await;
    assert!(got == body, "the body came back changed: {} bytes", got.len());
    assert_eq!(trailers.unwrap()["x-sum"], "251");
}

#[tokio::test]
async fn answers_have_no_connection_fields_and_head_has_no_body() {
    let handler = handler_fn(|request: Request| async move {
        let mut response = Response::new(Body::full("hello"));
        let headers = response.headers_mut();
        for (name, value) in [("connection", "close, x-hop"), ("x-hop", "1"), ("keep-alive", "5")] {
            headers.insert(name, value.parse().unwrap());
        }
        if let Ok(status) = request.uri().path().trim_start_matches('/').parse::<u16>() {
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
        }
        response
    });
    let server = serve(Server::backend().handler(handler)).await;
    let mut client = h2_client(&server).await;
    for (method, path, body) in
        [("GET", "/", "hello"), ("HEAD", "/", ""), ("GET", "/204", ""), ("GET", "/304", "")]
    {
        let (response, _) = client.send_request(request(method, path), true).unwrap();
        let response = response.await.unwrap();
        let headers = response.headers();
        for name in ["connection", "x-hop", "keep-alive", "transfer-encoding"] {
            assert!(!headers.contains_key(name), "{method} {path}: {name}");
        }
        assert!(headers.contains_key("date"), "{method} {path}");
        if path == "/" {
            assert_eq!(headers["content-length"], "5", "{method}");
        }
        assert_eq!(read_all(response.into_body()).await.0, body.as_bytes(), "{method} {path}");
    }
}

#[tokio::test]
async fn extended_connect_is_taken_over() {
    let handler = handler_fn(|mut request: Request| async move {
        let upgrade = Upgrade::take(&mut request).unwrap();
        assert_eq!(upgrade.protocol(), Some("websocket"));
        assert_eq!(request.uri().path(), "/chat");
        upgrade.serve(Response::default(), |mut io| async move {
            let mut buffer = [0; 64];
            while let Ok(read @ 1..) = io.read(&mut buffer).await {
                io.write_all(&buffer[..read]).await.unwrap();
            }
        })
    });
    let server = serve(Server::backend().handler(handler)).await;
    let (mut client, _) = FrameClient::connect(server.address).await;
    let connect = pseudo("CONNECT", "/chat");
    client.headers(1, &[&connect[..], &[(":protocol", "websocket")]].concat(), false).await;
    let head = client.answer().await.unwrap();
    assert_eq!((head.status(), head.ends_stream()), (Some(200), false));
    for text in ["one", "two"] {
        client.send(kind::DATA, 0, 1, text.as_bytes()).await;
        assert_eq!(client.answer().await.unwrap().payload, text.as_bytes());
    }
    client.send(kind::DATA, flag::END_STREAM, 1, &[]).await;
    assert!(client.answer().await.unwrap().ends_stream());
}

#[tokio::test]
async fn aborted_and_failed_answers_reset_their_stream() {
    let handler = handler_fn(|request: Request| async move {
        match request.uri().path() {
            "/abort" => abort(),
            "/switch" => {
                let mut response = Response::default();
                *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
                response
            }
            "/length" => {
                let mut response = Response::new(Body::full("hello"));
                response.headers_mut().insert("content-length", "4".parse().unwrap());
                response
            }
            _ => {
                let chunks = [Ok("ab"), Err(BodyError::Timeout)];
                Response::new(Body::from_stream(futures_util::stream::iter(chunks)))
            }
        }
    });
    let server = serve(Server::backend().handler(handler)).await;
    let (mut client, _) = FrameClient::connect(server.address).await;
    client.get(1, "/abort").await;
    let frame = client.answer().await.unwrap();
    assert_eq!((frame.kind, frame.code()), (kind::RST_STREAM, Some(CANCEL)));
    client.get(3, "/switch").await;
    assert_eq!(client.response().await.0, 502);
    client.get(5, "/length").await;
    assert_eq!(client.response().await.0, 500);
    client.get(7, "/fails").await;
    // The head may be dropped with what was queued behind it; the end must not look like one.
    loop {
        let frame = client.answer().await.unwrap();
        assert!(!frame.ends_stream(), "{frame:?}");
        if let Some(code) = frame.code() {
            assert_eq!(code, 2, "INTERNAL_ERROR");
            break;
        }
    }
}

#[tokio::test]
async fn what_http2_cannot_carry_becomes_an_error_that_is_told() {
    let handler = handler_fn(|request: Request| async move {
        let mut response = Response::new(Body::full("hello"));
        let (name, value) = match request.uri().path() {
            "/length" => ("content-length", "4"),
            "/front" => ("x", " a"),
            "/back" => ("x", "a\t"),
            "/blank" => ("x", " "),
            "/inside" => ("x", "a b"),
            _ => ("x", ""),
        };
        response.headers_mut().insert(name, value.parse().unwrap());
        response
    });
    let (told, mut hears) = mpsc::unbounded_channel();
    let server = Server::backend().handler(handler).on_error(move |_, error| {
        let _ = told.send(error.kind());
    });
    let server = serve(server).await;
    let (mut client, _) = FrameClient::connect(server.address).await;
    let mut stream = 1;
    for (path, kind) in [
        ("/length", Some("content_length")),
        ("/front", Some("field_value")),
        ("/back", Some("field_value")),
        ("/blank", Some("field_value")),
        ("/inside", None),
        ("/empty", None),
    ] {
        client.get(stream, path).await;
        let expected = if kind.is_some() { 500 } else { 200 };
        assert_eq!(client.response().await.0, expected, "{path}");
        assert_eq!(hears.try_recv().ok(), kind, "{path}");
        stream += 2;
    }
}

#[tokio::test]
async fn the_drain_says_goaway_twice_and_serves_what_is_open() {
    let (begun, go) = (std::sync::Arc::new(Notify::new()), std::sync::Arc::new(Notify::new()));
    let (start, wait) = (begun.clone(), go.clone());
    let handler = handler_fn(move |_| {
        let (start, wait) = (start.clone(), wait.clone());
        async move {
            start.notify_one();
            wait.notified().await;
            "done"
        }
    });
    let server = Server::backend().wait_before_shutdown(Duration::ZERO).handler(handler);
    let server = serve(server).await;
    let (mut client, _) = FrameClient::connect(server.address).await;
    client.get(1, "/").await;
    begun.notified().await;
    drop(server.handle.shutdown());
    let first = client.answer().await.unwrap();
    assert_eq!((first.last_stream(), first.code()), (Some(0x7fff_ffff), Some(0)));
    let second = client.answer().await.unwrap();
    assert_eq!((second.last_stream(), second.code()), (Some(1), Some(0)));
    go.notify_one();
    assert_eq!(client.response().await, (200, b"done".to_vec()));
    client.rest().await;
    server.ended.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_client_that_ignores_goaway_does_not_hold_the_drain() {
    let server = Server::backend().wait_before_shutdown(Duration::ZERO);
    let server = serve(server.handler(handler_fn(|_| async { "ok" }))).await;
    let (mut client, _) = FrameClient::connect(server.address).await;
    client.get(1, "/").await;
    assert_eq!(client.response().await.0, 200);
    // Neither reads on nor answers the ping.
    drop(server.handle.shutdown());
    server.ended.await.unwrap().unwrap();
    drop(client);
}

/// Rings when it is dropped.
struct Rings(std::sync::Arc<Notify>);

impl Drop for Rings {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

#[tokio::test]
async fn a_stream_that_the_client_resets_drops_its_request_alone() {
    let (begun, dropped) = (std::sync::Arc::new(Notify::new()), std::sync::Arc::new(Notify::new()));
    let (start, bell) = (begun.clone(), dropped.clone());
    let handler = handler_fn(move |request: Request| {
        let (start, rings) = (start.clone(), Rings(bell.clone()));
        async move {
            if request.uri().path() == "/slow" {
                start.notify_one();
                std::future::pending::<()>().await;
            }
            std::mem::forget(rings);
            "ok"
        }
    });
    let server = serve(Server::backend().handler(handler)).await;
    let (mut client, _) = FrameClient::connect(server.address).await;
    client.get(1, "/slow").await;
    begun.notified().await;
    client.send(kind::RST_STREAM, 0, 1, &CANCEL.to_be_bytes()).await;
    dropped.notified().await;
    client.get(3, "/").await;
    assert_eq!(client.response().await, (200, b"ok".to_vec()));
}

#[tokio::test]
async fn after_its_last_request_a_connection_says_so() {
    let server = Server::backend().max_requests_per_connection(2);
    let server = serve(server.handler(handler_fn(|_| async { "ok" }))).await;
    let mut peer = Peer::connect(server.address).await;
    for close in [None, Some("close")] {
        peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert_eq!(peer.answer().await.field("connection"), close);
    }
    assert_eq!(peer.rest().await, b"");
    let (mut client, _) = FrameClient::connect(server.address).await;
    client.get(1, "/").await;
    assert_eq!(client.response().await.0, 200);
    client.get(3, "/").await;
    let frames = client.rest().await;
    let goaways: Vec<_> = frames.iter().filter_map(Frame::last_stream).collect();
    assert_eq!(goaways, [0x7fff_ffff, 3], "{frames:?}");
    assert!(frames.iter().any(|frame| frame.stream == 3 && frame.ends_stream()), "{frames:?}");
}
