//! The Go original's example program: each of its sites is asked what it is there for.

use std::io::Read;
use std::net::SocketAddr;

use parapet::http::HeaderValue;
use parapet::prelude::*;
use parapet::upstream::{DialTarget, H2cTransport, HttpTransport, HttpsTransport};
use parapet::{
    BoxFuture, Certificate, Listener, SelfSign, ServerHandle, TlsConfig,
    generate_self_sign_certificate, handler_fn,
};
use parapet_testkit::{Answer, RawClient};
use tokio::net::{TcpListener, TcpStream};

use crate::sites::{self, Backends};

/// A server on a port of its own, stopped at the end of the test.
struct Running {
    address: SocketAddr,
    handle: ServerHandle,
}

impl Running {
    async fn start(server: Server) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let handle = server.handle();
        tokio::spawn(server.serve(Listener::from(listener)));
        Self { address, handle }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.handle.shutdown_now();
    }
}

/// Enough of them to be worth compressing.
const LINES: usize = 200;

/// Says who it is and what it was asked, with the fields of a bucket.
fn origin(name: &'static str) -> Handler {
    handler_fn(move |request: Request| async move {
        let size = request.headers().get("content-length").cloned();
        let host = request.headers().get("host").cloned();
        let mut response =
            Response::new(Body::full(format!("{name} {}\n", request.uri()).repeat(LINES)));
        let headers = response.headers_mut();
        headers.insert("content-type", HeaderValue::from_static("text/plain"));
        headers.insert("server", HeaderValue::from_static("bucket"));
        headers.insert("x-goog-hash", HeaderValue::from_static("crc32c=AAAAAA=="));
        headers.insert("x-guploader-uploadid", HeaderValue::from_static("1"));
        headers.insert("x-origin", HeaderValue::from_static(name));
        for (field, value) in [("x-seen-length", size), ("x-seen-host", host)] {
            if let Some(value) = value {
                headers.insert(field, value);
            }
        }
        response
    })
}

/// The program, its backends on loopback. The clock of its limits is the machine's.
struct Seed {
    program: Running,
    _origins: [Running; 3],
}

impl Seed {
    async fn start() -> Self {
        let certificate = generate_self_sign_certificate(
            SelfSign::new().hosts(["myexamplebackuphost.com", "storage.googleapis.com"]),
        )
        .unwrap();
        let roots = certificate.chain().to_vec();
        let origins = [
            Running::start(Server::backend().handler(origin("http"))).await,
            Running::start(Server::backend().handler(origin("h2c"))).await,
            Running::start(tls(certificate).handler(origin("https"))).await,
        ];
        let [http, h2c, https] = [0, 1, 2].map(|index: usize| origins[index].address);
        let backends = Backends {
            http: HttpTransport::new().dial(leads_to(http)),
            h2c: H2cTransport::new().dial(leads_to(h2c)),
            https: HttpsTransport::new().dial(leads_to(https)).roots(roots).unwrap(),
        };
        let program = Running::start(sites::server(&backends).unwrap()).await;
        Self { program, _origins: origins }
    }

    /// Loopback is a trusted proxy of `Server::new()`, so it can say that the client came over TLS.
    async fn get(&self, scheme: &str, host: &str, path: &str, more: &str) -> Answer {
        let mut client = RawClient::connect(self.program.address).await;
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-Proto: {scheme}\r\n{more}\r\n"
        );
        client.send(head).await;
        client.answer().await
    }
}

fn tls(certificate: Certificate) -> Server {
    Server::backend().tls(TlsConfig::new(certificate))
}

/// Every name is found at `address`.
fn leads_to(
    address: SocketAddr,
) -> impl Fn(DialTarget) -> BoxFuture<'static, std::io::Result<TcpStream>> + Send + Sync {
    move |_| Box::pin(TcpStream::connect(address))
}

#[tokio::test]
async fn plain_http_is_led_to_https_on_the_same_host_first() {
    let seed = Seed::start().await;
    let answer = seed.get("http", "www.example.com", "/a?b=c", "").await;
    assert_eq!(answer.status, 301);
    assert_eq!(answer.field("location"), Some("https://www.example.com/a?b=c"));
    assert_eq!(
        answer.field("strict-transport-security"),
        None,
        "RFC 6797 §7.2: not over plain HTTP"
    );

    let answer = seed.get("https", "www.example.com", "/a?b=c", "").await;
    assert_eq!(answer.status, 301);
    assert_eq!(answer.field("location"), Some("https://example.com/a?b=c"));
    assert!(answer.field("strict-transport-security").unwrap().contains("preload"));
}

