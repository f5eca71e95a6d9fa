use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::HeaderMap;
use parapet_authn::{Any, Basic, Error, Forward};
use parapet_core::{
    Body, BodyError, ConnMeta, Handler, Middleware, Request, Response, Server, handler_fn,
};
use parapet_testkit::{OriginConn, RawClient, RawOrigin};
use tokio::io::DuplexStream;
use tokio::sync::{Notify, mpsc};
use tokio::time::timeout;

use crate::support::{get, reason, status, text, wrap};

/// What an auth server or a backend read of one request: its head, lower-cased, and its body with framing.
type Seen = (String, String);

/// A server that reads whole requests, tells of them, and answers each with `answer`.
async fn reading(answer: &'static str) -> (RawOrigin, mpsc::UnboundedReceiver<Seen>) {
    let (tell, seen) = mpsc::unbounded_channel();
    let server = RawOrigin::start(move |mut conn| {
        let tell = tell.clone();
        async move {
            loop {
                let head = conn.read_head().await.to_lowercase();
                if head.is_empty() {
                    return;
                }
                let body = body_of(&mut conn, &head).await;
                tell.send((head, body)).unwrap();
                conn.send(answer).await;
            }
        }
    })
    .await;
    (server, seen)
}

async fn body_of(conn: &mut OriginConn, head: &str) -> String {
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = Vec::new();
    if let Some(length) = length {
        body = conn.read(length.parse().unwrap()).await;
    } else if head.contains("transfer-encoding: chunked") {
        while !body.ends_with(b"\r\n\r\n") {
            let byte = conn.read(1).await;
            assert!(!byte.is_empty(), "a chunked body that ends");
            body.extend(byte);
        }
    }
    String::from_utf8(body).unwrap()
}

const YES: &str = "HTTP/1.1 200 OK\r\nx-auth-user: ann\r\ncontent-length: 0\r\n\r\n";
const DONE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ndone";

fn asking(server: &RawOrigin) -> Forward {
    Forward::new(format!("http://{}/auth", server.address())).auth_response_headers(["X-Auth-User"])
}

/// A client at a server that asks the auth server and sends on to `backend`.
fn edge(forward: Forward, backend: &RawOrigin) -> RawClient<DuplexStream> {
    let (address, client) = (backend.address(), parapet_upstream::client());
    let proxy = handler_fn(move |mut request: Request| {
        *request.uri_mut() = format!("http://{address}{}", request.uri().path()).parse().unwrap();
        let client = client.clone();
        async move { client.serve(request).await }
    });
    at(forward, proxy)
}

fn at(forward: Forward, backend: Handler) -> RawClient<DuplexStream> {
    let connections = Server::frontend()
        .with(forward.build().unwrap())
        .handler(backend)
        .into_connections()
        .unwrap();
    let (client, io) = tokio::io::duplex(64 * 1024);
    tokio::spawn(connections.serve(io, ConnMeta::new(None)));
    RawClient::over(client)
}

#[tokio::test]
async fn the_auth_server_sees_the_content_and_the_backend_gets_the_request_as_it_came() {
    for (case, fields, sent, content, framing, arrived) in [
        ("a length", "Content-Length: 5\r\n", "hello", "hello", "content-length: 5", "hello"),
        (
            "chunks",
            "Transfer-Encoding: chunked\r\n",
            "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
            "hello",
            "transfer-encoding: chunked",
            "5\r\nhello\r\n0\r\n\r\n",
        ),
        (
            "chunks and trailers",
            "Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n",
            "5\r\nhello\r\n0\r\nX-Sum: 9\r\n\r\n",
            "hello",
            "transfer-encoding: chunked",
            "5\r\nhello\r\n0\r\nx-sum: 9\r\n\r\n",
        ),
        ("no content", "Content-Length: 0\r\n", "", "", "content-length: 0", ""),
        (
            "exactly the most",
            "Content-Length: 8\r\n",
            "12345678",
            "12345678",
            "content-length: 8",
            "12345678",
        ),
    ] {
        let (auth, mut asked) = reading(YES).await;
        let (backend, mut got) = reading(DONE).await;
        let mut client = edge(asking(&auth).include_body(8), &backend);
        let head = "PUT /x HTTP/1.1\r\nHost: edge.test\r\nContent-Type: text/x\r\nContent-Encoding: zz\r\nX-Auth-User: root\r\n";
        client.send(format!("{head}{fields}\r\n{sent}")).await;
        assert_eq!(client.answer().await.text(), "done", "{case}");

        let (head, body) = asked.recv().await.unwrap();
        assert_eq!(body, content, "{case}");
        assert!(head.starts_with("post /auth http/1.1\r\n"), "{case}: {head}");
        for line in [
            format!("content-length: {}", content.len()).as_str(),
            "content-type: text/x",
            "content-encoding: zz",
            "x-forwarded-method: put",
        ] {
            assert_eq!(
                head.matches(&format!("\r\n{line}\r\n")).count(),
                1,
                "{case} {line}: {head}"
            );
        }
        for name in ["transfer-encoding", "trailer", "expect"] {
            assert!(!head.contains(name), "{case}: {head}");
        }

        let (head, body) = got.recv().await.unwrap();
        assert_eq!(body, arrived, "{case}");
        assert!(head.starts_with("put /x http/1.1\r\n"), "{case}: {head}");
        assert!(head.contains(framing) && head.contains("x-auth-user: ann"), "{case}: {head}");
        assert!(!head.contains("root"), "{case}: {head}");
        assert_eq!(head.contains("trailer: x-sum"), case.contains("trailers"), "{case}: {head}");
    }
}

