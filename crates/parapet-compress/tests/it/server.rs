use std::net::SocketAddr;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::{Method, StatusCode};
use parapet_compress::{self as compress, Encoding};
use parapet_core::{Body, Handler, Middleware, Request, Response, Server, handler_fn};
use parapet_testkit::{LONG, RawClient, RawOrigin};
use parapet_upstream::{HttpTransport, Upstream};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::support::{decode, decode_part, layers, plain, text};

/// A server of `layer` around `handler`; it ends with its runtime.
async fn start(layer: impl Middleware, handler: Handler) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(Server::new().with(layer).handler(handler).serve(listener));
    address
}

/// A proxy with `layer` before `origin`.
async fn proxy(layer: impl Middleware, origin: &RawOrigin) -> SocketAddr {
    let upstream = Upstream::single_host(&origin.address().to_string(), HttpTransport::new());
    start((layer, upstream.unwrap()), handler_fn(|_| async { "never asked" })).await
}

fn page() -> Handler {
    handler_fn(|_| async { plain(text(5_000)) })
}

fn ask(method: &str, fields: &str) -> String {
    format!("{method} / HTTP/1.1\r\nhost: a\r\n{fields}\r\n")
}

/// Runs a program that every developer's machine has; its failure to start is the test's.
async fn run(program: &'static str, arguments: Vec<String>) -> Output {
    let run = move || Command::new(program).args(arguments).output();
    match tokio::task::spawn_blocking(run).await.unwrap() {
        Ok(output) => output,
        Err(error) => panic!("this test needs the program {program}: {error}"),
    }
}

#[tokio::test]
async fn a_raw_client_gets_the_encoded_bytes_without_a_length() {
    for (encoding, layer) in layers() {
        let mut client = RawClient::connect(start(layer, page()).await).await;
        client.send(ask("GET", &format!("accept-encoding: {encoding}\r\n"))).await;
        let answer = client.answer().await;
        assert_eq!(answer.fields("content-encoding"), [encoding]);
        assert_eq!(answer.field("content-length"), None, "{encoding}");
        assert_eq!(answer.field("transfer-encoding"), Some("chunked"), "{encoding}");
        assert_eq!(decode(encoding, &answer.body).unwrap(), text(5_000).as_bytes(), "{encoding}");
    }
}

#[tokio::test]
async fn curl_decodes_each_encoding_and_all_of_negotiation() {
    let address = start(compress::negotiated(Encoding::all()), page()).await;
    let get = |accept: Option<&str>| {
        let mut arguments = vec!["-sS".to_owned(), "--compressed".to_owned(), "-i".to_owned()];
        if let Some(accept) = accept {
            arguments.extend(["-H".to_owned(), format!("accept-encoding: {accept}")]);
        }
        arguments.push(format!("http://{address}/"));
        run("curl", arguments)
    };
    for (accept, encoding) in [
        (Some("gzip"), "gzip"),
        (Some("deflate"), "deflate"),
        (Some("br"), "br"),
        (Some("zstd"), "zstd"),
        (None, ""),
    ] {
        let output = get(accept).await;
        let answer = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{accept:?}: {}", String::from_utf8_lossy(&output.stderr));
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("\r\ncontent-encoding: {encoding}")), "{accept:?}: {head}");
        assert!(body == text(5_000), "{accept:?}: {} bytes", body.len());
    }
}

#[tokio::test]
async fn python_decodes_deflate_as_zlib_and_gzip() {
    const SCRIPT: &str = "
import gzip, sys, urllib.request, zlib
request = urllib.request.Request(sys.argv[1], headers={'Accept-Encoding': sys.argv[2]})
data = urllib.request.urlopen(request, timeout=10).read()
decode = {'gzip': gzip.decompress, 'deflate': zlib.decompress}[sys.argv[2]]
sys.stdout.write(decode(data).decode())
";
    for (encoding, layer) in
        layers().into_iter().filter(|(name, _)| ["gzip", "deflate"].contains(name))
    {
        let url = format!("http://{}/", start(layer, page()).await);
        let output = run("python3", vec!["-c".into(), SCRIPT.into(), url, encoding.into()]).await;
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.stdout == text(5_000).as_bytes(), "{encoding}: {error}");
    }
}

