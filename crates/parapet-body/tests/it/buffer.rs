use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderValue, Method};
use parapet_body::{RequestBufferer, buffer_request, limit_request, must_stream};
use parapet_core::{
    Body, BodyError, Handler, LogValue, Middleware, Request, ResponseError, handler_fn,
};
use tokio::sync::oneshot;

use crate::support::{
    Fields, dir, echo, failing, no_spill, post, read, spills, unknown, with_trailers,
};

fn in_dir(dir: &tempfile::TempDir) -> RequestBufferer {
    buffer_request().temp_dir(dir.path()).unwrap()
}

/// A body that says its length, but gives no copies.
fn known(data: &'static [u8]) -> Body {
    let (one, two) = data.split_at(data.len() / 2);
    Body::new(Sized { frames: [one, two].into() })
}

struct Sized {
    frames: std::collections::VecDeque<&'static [u8]>,
}

impl http_body::Body for Sized {
    type Data = bytes::Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<bytes::Bytes>, BodyError>>> {
        let frame = self.frames.pop_front();
        std::task::Poll::Ready(
            frame.map(|data| Ok(http_body::Frame::data(bytes::Bytes::from_static(data)))),
        )
    }

    fn size_hint(&self) -> http_body::SizeHint {
        http_body::SizeHint::with_exact(self.frames.iter().map(|data| data.len() as u64).sum())
    }
}

static LARGE: [u8; 17 * 1024] = [b'x'; 17 * 1024];

#[tokio::test]
async fn next_gets_the_whole_body_with_its_length() {
    let small: &[u8] = b"hello";
    let edge = &LARGE[..16 * 1024];
    let dir = dir();
    // Body, its bytes, whether it had a length, whether it goes to a file.
    let rows: Vec<(Body, &[u8], bool, bool)> = vec![
        (known(small), small, true, false),
        (known(edge), edge, true, false),
        (known(&LARGE), &LARGE, true, true),
        (unknown(&[]).await, b"", false, false),
        (unknown(&[b"he", b"llo"]).await, small, false, false),
        (unknown(&[edge]).await, edge, false, false),
        (unknown(&[edge, &LARGE[16 * 1024..]]).await, &LARGE, false, true),
        (unknown(&[&LARGE]).await, &LARGE, false, true),
    ];
    for (body, data, had_length, file) in rows {
        let path = dir.path().to_owned();
        let next = handler_fn(move |request: Request| {
            let path = path.clone();
            async move {
                assert_eq!(spills(&path).len(), usize::from(file));
                assert_eq!(request.body().known_length(), Some(data.len() as u64));
                let sent = request.headers().get_all(CONTENT_LENGTH).iter().collect::<Vec<_>>();
                if had_length {
                    assert_eq!(sent, ["as it came"]);
                } else {
                    assert_eq!(sent, [&*data.len().to_string()]);
                }
                assert_eq!(request.headers().contains_key(TRANSFER_ENCODING), had_length);
                for body in [request.body().replay().unwrap(), request.into_body()] {
                    assert_eq!(body.collect(1 << 20).await.unwrap().data(), data);
                }
                "next"
            }
        });
        let mut request = post(body);
        request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("as it came"));
        request.headers_mut().insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        let fields = Fields::mount(&mut request);
        let handler = in_dir(&dir).wrap(next);
        assert_eq!(read(handler.serve(request).await).await, (200, "next".into()));
        let size = ("requestBodySize".to_owned(), LogValue::Uint(data.len() as u64));
        assert_eq!(fields.all(), if had_length { vec![] } else { vec![size] });
        no_spill(dir.path()).await;
    }
}

#[tokio::test]
async fn without_memory_every_byte_goes_to_a_file() {
    let dir = dir();
    for (body, expected) in
        [(unknown(&[b"1"]).await, 1), (known(b"12"), 1), (unknown(&[]).await, 0)]
    {
        let path = dir.path().to_owned();
        let next = handler_fn(move |request: Request| {
            let open = spills(&path).len().to_string();
            drop(request);
            async { open }
        });
        let handler = in_dir(&dir).memory_limit(0).wrap(next);
        let (_, open) = read(handler.serve(post(body)).await).await;
        assert_eq!(open, expected.to_string());
    }
}