#[tokio::test]
async fn a_list_of_fields_holds_beside_the_content_and_a_handshake_has_none() {
    for (request, content) in [
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: text/x\r\nX-Sum: 9\r\nContent-Length: 5\r\n\r\nhello",
            "hello",
        ),
        (
            "GET /ws HTTP/1.1\r\nHost: a\r\nX-Sum: 9\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
            "",
        ),
    ] {
        let (auth, mut asked) = reading(YES).await;
        let (backend, _got) = reading(DONE).await;
        let forward = asking(&auth).auth_request_headers(["x-sum"]).include_body(8);
        let mut client = edge(forward, &backend);
        client.send(request).await;
        assert_eq!(client.answer().await.text(), "done");
        let (head, body) = asked.recv().await.unwrap();
        assert_eq!(body, content);
        let mut names: Vec<_> =
            head.lines().filter_map(|line| Some(line.split_once(": ")?.0)).collect();
        names.retain(|name| !name.starts_with("x-forwarded-"));
        names.sort_unstable();
        assert_eq!(names, ["content-length", "host", "x-sum"], "{head}");
    }
}

#[tokio::test]
async fn a_client_that_waits_for_100_gets_it_and_one_whose_body_is_too_long_does_not() {
    for (length, informed, answer) in [(5, true, "done"), (9, false, "Request Entity Too Large\n")]
    {
        let (auth, mut asked) = reading(YES).await;
        let (backend, _got) = reading(DONE).await;
        let mut client = edge(asking(&auth).include_body(8), &backend);
        let head = format!(
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\nExpect: 100-continue\r\n\r\n"
        );
        client.send(head).await;
        if informed {
            assert_eq!(client.answer().await.status, 100);
            client.send("hello").await;
        }
        let answer_ = client.answer().await;
        assert_eq!((answer_.status, answer_.text()), (if informed { 200 } else { 413 }, answer));
        assert_eq!(asked.try_recv().is_ok(), informed);
        assert_eq!(backend.connections(), usize::from(informed));
    }
}

#[tokio::test]
async fn a_longer_body_is_413_and_nobody_is_asked() {
    for (case, request) in [
        ("a length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n123456789"),
        (
            "chunks",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n1234\r\n5\r\n56789\r\n0\r\n\r\n",
        ),
        // Nothing behind the byte too many is waited for.
        (
            "unended",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n123456789\r\n",
        ),
    ] {
        let (auth, _asked) = reading(YES).await;
        let (backend, _got) = reading(DONE).await;
        let mut client = edge(asking(&auth).include_body(8), &backend);
        client.send(request).await;
        let answer = client.answer().await;
        assert_eq!((answer.status, answer.text()), (413, "Request Entity Too Large\n"), "{case}");
        assert_eq!((auth.connections(), backend.connections()), (0, 0), "{case}");
    }
    // A body that was buffered before, too.
    let forward = Forward::new("http://auth.test/").client(nobody()).include_body(8);
    let (handler, backend) = wrap(&forward.build().unwrap());
    let response = handler.serve(Request::new(Body::full("123456789"))).await;
    assert_eq!((response.status().as_u16(), reason(&response)), (413, "too_large"));
    assert_eq!(backend.requests(), 0);
}

fn nobody() -> Handler {
    handler_fn(|_| async { Response::new(Body::full("nobody may be asked")) })
}