#[tokio::test]
async fn an_event_arrives_before_the_origin_sends_the_next_one() {
    for (encoding, layer) in layers() {
        let (go_on, waits) = oneshot::channel::<()>();
        let waits = Arc::new(tokio::sync::Mutex::new(Some(waits)));
        let origin = RawOrigin::start(move |mut conn| {
            let waits = Arc::clone(&waits);
            async move {
                conn.read_head().await;
                conn.send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n").await;
                conn.send("transfer-encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n").await;
                waits.lock().await.take().unwrap().await.unwrap();
                conn.send("9\r\ndata: 2\n\n\r\n0\r\n\r\n").await;
                conn.stall().await;
            }
        })
        .await;
        let address = proxy(layer.types("*"), &origin).await;
        let mut client = RawClient::connect(address).await;
        client.send(ask("GET", &format!("accept-encoding: {encoding}\r\n"))).await;
        let head = String::from_utf8(client.until(b"\r\n\r\n").await).unwrap();
        assert!(head.contains(&format!("content-encoding: {encoding}\r\n")), "{head}");
        let (mut received, mut go_on) = (Vec::new(), Some(go_on));
        loop {
            // Nothing but the first event can be there until the origin is told to go on.
            if decode_part(encoding, &received) == b"data: 1\n\n"
                && let Some(go_on) = go_on.take()
            {
                go_on.send(()).unwrap();
            }
            let line = String::from_utf8(client.until(b"\r\n").await).unwrap();
            let length = usize::from_str_radix(line.trim(), 16).unwrap();
            let chunk = client.take(length + 2).await;
            if length == 0 {
                break;
            }
            received.extend(&chunk[..length]);
        }
        assert!(go_on.is_none());
        assert_eq!(decode(encoding, &received).unwrap(), b"data: 1\n\ndata: 2\n\n", "{encoding}");
    }
}

#[tokio::test]
async fn a_body_that_the_origin_cuts_breaks_the_transfer_and_the_encoding() {
    for (encoding, layer) in layers() {
        let origin = RawOrigin::start(|mut conn| async move {
            conn.read_head().await;
            conn.send(
                "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 90000\r\n\r\n",
            )
            .await;
            conn.send(text(50_000)).await;
        })
        .await;
        let address = proxy(layer, &origin).await;
        let mut client = RawClient::connect(address).await;
        client.send(ask("GET", &format!("accept-encoding: {encoding}\r\n"))).await;
        client.until(b"\r\n\r\n").await;
        let mut received = Vec::new();
        while let Some(byte) = client.take_or_end(1).await {
            received.extend(byte);
        }
        assert!(!received.ends_with(b"0\r\n\r\n"), "{encoding}: a clean end");
        let mut data = Vec::new();
        let mut rest = &received[..];
        while let Some(end) = rest.windows(2).position(|window| window == b"\r\n") {
            let length =
                usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
            let chunk = &rest[end + 2..];
            data.extend(&chunk[..length.min(chunk.len())]);
            rest = chunk.get(length + 2..).unwrap_or_default();
        }
        decode(encoding, &data).unwrap_err();
        let decoded = decode_part(encoding, &data);
        assert!(text(50_000).as_bytes().starts_with(&decoded), "{encoding}");

        let output = run(
            "curl",
            vec![
                "-sS".into(),
                "--compressed".into(),
                "-H".into(),
                format!("accept-encoding: {encoding}"),
                format!("http://{address}/"),
            ],
        )
        .await;
        assert!(!output.status.success(), "{encoding}: curl took it for whole");
    }
}

#[tokio::test]
async fn a_weak_tag_still_validates_at_the_origin() {
    let origin = RawOrigin::start(|mut conn| async move {
        loop {
            let head = conn.read_head().await;
            if head.is_empty() {
                break;
            }
            let fresh = head.contains("if-none-match: W/\"v1\"\r\n");
            let (status, length) = if fresh { ("304 Not Modified", 0) } else { ("200 OK", 5_000) };
            let field = if fresh { "" } else { "content-length: 5000\r\n" };
            let head = format!("HTTP/1.1 {status}\r\netag: \"v1\"\r\n{field}");
            conn.send(head + "content-type: text/plain\r\n\r\n").await;
            conn.send(text(length)).await;
        }
    })
    .await;
    let mut client = RawClient::connect(proxy(compress::gzip(), &origin).await).await;
    client.send(ask("GET", "accept-encoding: gzip\r\n")).await;
    let answer = client.answer().await;
    assert_eq!(answer.field("etag"), Some("W/\"v1\""));
    client.send(ask("GET", "accept-encoding: gzip\r\nif-none-match: W/\"v1\"\r\n")).await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.field("content-encoding")), (304, None));
}