#[tokio::test]
async fn example_takes_its_three_backends_in_turn() {
    let seed = Seed::start().await;
    let mut seen = Vec::new();
    for _ in 0..6 {
        let answer = seed.get("https", "example.com", "/", "").await;
        assert_eq!(answer.status, 200);
        assert!(answer.field("x-request-id").is_some());
        seen.push(answer.field("x-origin").unwrap().to_owned());
    }
    assert_eq!(seen, ["http", "h2c", "https", "http", "h2c", "https"]);
}

#[tokio::test]
async fn mysite_goes_to_www_and_hides_the_bucket() {
    let seed = Seed::start().await;
    let answer = seed.get("https", "mysiteaaa.io", "/x", "").await;
    assert_eq!(answer.field("location"), Some("https://www.mysiteaaa.io/x"));

    let answer = seed.get("https", "www.mysiteaaa.io", "/x", "").await;
    assert_eq!((answer.status, answer.field("x-origin")), (200, Some("https")));
    for hidden in ["server", "x-goog-hash", "x-guploader-uploadid"] {
        assert_eq!(answer.field(hidden), None, "{hidden}");
    }
    assert_eq!(answer.field("x-seen-host"), Some("www.mysiteaaa.io"));
}

#[tokio::test]
async fn mail_is_led_elsewhere_once_it_is_https() {
    let seed = Seed::start().await;
    let answer = seed.get("http", "mail.mysiteaaa.io", "/", "").await;
    assert_eq!(answer.field("location"), Some("https://mail.mysiteaaa.io/"));

    let answer = seed.get("https", "mail.mysiteaaa.io", "/", "").await;
    assert_eq!(answer.status, 302);
    assert_eq!(answer.field("location"), Some("https://mail.google.com/a/mysiteaaa.io"));
}

#[tokio::test]
async fn the_blogs_assets_may_be_kept_for_a_year_and_its_pages_not() {
    let seed = Seed::start().await;
    let answer = seed.get("https", "myblogaaa.com", "/theme/a.css?v=2", "").await;
    assert_eq!(answer.field("cache-control"), Some("public, max-age=31536000"));
    assert_eq!(answer.field("x-origin"), Some("http"));

    let answer = seed.get("https", "myblogaaa.com", "/2024/hello", "").await;
    assert_eq!((answer.status, answer.field("cache-control")), (200, None));
}

#[tokio::test]
async fn the_inner_of_two_encodings_compresses() {
    let seed = Seed::start().await;
    for (accepted, chosen) in [("gzip, br", Some("br")), ("gzip", Some("gzip")), ("br;q=0", None)] {
        let accept = format!("Accept-Encoding: {accepted}\r\n");
        let answer = seed.get("https", "myblogaaa.com", "/", &accept).await;
        assert_eq!(answer.field("content-encoding"), chosen, "{accepted}");
        assert_eq!(answer.field("vary"), Some("accept-encoding"), "{accepted}");
        let mut text = String::new();
        match chosen {
            Some("br") => {
                brotli::Decompressor::new(&answer.body[..], 4096).read_to_string(&mut text)
            }
            Some(_) => flate2::read::GzDecoder::new(&answer.body[..]).read_to_string(&mut text),
            None => (&answer.body[..]).read_to_string(&mut text),
        }
        .unwrap();
        assert_eq!(text.lines().count(), LINES, "{accepted}");
    }
}

#[tokio::test]
async fn uploads_are_bounded_and_arrive_with_their_length() {
    let seed = Seed::start().await;
    let mut client = RawClient::connect(seed.program.address).await;
    let head = "POST / HTTP/1.1\r\nHost: myblogaaa.com\r\nX-Forwarded-Proto: https\r\n";
    client.send(format!("{head}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")).await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.field("x-seen-length")), (200, Some("5")));

    let too_large = 15 * 1024 * 1024 + 1;
    client.send(format!("{head}Content-Length: {too_large}\r\n\r\n")).await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.text()), (413, "Request Entity Too Large\n"));
}

#[tokio::test]
async fn a_burst_of_one_client_is_limited() {
    let seed = Seed::start().await;
    let mut client = RawClient::connect(seed.program.address).await;
    let request = "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n"; // a redirect: no backend's time
    client.send(request.repeat(100)).await;
    let mut limited = 0;
    for _ in 0..100 {
        let answer = client.answer().await;
        if answer.status == 429 {
            assert!(answer.field("retry-after").is_some());
            limited += 1;
        }
    }
    // 20 a second by the site; the burst may fall into two of its windows.
    assert!((60..=80).contains(&limited), "{limited} of 100");
}

#[tokio::test]
async fn the_health_endpoint_answers_to_an_address_and_nobody_else_is_known() {
    let seed = Seed::start().await;
    let answer = seed.get("http", "127.0.0.1", "/healthz", "").await;
    assert_eq!((answer.status, answer.text()), (200, "OK"));
    let answer = seed.get("https", "unknown.example", "/", "").await;
    assert_eq!((answer.status, answer.text()), (404, "404 page not found\n"));
}