#[tokio::test]
async fn a_body_that_does_not_end_well_is_the_clients_fault_and_nobody_is_asked() {
    let malformed = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabXX";
    let (auth, _asked) = reading(YES).await;
    let (backend, _got) = reading(DONE).await;
    let mut client = edge(asking(&auth).include_body(8), &backend);
    client.send(malformed).await;
    assert_eq!(client.answer().await.status, 400);
    assert_eq!((auth.connections(), backend.connections()), (0, 0));

    for (error, expected, closes) in [
        (BodyError::Malformed("a chunk"), 400, false),
        (BodyError::Disconnected, 400, false),
        (BodyError::Timeout, 408, true),
    ] {
        let forward = Forward::new("http://auth.test/").client(nobody()).include_body(8);
        let (handler, backend) = wrap(&forward.build().unwrap());
        let (sender, body) = Body::channel(2);
        sender.data("ab").await.unwrap();
        sender.fail(error).await.unwrap();
        let response = handler.serve(Request::new(body)).await;
        assert_eq!((response.status().as_u16(), reason(&response)), (expected, "malformed"));
        assert_eq!(response.headers().contains_key("connection"), closes);
        assert_eq!(backend.requests(), 0);
    }
}

#[tokio::test]
async fn a_client_that_leaves_asks_nothing_or_takes_its_question_along() {
    // In the middle of its body.
    let (auth, _asked) = reading(YES).await;
    let (backend, _got) = reading(DONE).await;
    let mut client = edge(asking(&auth).include_body(8), &backend);
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe").await;
    client.half_close().await;
    client.rest().await;
    assert_eq!((auth.connections(), backend.connections()), (0, 0));

    // While the auth server thinks: it sees its connection close.
    let (asked, left) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let told = (Arc::clone(&asked), Arc::clone(&left));
    let auth = RawOrigin::start(move |mut conn| {
        let (asked, left) = told.clone();
        async move {
            conn.read_head().await;
            assert_eq!(conn.read(5).await, b"hello");
            asked.notify_one();
            conn.read_to_end().await;
            left.notify_one();
        }
    })
    .await;
    let mut client = edge(asking(&auth).include_body(8), &backend);
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello").await;
    asked.notified().await;
    drop(client);
    timeout(Duration::from_secs(20), left.notified()).await.unwrap();
    assert_eq!(backend.connections(), 0);
}