/// The answer of a server of `layer` to one request, without the date.
async fn wire(layer: impl Middleware, handler: Handler, method: &str) -> String {
    let mut client = RawClient::connect(start(layer, handler).await).await;
    client.send(ask(method, "accept-encoding: gzip\r\nconnection: close\r\n")).await;
    let bytes = String::from_utf8(client.rest().await).unwrap();
    bytes.lines().filter(|line| !line.starts_with("date: ")).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn what_passes_is_the_same_on_the_wire() {
    let answer = |status: StatusCode, name: &'static str, value: &'static str, body: &str| {
        let body = body.to_owned();
        handler_fn(move |_: Request| {
            let mut response: Response = plain(body.clone());
            *response.status_mut() = status;
            response.headers_mut().insert(name, value.parse().unwrap());
            async { response }
        })
    };
    let long = text(5_000);
    for (handler, method) in [
        (answer(StatusCode::OK, "x-short", "1", "four"), "GET"),
        (answer(StatusCode::PARTIAL_CONTENT, "content-range", "bytes 0-4999/9000", &long), "GET"),
        (answer(StatusCode::NOT_MODIFIED, "etag", "\"a\"", ""), "GET"),
        (answer(StatusCode::NO_CONTENT, "etag", "\"a\"", ""), "GET"),
        (answer(StatusCode::OK, "content-range", "bytes 0-4999/9000", &long), "GET"),
        (answer(StatusCode::OK, "cache-control", "no-transform", &long), "GET"),
        (answer(StatusCode::OK, "content-encoding", "br", &long), "GET"),
        (answer(StatusCode::OK, "content-encoding", "br", &long), "HEAD"),
        (answer(StatusCode::OK, "x-short", "1", "four"), "HEAD"),
    ] {
        let bare = wire(None::<Handler>, handler.clone(), method).await;
        assert_eq!(wire(compress::gzip(), handler, method).await, bare, "{method}");
    }
    let short = answer(StatusCode::OK, "x-short", "1", "four");
    let short = wire(compress::gzip(), short, "GET").await;
    assert!(short.contains("content-length: 4\n") && short.ends_with("\nfour"), "{short}");
}

#[tokio::test]
async fn the_answer_to_head_tells_the_encoding_and_no_length() {
    let mut client = RawClient::connect(start(compress::gzip(), page()).await).await;
    for _ in 0..2 {
        client.send(ask(Method::HEAD.as_str(), "accept-encoding: gzip\r\n")).await;
        let answer = client.answer_to(true).await;
        assert_eq!(answer.field("content-encoding"), Some("gzip"), "{answer:?}");
        assert_eq!(answer.field("content-length"), None, "{answer:?}");
    }
}

struct Flag(Arc<AtomicBool>);

impl Drop for Flag {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn a_client_that_goes_away_ends_the_body_under_the_encoder() {
    for (encoding, layer) in layers() {
        let (bodies, mut feed) = mpsc::unbounded_channel();
        let dropped = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&dropped);
        let handler = handler_fn(move |_| {
            let (sender, body) = Body::channel(1);
            bodies.send(sender).unwrap();
            let body = body.with_guard(Flag(Arc::clone(&flag)));
            async { plain(body) }
        });
        let mut client = RawClient::connect(start(layer, handler).await).await;
        client.send(ask("GET", &format!("accept-encoding: {encoding}\r\n"))).await;
        let sender = feed.recv().await.unwrap();
        sender.data("hello").await.unwrap();
        client.until(b"\r\n\r\n").await;
        client.take(1).await;
        assert!(!dropped.load(Ordering::SeqCst));
        client.reset();
        timeout(LONG, async { while sender.data("more").await.is_ok() {} }).await.unwrap();
        assert!(dropped.load(Ordering::SeqCst), "{encoding}");
    }
}
