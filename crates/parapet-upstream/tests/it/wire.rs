use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use http::Request;
use http::request::Builder;
use parapet_core::{Body, BodyError};
use parapet_upstream::{DialTarget, Error, HttpTransport};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::backend::{Backend, Conn, bytes, ok};

/// The bytes of one request, up to and with `end`.
async fn sent(transport: HttpTransport, request: Builder, body: Body, end: &str) -> String {
    let backend = Backend::start().await;
    let client = backend.client(transport);
    let origin = async {
        let mut conn = backend.accept().await;
        let sent = conn.until(end.as_bytes()).await;
        conn.send(ok("")).await;
        (sent, conn)
    };
    let ((sent, _conn), response) = tokio::join!(origin, client.send(request, body));
    assert_eq!(response.unwrap().status(), 200);
    sent
}

fn streamed(parts: &'static [&'static str]) -> Body {
    let parts = parts.iter().map(|part| Ok::<_, BodyError>(bytes(part)));
    Body::from_stream(futures_util::stream::iter(parts))
}

#[tokio::test]
async fn a_request_has_host_first_and_one_framing_field_whatever_the_client_sent() {
    let lie = |builder: Builder| {
        builder
            .header("content-length", "99")
            .header("transfer-encoding", "gzip")
            .header("x-a", "1")
    };
    let rows = [
        (
            lie(Request::get("/a?b=c")),
            Body::empty(),
            "GET /a?b=c HTTP/1.1\r\nhost: example.com\r\nx-a: 1\r\n\r\n",
        ),
        (
            lie(Request::post("/")),
            Body::empty(),
            "POST / HTTP/1.1\r\nhost: example.com\r\nx-a: 1\r\ncontent-length: 0\r\n\r\n",
        ),
        (
            lie(Request::put("/")),
            Body::full("hello"),
            "PUT / HTTP/1.1\r\nhost: example.com\r\nx-a: 1\r\ncontent-length: 5\r\n\r\nhello",
        ),
        (
            lie(Request::post("/")),
            streamed(&["hello", "", "world"]),
            "POST / HTTP/1.1\r\nhost: example.com\r\nx-a: 1\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n",
        ),
        (Request::options("*"), Body::empty(), "OPTIONS * HTTP/1.1\r\nhost: example.com\r\n\r\n"),
        (
            Request::get("/").header("te", "trailers"),
            Body::empty(),
            "GET / HTTP/1.1\r\nhost: example.com\r\nte: trailers\r\nconnection: TE\r\n\r\n",
        ),
    ];
    for (request, body, expected) in rows {
        assert_eq!(sent(HttpTransport::new(), request, body, expected).await, expected);
    }
}