#[tokio::test]
async fn a_refusal_is_relayed_and_the_backend_sees_nothing() {
    let (auth, mut asked) =
        reading("HTTP/1.1 403 No\r\nx-why: sum\r\ncontent-length: 3\r\n\r\nno\n").await;
    let (backend, _got) = reading(DONE).await;
    let mut client = edge(asking(&auth).include_body(8), &backend);
    // The connection goes on: the body was read.
    for content in ["hello", "again"] {
        client
            .send(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n{content}"))
            .await;
        let answer = client.answer().await;
        assert_eq!(
            (answer.status, answer.text(), answer.field("x-why")),
            (403, "no\n", Some("sum"))
        );
        assert_eq!(asked.recv().await.unwrap().1, content);
    }
    assert_eq!(backend.connections(), 0);
}

/// Answers yes and counts; the content of the last question is its `x-auth-user`.
fn counting() -> (Handler, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let client = handler_fn(move |request: Request| {
        count.fetch_add(1, Ordering::SeqCst);
        async move {
            assert_eq!(request.method(), "POST");
            let content = request.into_body().collect(100).await.unwrap();
            assert!(content.trailers().is_none());
            let mut response = Response::new(Body::empty());
            let seen = http::HeaderValue::from_bytes(content.data()).unwrap();
            response.headers_mut().insert("x-auth-user", seen);
            response.headers_mut().insert("cache-control", "max-age=60".parse().unwrap());
            response
        }
    });
    (client, asked)
}

/// A backend that answers with what it got: content, trailer, known length, and whether there is a second copy.
fn echo() -> Handler {
    handler_fn(|request: Request| async move {
        let user = request.headers().get("x-auth-user").cloned();
        let (length, again) = (request.body().known_length(), request.body().replay());
        let again = match again {
            Some(copy) => copy.collect(100).await.unwrap().into_data(),
            None => "once".into(),
        };
        let content = request.into_body().collect(100).await.unwrap();
        let sum = content.trailers().map(|trailers| trailers["x-sum"].clone());
        format!("{:?} {sum:?} {length:?} {again:?} {user:?}", content.data())
    })
}

#[tokio::test]
async fn what_goes_on_can_be_read_again_and_keeps_length_and_trailers() {
    let (client, _) = counting();
    let forward = Forward::new("http://auth.test/").client(client).include_body(8);
    let forward = forward.auth_response_headers(["x-auth-user"]).build().unwrap();
    let handler = forward.wrap(echo());
    let streamed = |trailers: bool| async move {
        let (sender, body) = Body::channel(3);
        sender.data("he").await.unwrap();
        sender.data("llo").await.unwrap();
        let mut fields = HeaderMap::new();
        fields.insert("x-sum", "9".parse().unwrap());
        if trailers { sender.trailers(fields).await } else { sender.finish().await }.unwrap();
        body
    };
    let user = r#"Some("hello")"#;
    for (case, body, expected) in [
        ("full", Body::full("hello"), format!(r#"b"hello" None Some(5) b"hello" {user}"#)),
        ("streamed", streamed(false).await, format!(r#"b"hello" None None b"hello" {user}"#)),
        ("trailers", streamed(true).await, format!(r#"b"hello" Some("9") None b"hello" {user}"#)),
        ("empty", Body::empty(), r#"b"" None Some(0) b"" Some("")"#.to_owned()),
    ] {
        assert_eq!(text(handler.serve(Request::new(body)).await).await, expected, "{case}");
    }
}

#[tokio::test]
async fn a_remembered_yes_is_for_its_content_alone() {
    let (client, asked) = counting();
    let forward = Forward::new("http://auth.test/").client(client).include_body(8);
    let (handler, _) = wrap(&forward.cache_by(["cookie"]).build().unwrap());
    for (content, expected) in [("a", 1), ("a", 1), ("b", 2), ("", 3), ("b", 3), ("", 3)] {
        assert_eq!(status(&handler, Request::new(Body::full(content))).await, 200);
        assert_eq!(asked.load(Ordering::SeqCst), expected, "{content:?}");
    }
}

#[tokio::test]
async fn beside_other_schemes_the_body_is_read_only_when_its_turn_comes() {
    let (client, asked) = counting();
    let forward = Forward::new("http://auth.test/").client(client).include_body(4);
    let own = Basic::verify(|_, _| async { Ok(()) }).build().unwrap();
    let any = Any::new([own, forward.build().unwrap()]).build().unwrap();
    let handler = any.wrap(echo());
    let mut request = crate::support::user("ann", "x");
    *request.body_mut() = Body::full("too long for it");
    let body = text(handler.serve(request).await).await;
    assert!(body.starts_with(r#"b"too long for it""#), "{body}");
    assert_eq!(asked.load(Ordering::SeqCst), 0);
    let mut request = get(&[]);
    *request.body_mut() = Body::full("hey");
    assert!(text(handler.serve(request).await).await.starts_with(r#"b"hey""#));
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    let mut request = get(&[]);
    *request.body_mut() = Body::full("hello");
    assert_eq!(status(&handler, request).await, 413);
}

#[tokio::test]
async fn slow_uploads_keep_nobody_out_and_a_full_house_reads_no_body() {
    let gate = Arc::new(Notify::new());
    let open = Arc::clone(&gate);
    let entered = Arc::new(Notify::new());
    let tell = Arc::clone(&entered);
    let client = handler_fn(move |request: Request| {
        let (open, tell) = (Arc::clone(&open), Arc::clone(&tell));
        async move {
            if request.headers().contains_key("x-wait") {
                tell.notify_one();
                open.notified().await;
            }
            "yes"
        }
    });
    let forward = Forward::new("http://auth.test/").client(client).include_body(8).max_in_flight(1);
    let (handler, backend) = wrap(&forward.build().unwrap());
    let (upload, body) = Body::channel(1);
    let slow = tokio::spawn(handler.serve(Request::new(body)));
    tokio::task::yield_now().await;
    assert_eq!(status(&handler, Request::new(Body::full("quick"))).await, 200);

    let mut waiting = get(&[("x-wait", "1")]);
    *waiting.body_mut() = Body::full("a");
    let waiting = tokio::spawn(handler.serve(waiting));
    entered.notified().await;
    // Its body is never sent.
    let (_silent, body) = Body::channel(1);
    let response = handler.serve(Request::new(body)).await;
    assert_eq!((response.status().as_u16(), reason(&response)), (503, "overloaded"));
    gate.notify_one();
    assert_eq!(waiting.await.unwrap().status(), 200);
    upload.data("slow").await.unwrap();
    upload.finish().await.unwrap();
    assert_eq!(slow.await.unwrap().status(), 200);
    assert_eq!(backend.requests(), 3);
}

#[tokio::test]
async fn a_tunnel_has_no_content_to_be_read() {
    let (client, asked) = counting();
    let forward = Forward::new("http://auth.test/").client(client).include_body(4);
    let (handler, backend) = wrap(&forward.build().unwrap());
    // What comes on it belongs to whoever is at its other end.
    let (_sender, body) = Body::channel(1);
    let connect = http::Request::connect("a.test:443").body(body).unwrap();
    let answered = timeout(Duration::from_secs(20), handler.serve(connect)).await;
    assert_eq!(answered.unwrap().status(), 200);
    assert_eq!((asked.load(Ordering::SeqCst), backend.requests()), (1, 1));
}

#[test]
fn no_bytes_at_all_is_a_mistake() {
    let zero = Forward::new("http://auth.test/").include_body(0).build();
    assert!(matches!(zero, Err(Error::ZeroLimit("include_body"))));
}
