//! Requests and responses as they stand on the wire.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::{HeaderValue, StatusCode};
use parapet_core::{
    Body, BodyError, Request, RequestExt as _, Response, Server, abort, handler_fn,
};
use tokio::sync::{Notify, mpsc};

use super::peer::{Peer, counting, serve};

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let (server, _calls) = counting(Server::new()).await;
    let mut peer = Peer::connect(server.address).await;
    peer.send(
        "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello\
         POST /3 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n\
         GET /4 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    )
    .await;
    for expected in ["GET /1 ", "POST /2 hello", "POST /3 abc", "GET /4 "] {
        assert_eq!(peer.answer().await.text(), expected);
    }
    assert_eq!(peer.rest().await, b"");
}

#[tokio::test]
async fn a_request_cut_at_every_byte_is_the_same_request() {
    let (server, _calls) = counting(Server::new()).await;
    let request = "POST /p?q=1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
                   3;x=\"y\"\r\nabc\r\n2\r\nde\r\n0\r\nX-T: 1\r\n\r\n";
    for at in 1..request.len() {
        let mut peer = Peer::connect(server.address).await;
        let (begin, end) = request.split_at(at);
        peer.send(begin).await;
        tokio::task::yield_now().await;
        peer.send(end).await;
        assert_eq!(peer.answer().await.text(), "POST /p?q=1 abcde", "cut at {at}");
    }
}

#[tokio::test]
async fn http10_closes_unless_it_asks_to_stay() {
    let (server, _calls) = counting(Server::new()).await;
    let mut peer = Peer::connect(server.address).await;
    peer.send("GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").await;
    assert_eq!(peer.answer().await.field("connection"), Some("keep-alive"));
    peer.send("GET /2 HTTP/1.0\r\n\r\n").await;
    let answer = peer.answer().await;
    assert_eq!((answer.text(), answer.field("connection")), ("GET /2 ", Some("close")));
    assert_eq!(peer.rest().await, b"");
}

#[tokio::test]
async fn an_unknown_length_is_chunked_and_ends_with_the_connection_for_http10() {
    let handler = handler_fn(|_| async {
        let chunks = ["ab", "cde"].map(Ok::<_, BodyError>);
        Response::new(Body::from_stream(futures_util::stream::iter(chunks)))
    });
    let server = serve(Server::new().handler(handler)).await;
    let mut peer = Peer::connect(server.address).await;
    peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let answer = peer.answer().await;
    assert_eq!((answer.text(), answer.field("transfer-encoding")), ("abcde", Some("chunked")));
    let mut peer = Peer::connect(server.address).await;
    peer.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").await;
    let answer = peer.answer().await;
    assert_eq!((answer.text(), answer.field("transfer-encoding")), ("abcde", None));
}