/// Request, body, and what is written in title case.
type Row = (fn() -> Builder, fn() -> Body, &'static str);

/// The names in the request and its trailers, as they are set and in title case.
#[tokio::test]
async fn field_names_are_written_as_they_are_or_in_title_case() {
    let trailed = || {
        let (sender, body) = Body::channel(4);
        let feed = async move {
            sender.data("hello").await.unwrap();
            let mut trailers = http::HeaderMap::new();
            trailers.insert("x-check-sum", "1".parse().unwrap());
            sender.trailers(trailers).await.unwrap();
        };
        tokio::spawn(feed);
        body
    };
    let rows: [Row; 5] = [
        (
            || Request::get("/a?b"),
            Body::empty,
            "GET /a?b HTTP/1.1\r\nHost: example.com\r\nX-Own: Value\r\n\r\n",
        ),
        (
            || Request::post("/"),
            || Body::full("hello"),
            "POST / HTTP/1.1\r\nHost: example.com\r\nX-Own: Value\r\nContent-Length: 5\r\n\r\nhello",
        ),
        (
            || Request::post("/"),
            trailed,
            "POST / HTTP/1.1\r\nHost: example.com\r\nX-Own: Value\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Check-Sum: 1\r\n\r\n",
        ),
        (
            || Request::connect("db.example:5432"),
            Body::empty,
            "CONNECT db.example:5432 HTTP/1.1\r\nHost: example.com\r\nX-Own: Value\r\n\r\n",
        ),
        (
            || Request::options("*"),
            Body::empty,
            "OPTIONS * HTTP/1.1\r\nHost: example.com\r\nX-Own: Value\r\n\r\n",
        ),
    ];
    for (request, body, title) in rows {
        let plain = ["Host", "X-Own", "Content-Length", "Transfer-Encoding", "X-Check-Sum"];
        let plain = plain.iter().fold(title.to_owned(), |text, name| {
            text.replace(&format!("{name}:"), &format!("{}:", name.to_lowercase()))
        });
        for (title_case, expected) in [(true, title), (false, &plain)] {
            let transport = HttpTransport::new().title_case_headers(title_case);
            let request = request().header("x-own", "Value");
            assert_eq!(sent(transport, request, body(), expected).await, expected);
        }
    }
}

#[tokio::test]
async fn allowed_trailers_follow_a_chunked_body_and_forbidden_ones_do_not() {
    let (sender, body) = Body::channel(4);
    let backend = Backend::start().await;
    let client = backend.http();
    let feed = async {
        sender.data("x").await.unwrap();
        let mut trailers = http::HeaderMap::new();
        trailers.insert("x-sum", "1".parse().unwrap());
        trailers.insert("content-length", "9".parse().unwrap());
        trailers.insert("set-cookie", "a=b".parse().unwrap());
        sender.trailers(trailers).await.unwrap();
    };
    let origin = async {
        let mut conn = backend.accept().await;
        conn.head().await;
        let body = conn.until(b"\r\n\r\n").await;
        conn.send(ok("")).await;
        body
    };
    let (body, response, ()) = tokio::join!(origin, client.send(Request::post("/"), body), feed);
    assert_eq!((body.as_str(), response.is_ok()), ("1\r\nx\r\n0\r\nx-sum: 1\r\n\r\n", true));
}

#[tokio::test]
async fn a_request_that_cannot_be_sent_costs_no_connection() {
    let backend = Backend::start().await;
    let client = backend.http();
    let mut head = Request::get("/").header("host", "a").header("host", "b");
    for _ in 0..2 {
        let refused = client.send(std::mem::take(&mut head), Body::empty()).await;
        assert!(matches!(refused, Err(Error::RequestBody(_))), "{refused:?}");
        head = Request::get("/").header("host", "a");
    }
    let mut conn: Conn = backend.accept().await;
    let (_, body) = tokio::join!(conn.answer(ok("ok")), client.text());
    assert_eq!(body, "ok");
    assert!(!backend.has_another().await);
}

#[tokio::test]
async fn an_expectation_waits_for_100_only_if_it_is_asked_to() {
    let expecting = || Request::post("/").header("expect", "100-continue");
    let at_once = sent(HttpTransport::new(), expecting(), Body::full("body"), "body").await;
    assert!(at_once.ends_with("\r\n\r\nbody"));
    let backend = Backend::start().await;
    let limit = std::time::Duration::from_secs(3600);
    let client = backend.client(HttpTransport::new().expect_continue_timeout(limit));
    let origin = async {
        let mut conn = backend.accept().await;
        conn.head().await;
        tokio::task::yield_now().await;
        assert_eq!(
            conn.stream.try_read(&mut [0; 1]).unwrap_err().kind(),
            std::io::ErrorKind::WouldBlock
        );
        conn.send("HTTP/1.1 100 Continue\r\n\r\n").await;
        conn.until(b"body").await;
        conn.send(ok("got it")).await;
        // The next one is refused unread.
        conn.head().await;
        conn.send("HTTP/1.1 417 Expectation Failed\r\ncontent-length: 0\r\n\r\n").await;
        assert_eq!(conn.closed().await, b"");
    };
    let requests = async {
        let first = client.send(expecting(), Body::full("body")).await.unwrap();
        let second = client.send(expecting(), Body::full("body")).await.unwrap();
        assert_eq!((first.status().as_u16(), second.status().as_u16()), (200, 417));
    };
    tokio::join!(origin, requests);
}

/// A connection that counts its writes: plain ones, and those of several pieces.
struct Counted {
    stream: tokio::net::TcpStream,
    writes: std::sync::Arc<[AtomicUsize; 2]>,
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.writes[0].fetch_add(1, Ordering::Relaxed);
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.writes[1].fetch_add(1, Ordering::Relaxed);
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[tokio::test]
async fn a_head_and_what_is_there_of_its_body_are_one_write() {
    let frames = || streamed(&["one", "two", "three"]);
    let rows: [(Body, &str, [usize; 2]); 3] = [
        (Body::empty(), "content-length: 0\r\n\r\n", [1, 0]),
        (Body::full("hello"), "hello", [0, 1]),
        (frames(), "0\r\n\r\n", [0, 1]),
    ];
    for (body, end, expected) in rows {
        let writes = std::sync::Arc::<[AtomicUsize; 2]>::default();
        let count = std::sync::Arc::clone(&writes);
        let transport = HttpTransport::new().dial(move |target: DialTarget| {
            let writes = std::sync::Arc::clone(&count);
            async move {
                let stream = tokio::net::TcpStream::connect(&*target.addr).await?;
                Ok(Counted { stream, writes })
            }
        });
        let bytes = sent(transport, Request::post("/"), body, end).await;
        let counted = [&writes[0], &writes[1]].map(|writes| writes.load(Ordering::Relaxed));
        assert_eq!(counted, expected, "{bytes}");
    }
}