#[tokio::test]
async fn a_spill_file_has_no_name_and_is_ours_alone() {
    let dir = dir();
    let path = dir.path().to_owned();
    let next = handler_fn(move |request: Request| {
        let found = spills(&path);
        assert_eq!(found.len(), 1);
        let file = std::fs::metadata(&found[0]).unwrap();
        assert_eq!((file.nlink(), file.permissions().mode() & 0o777), (0, 0o600));
        assert_eq!(std::fs::read_dir(&path).unwrap().count(), 0);
        async move { request.into_body().collect(1 << 20).await.map(|_| "next") }
    });
    let response = in_dir(&dir).wrap(next).serve(post(unknown(&[&LARGE]).await)).await;
    assert_eq!(read(response).await, (200, "next".into()));
}

#[tokio::test]
async fn a_body_that_is_complete_already_passes_as_it_is() {
    let next = handler_fn(|request: Request| async move {
        assert!(!request.headers().contains_key(CONTENT_LENGTH));
        request.into_body().collect(1 << 20).await.map(|read| read.data().len().to_string())
    });
    // Bytes in memory, and what a buffering layer outside left.
    let (one, two) = (buffer_request().memory_limit(0), buffer_request());
    let answer = read(two.wrap(next.clone()).serve(post(Body::full(&LARGE[..]))).await).await;
    assert_eq!(answer, (200, LARGE.len().to_string()));
    let twice = (one, two).wrap(next);
    let answer = read(twice.serve(post(known(b"1234"))).await).await;
    assert_eq!(answer, (200, "4".into()));
}

#[tokio::test]
async fn trailers_come_behind_the_data_of_every_copy() {
    for memory_limit in [100, 0] {
        let next = handler_fn(|request: Request| async move {
            assert_eq!(request.body().known_length(), Some(5));
            for body in [request.body().replay().unwrap(), request.into_body()] {
                let read = body.collect(100).await.unwrap();
                assert_eq!(
                    (&read.data()[..], read.trailers().unwrap()["x-sum"].as_bytes()),
                    (&b"hello"[..], &b"1"[..])
                );
            }
            "next"
        });
        let handler = buffer_request().memory_limit(memory_limit).wrap(next);
        let response = handler.serve(post(with_trailers(&[b"hello"]).await)).await;
        assert_eq!(read(response).await.0, 200);
    }
}

#[tokio::test]
async fn copies_of_a_file_do_not_disturb_each_other() {
    let data: Vec<u8> = (0..200_000_u32).map(|at| (at % 251) as u8).collect();
    let expected = data.clone();
    let next = handler_fn(move |request: Request| {
        let expected = expected.clone();
        async move {
            let mut one = request.into_body();
            let first = one.frame().await.unwrap().unwrap().into_data().unwrap();
            let two = one.replay().unwrap();
            let three = two.replay().unwrap();
            // One frame in memory at a time.
            assert!(first.len() <= 64 * 1024);
            assert_eq!(one.known_length(), Some((expected.len() - first.len()) as u64));
            assert_eq!(two.known_length(), Some(expected.len() as u64));
            let (one, two) = tokio::join!(one.collect(1 << 20), two.collect(1 << 20));
            assert_eq!([&first[..], one.unwrap().data()].concat(), expected);
            assert_eq!(two.unwrap().data(), &expected);
            assert_eq!(three.collect(1 << 20).await.unwrap().data(), &expected);
            "next"
        }
    });
    let response = buffer_request().wrap(next).serve(post(unknown(&[&data]).await)).await;
    assert_eq!(read(response).await, (200, "next".into()));
}