#[tokio::test]
async fn head_204_and_304_have_no_body_on_the_wire() {
    let handler = handler_fn(|request: Request| async move {
        let mut response = Response::new(Body::full("hello"));
        if let Ok(status) = request.uri().path().trim_start_matches('/').parse::<u16>() {
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
        }
        response
    });
    let server = serve(Server::new().handler(handler)).await;
    let mut peer = Peer::connect(server.address).await;
    peer.send("HEAD /200 HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(peer.answer_to(true).await.field("content-length"), Some("5"));
    for status in [204, 304] {
        peer.send(format!("GET /{status} HTTP/1.1\r\nHost: a\r\n\r\n")).await;
        let answer = peer.answer().await;
        assert_eq!((answer.status, answer.field("transfer-encoding")), (status, None));
    }
    peer.send("GET /200 HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(peer.answer().await.text(), "hello");
}

#[tokio::test]
async fn continue_is_sent_when_the_body_is_read_and_never_behind_an_answer() {
    let (server, _calls) = counting(Server::new()).await;
    let mut peer = Peer::connect(server.address).await;
    let head = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";
    peer.send(head).await;
    assert_eq!(peer.answer().await.status, 100);
    peer.send("hello").await;
    assert_eq!(peer.answer().await.text(), "POST / hello");

    let refuse = handler_fn(|_| async { StatusCode::FORBIDDEN });
    let server = serve(Server::new().handler(refuse)).await;
    let mut peer = Peer::connect(server.address).await;
    peer.send(head).await;
    assert_eq!(peer.answer().await.status, 403);
}

#[tokio::test]
async fn an_early_answer_reaches_a_client_that_writes_everything_first() {
    let refuse = handler_fn(|_| async { (StatusCode::FORBIDDEN, "no") });
    let server = serve(Server::new().handler(refuse)).await;
    let mut peer = Peer::connect(server.address).await;
    let size = 200 * 1024;
    peer.send(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n")).await;
    peer.try_send(vec![b'x'; size]).await;
    let answer = peer.answer().await;
    assert_eq!((answer.status, answer.field("connection")), (403, Some("close")));
    assert_eq!(peer.rest().await, b"");
    // A few bytes that are there already do not cost the connection.
    let mut peer = Peer::connect(server.address).await;
    for _ in 0..2 {
        peer.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789").await;
        assert_eq!(peer.answer().await.field("connection"), None);
    }
}

#[tokio::test]
async fn an_echoed_body_of_ten_mebibytes_neither_hangs_nor_changes() {
    let echo = handler_fn(|request: Request| async move { Response::new(request.into_body()) });
    let server = serve(Server::new().handler(echo)).await;
    let body: Vec<u8> = (0..10 * 1024 * 1024_u32).map(|n| (n % 251) as u8).collect();
    let stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let (mut read, mut write) = stream.into_split();
    let sent = body.clone();
    let writer = tokio::spawn(async move {
        use tokio::io::AsyncWriteExt as _;
        let head = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", sent.len());
        write.write_all(head.as_bytes()).await.unwrap();
        write.write_all(&sent).await.unwrap();
        write
    });
    let mut got = Vec::new();
    while got.len() < body.len() + 4 || !got.ends_with(&body[body.len() - 1024..]) {
        use tokio::io::AsyncReadExt as _;
        assert_ne!(read.read_buf(&mut got).await.unwrap(), 0);
    }
    let start = got.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    assert!(got[start..] == body, "the body came back changed");
    drop(writer.await.unwrap());
}

#[tokio::test]
async fn a_body_kept_from_an_earlier_request_reads_nothing() {
    let (keep, mut kept) = mpsc::unbounded_channel();
    let handler = handler_fn(move |request: Request| {
        let keep = keep.clone();
        async move {
            let answer = request.uri().path().to_owned();
            let _ = keep.send(request.into_body());
            answer
        }
    });
    let server = serve(Server::new().handler(handler)).await;
    let mut peer = Peer::connect(server.address).await;
    peer.send("POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello").await;
    assert_eq!(peer.answer().await.text(), "/1");
    let mut body = kept.recv().await.unwrap();
    peer.send("POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nworld").await;
    assert_eq!(peer.answer().await.text(), "/2");
    let frame = body.frame().await.unwrap();
    assert!(matches!(frame, Err(BodyError::Disconnected)), "{frame:?}");
}

#[tokio::test]
async fn a_client_that_leaves_drops_the_request() {
    struct Dropped(Arc<Notify>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.notify_one();
        }
    }
    let (dropped, begun) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (guard, start) = (Arc::clone(&dropped), Arc::clone(&begun));
    let handler = handler_fn(move |_| {
        let (guard, start) = (Dropped(Arc::clone(&guard)), Arc::clone(&start));
        async move {
            start.notify_one();
            std::future::pending::<()>().await;
            drop(guard);
            "never"
        }
    });
    let server = serve(Server::new().handler(handler)).await;
    let mut peer = Peer::connect(server.address).await;
    peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    begun.notified().await;
    peer.half_close().await;
    dropped.notified().await;
    assert_eq!(peer.rest().await, b"");
}

#[tokio::test]
async fn half_close_serves_a_client_that_only_reads_on() {
    let handler = handler_fn(|_| async {
        tokio::task::yield_now().await;
        "late"
    });
    let server = serve(Server::new().half_close(true).handler(handler)).await;
    let mut peer = Peer::connect(server.address).await;
    peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    peer.half_close().await;
    assert_eq!(peer.answer().await.text(), "late");
}

#[tokio::test]
async fn a_response_body_that_fails_never_looks_whole() {
    let handler = handler_fn(|_| async {
        let chunks = [Ok("ab"), Err(BodyError::Timeout)];
        Response::new(Body::from_stream(futures_util::stream::iter(chunks)))
    });
    let server = serve(Server::new().handler(handler)).await;
    let mut peer = Peer::connect(server.address).await;
    peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let rest = peer.rest().await;
    assert!(!rest.ends_with(b"0\r\n\r\n"), "{:?}", String::from_utf8_lossy(&rest));
}

#[tokio::test]
async fn responses_that_cannot_be_right_become_errors() {
    let handler = handler_fn(|request: Request| async move {
        let mut response = Response::new(Body::full("hello"));
        match request.uri().path() {
            "/length" => {
                response.headers_mut().insert("content-length", HeaderValue::from_static("4"));
            }
            "/early" => *response.status_mut() = StatusCode::EARLY_HINTS,
            "/switch" => *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS,
            "/panic" => panic!("on purpose"),
            "/abort" => return abort(),
            _ => {}
        }
        response
    });
    let seen = Arc::new(AtomicBool::new(false));
    let heard = Arc::clone(&seen);
    let server = Server::new().handler(handler);
    let server = serve(server.on_error(move |_, _| heard.store(true, Ordering::SeqCst))).await;
    for (path, status) in [("/length", 500), ("/early", 502), ("/switch", 502), ("/panic", 500)] {
        let mut peer = Peer::connect(server.address).await;
        peer.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")).await;
        assert_eq!(peer.answer().await.status, status, "{path}");
        assert!(seen.swap(false, Ordering::SeqCst), "{path}: the hook hears of it");
    }
    let mut peer = Peer::connect(server.address).await;
    peer.send("GET /abort HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(peer.rest().await, b"");
}

#[tokio::test]
async fn forwarding_fields_of_strangers_are_replaced_before_any_handler() {
    let handler = handler_fn(|request: Request| async move {
        let field = |name| request.headers().get(name).map_or("-", |value| value.to_str().unwrap());
        let names =
            ["x-real-ip", "x-forwarded-for", "x-forwarded-proto", "forwarded", "x-forwarded-host"];
        let fields: Vec<_> = names.into_iter().map(field).collect();
        format!("{} {:?} {}", fields.join(" "), request.client_addr(), request.scheme())
    });
    let forged = "GET / HTTP/1.1\r\nHost: a\r\nX-Real-IP: 10.0.1.1\r\nX-Forwarded-For: 10.0.1.2\r\n\
                  X-Forwarded-Proto: https\r\nForwarded: for=1.1.1.1\r\nX-Forwarded-Host: evil\r\n\r\n";
    let server = serve(Server::frontend().handler(handler.clone())).await;
    let mut peer = Peer::connect(server.address).await;
    peer.send(forged).await;
    let expected = "127.0.0.1 127.0.0.1 http - - Some(127.0.0.1) http";
    assert_eq!(peer.answer().await.text(), expected);

    let server = serve(Server::backend().handler(handler)).await;
    let mut peer = Peer::connect(server.address).await;
    peer.send(forged).await;
    let expected = "10.0.1.1 10.0.1.2 https for=1.1.1.1 evil Some(10.0.1.1) https";
    assert_eq!(peer.answer().await.text(), expected);
}

#[tokio::test]
async fn an_absolute_target_gives_the_authority_and_replaces_host() {
    let handler = handler_fn(|request: Request| async move {
        let host = request.headers()["host"].to_str().unwrap().to_owned();
        format!("{} {host} {}", request.authority().unwrap(), request.uri())
    });
    let server = serve(Server::new().handler(handler)).await;
    let mut peer = Peer::connect(server.address).await;
    peer.send("GET http://b:81/x?y HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(peer.answer().await.text(), "b:81 b:81 /x?y");
}

#[tokio::test]
async fn no_handler_sees_a_field_that_connection_names() {
    let handler = handler_fn(|request: Request| async move {
        let fields = ["x-user", "x-other", "connection"]
            .map(|name| request.headers().get(name).map_or("-", |value| value.to_str().unwrap()));
        Response::new(Body::full(fields.join(" ")))
    });
    let server = serve(Server::new().handler(handler)).await;
    let mut peer = Peer::connect(server.address).await;
    for (connection, seen) in [
        ("keep-alive", "1 2 keep-alive"),
        ("keep-alive, X-User", "- 2 keep-alive"),
        ("x-user,X-Other\r\nConnection: x-user", "- - -"),
        ("TE, close, x-other", "1 - close, te"),
    ] {
        peer.send(&format!(
            "GET / HTTP/1.1\r\nHost: a\r\nX-User: 1\r\nX-Other: 2\r\nConnection: {connection}\r\n\r\n"
        ))
        .await;
        assert_eq!(peer.answer().await.text(), seen, "{connection}");
    }
}