#[tokio::test]
async fn a_body_that_does_not_end_well_never_reaches_next() {
    let rows: [(BodyError, u16, &str, &str); 6] = [
        (BodyError::Malformed("early end"), 400, "Bad Request\n", "body"),
        (BodyError::Timeout, 408, "Request Timeout\n", "timeout"),
        (BodyError::LengthLimitExceeded, 413, "Request Entity Too Large\n", "limit"),
        (BodyError::Disconnected, 400, "Bad Request\n", "canceled"),
        (BodyError::Reset(8), 400, "Bad Request\n", "canceled"),
        (BodyError::Other("x".into()), 400, "Bad Request\n", "body"),
    ];
    let dir = dir();
    for (error, status, text, kind) in rows {
        let handler = in_dir(&dir).memory_limit(1).wrap(unreachable());
        let response = handler.serve(post(failing("hello", error).await)).await;
        let note = response.extensions().get::<ResponseError>().unwrap();
        assert_eq!((note.source(), note.kind()), ("body", kind));
        let closes = response.headers().get("connection").is_some_and(|value| value == "close");
        assert_eq!(closes, status == 408);
        assert_eq!(read(response).await, (status, text.into()));
        no_spill(dir.path()).await;
    }
}

fn unreachable() -> Handler {
    handler_fn(|_| async { panic!("next is not called") as &str })
}

#[tokio::test(start_paused = true)]
async fn a_client_that_stalls_for_longer_than_the_timeout_is_answered_408() {
    let handler = buffer_request().read_timeout(Duration::from_secs(10)).wrap(echo());
    // However long it takes in all.
    let (sender, body) = Body::channel(1);
    let feeding = tokio::spawn(async move {
        for _ in 0..10 {
            tokio::time::sleep(Duration::from_secs(9)).await;
            sender.data("x").await.unwrap();
        }
        sender
    });
    let start = tokio::time::Instant::now();
    let response = handler.serve(post(body)).await;
    assert_eq!(start.elapsed().as_secs(), 100);
    assert_eq!(response.headers()["connection"], "close");
    assert_eq!(read(response).await, (408, "Request Timeout\n".into()));
    drop(feeding.await.unwrap());
}

#[tokio::test]
async fn more_than_the_largest_size_is_a_413() {
    let dir = dir();
    let handler = || in_dir(&dir).memory_limit(2).max_size(5).wrap(echo());
    for (body, status) in [
        (known(b"12345"), 200),
        (known(b"123456"), 413),
        (Body::full("123456"), 413),
        (unknown(&[b"123", b"45"]).await, 200),
        (unknown(&[b"123", b"456"]).await, 413),
    ] {
        assert_eq!(handler().serve(post(body)).await.status(), status);
    }
    let unlimited = in_dir(&dir).max_size(5).max_size(None).wrap(echo());
    assert_eq!(unlimited.serve(post(Body::full("123456"))).await.status(), 200);
    no_spill(dir.path()).await;
}

type Lines = &'static [(&'static str, &'static str)];

#[tokio::test]
async fn what_must_stream_is_not_buffered() {
    let ask = |method: Method, fields: Lines| {
        let mut request = post(Body::empty());
        *request.method_mut() = method;
        for (name, value) in fields {
            request.headers_mut().append(*name, HeaderValue::from_static(value));
        }
        request
    };
    let rows: [(Method, Lines, bool); 9] = [
        (Method::POST, &[], false),
        (Method::CONNECT, &[], true),
        (Method::GET, &[("connection", "Upgrade"), ("upgrade", "websocket")], true),
        (Method::GET, &[("upgrade", "websocket")], false),
        (Method::POST, &[("content-type", "application/grpc")], true),
        (Method::POST, &[("content-type", "Application/gRPC+proto")], true),
        (Method::POST, &[("content-type", "application/grpc-web")], true),
        (Method::POST, &[("content-type", "application/json")], false),
        (Method::POST, &[("content-type", "application/grp")], false),
    ];
    for (method, fields, streams) in rows {
        let request = ask(method, fields);
        assert_eq!(must_stream(&request), streams, "{request:?}");
        // Through the layer: what streams has no length, and cannot be had twice.
        let (parts, _) = request.into_parts();
        let request = Request::from_parts(parts, unknown(&[b"hello"]).await);
        let next =
            handler_fn(
                |request: Request| async move { request.body().replay().is_none().to_string() },
            );
        let answer = read(buffer_request().wrap(next).serve(request).await).await;
        assert_eq!(answer.1, streams.to_string());
    }
}

#[tokio::test]
async fn an_own_rule_for_what_streams_replaces_the_default() {
    let layer = buffer_request().skip_if(|request| request.uri().path() == "/upload");
    let next =
        handler_fn(|request: Request| async move { request.body().replay().is_none().to_string() });
    let answer = read(layer.wrap(next.clone()).serve(post(unknown(&[b"1"]).await)).await).await;
    assert_eq!(answer.1, "true");
    let mut connect = post(unknown(&[b"1"]).await);
    *connect.method_mut() = Method::CONNECT;
    *connect.uri_mut() = "/other".parse().unwrap();
    assert_eq!(read(layer.wrap(next).serve(connect).await).await.1, "false");
}

#[tokio::test]
async fn without_a_place_for_files_bodies_stream() {
    let dir = dir();
    let layer = in_dir(&dir);
    dir.close().unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let lengths = Arc::clone(&seen);
    let next = handler_fn(move |request: Request| {
        lengths.lock().unwrap().push(request.body().known_length());
        async move {
            let read = request.into_body().collect(1 << 20).await?;
            Ok::<_, BodyError>(format!("{} {:?}", read.data().len(), read.trailers().is_some()))
        }
    });
    let handler = layer.wrap(next);
    let whole = LARGE.len();
    for (body, expected) in [
        (with_trailers(&[b"first", &LARGE, b"last"]).await, format!("{} true", whole + 9)),
        (known(&LARGE), format!("{whole} false")),
        (with_trailers(&[b"small"]).await, "5 true".into()),
    ] {
        assert_eq!(read(handler.serve(post(body)).await).await, (200, expected));
    }
    assert_eq!(*seen.lock().unwrap(), [None, Some(whole as u64), Some(5)]);
}

#[tokio::test]
async fn a_dropped_request_leaves_nothing() {
    let dir = dir();
    let handler = in_dir(&dir).memory_limit(0).wrap(unreachable());
    let (sender, body) = Body::channel(1);
    let (tell, told) = oneshot::channel::<()>();
    let body = body.with_guard(tell);
    let request = tokio::spawn(handler.serve(post(body)));
    sender.data("hello").await.unwrap();
    // The second frame is taken only when the first is on its way to the disk.
    sender.data("hello").await.unwrap();
    sender.data("hello").await.unwrap();
    assert_eq!(spills(dir.path()).len(), 1);
    request.abort();
    assert!(told.await.is_err());
    sender.closed().await;
    no_spill(dir.path()).await;
}

#[tokio::test]
async fn a_panic_of_next_leaves_nothing() {
    let dir = dir();
    let path = dir.path().to_owned();
    let next = handler_fn(move |request: Request| {
        let path = path.clone();
        async move {
            let _request = request;
            assert!(spills(&path).is_empty(), "there is one, hence this panic");
            ""
        }
    });
    let handler = in_dir(&dir).wrap(next);
    let request = post(unknown(&[&LARGE]).await);
    let answer = tokio::spawn(async move { handler.serve(request).await.status() }).await;
    assert!(answer.unwrap_err().is_panic());
    no_spill(dir.path()).await;
}

#[tokio::test]
async fn a_limit_outside_ends_an_upload_while_it_is_buffered() {
    let dir = dir();
    let chain = (limit_request(10), in_dir(&dir).memory_limit(4)).wrap(unreachable());
    for body in [known(b"12345678901"), unknown(&[b"12345678", b"901"]).await] {
        let answer = read(chain.serve(post(body)).await).await;
        assert_eq!(answer, (413, "Request Entity Too Large\n".into()));
        no_spill(dir.path()).await;
    }
}

/// Timers and threads that may wait are the runtime's.
#[test]
fn without_a_runtime_nothing_panics() {
    let buffer = || buffer_request().memory_limit(2);
    let ask = |layer: RequestBufferer, body: Body| {
        parapet_testkit::now(async { read(layer.wrap(echo()).serve(post(body)).await).await })
    };
    let pieces = || parapet_testkit::now(unknown(&[b"he", b"llo"]));
    // Without a file the body streams on.
    assert_eq!(ask(buffer(), pieces()), (200, "hello".to_owned()));
    let timed = buffer().read_timeout(Duration::from_secs(1));
    assert_eq!(ask(timed, pieces()), (500, "Internal Server Error\n".to_owned()));
}
