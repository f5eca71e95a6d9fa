use parapet_core::{BoxFuture, BoxIo, ConnMeta, ConnectionLayer, LayerError, Middleware, Server};
use parapet_redirect::{https, non_www};
use parapet_stripprefix::StripPrefix;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::hosts::behind;

/// A balancer in front has ended TLS.
struct Secure;

impl ConnectionLayer for Secure {
    fn call<'a>(
        &'a self,
        io: BoxIo,
        meta: &'a mut ConnMeta,
    ) -> BoxFuture<'a, Result<BoxIo, LayerError>> {
        meta.set_secure(true);
        Box::pin(async { Ok(io) })
    }
}

/// Status and `Location` (empty: none) of the answer of `server`, with `site` inside a block for example.com, to the
/// bytes of one request from a peer on loopback.
async fn raw(server: Server, site: impl Middleware, request: &[u8]) -> (u16, String) {
    let answer = raw_answer(server, site, request).await;
    let status = answer.get(9..12).unwrap_or("0").parse().unwrap();
    (status, field(&answer, "location").unwrap_or_default())
}

/// The first value of field `name`.
fn field(answer: &str, name: &str) -> Option<String> {
    answer.lines().find_map(|line| {
        let (field, value) = line.split_once(": ")?;
        field.eq_ignore_ascii_case(name).then(|| value.to_owned())
    })
}

/// The whole answer.
async fn raw_answer(server: Server, site: impl Middleware, request: &[u8]) -> String {
    let site = parapet_host::new(["example.com", "*.example.com"]).unwrap().with(site);
    let connections = server.with(site).handler(behind()).into_connections().unwrap();
    let (mut client, io) = tokio::io::duplex(64 * 1024);
    let peer = "127.0.0.1:4711".parse().unwrap();
    let serving = tokio::spawn(connections.serve(io, ConnMeta::new(Some(peer))));
    client.write_all(request).await.unwrap();
    client.shutdown().await.unwrap();
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await.unwrap();
    serving.await.unwrap();
    String::from_utf8(answer).unwrap()
}

fn get(target: &str, host: &str, fields: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{fields}\r\n").into()
}

#[tokio::test]
async fn the_scheme_is_the_connections_or_what_a_trusted_proxy_says() {
    for (server, fields, redirects) in [
        (Server::frontend(), "", true),
        (Server::frontend(), "X-Forwarded-Proto: https\r\n", true),
        (Server::new(), "X-Forwarded-Proto: https\r\n", false),
        (Server::new(), "X-Forwarded-Proto: http\r\n", true),
        (Server::frontend().modify_connection(Secure), "", false),
        (Server::frontend().modify_connection(Secure), "X-Forwarded-Proto: http\r\n", false),
        (Server::new().modify_connection(Secure), "X-Forwarded-Proto: http\r\n", true),
    ] {
        let answer = raw(server, https(), &get("/path", "example.com", fields)).await;
        let expected = if redirects {
            (301, "https://example.com/path".to_owned())
        } else {
            (200, String::new())
        };
        assert_eq!(answer, expected, "{fields}");
    }
}

#[tokio::test]
async fn https_then_non_www_is_two_steps_on_the_same_host_first() {
    let site = || (https(), non_www());
    let first = raw(Server::frontend(), site(), &get("/", "www.example.com", "")).await;
    assert_eq!(first, (301, "https://www.example.com/".to_owned()));
    let secure = || Server::frontend().modify_connection(Secure);
    let second = raw(secure(), site(), &get("/", "www.example.com", "")).await;
    assert_eq!(second, (301, "https://example.com/".to_owned()));
    let third = raw(secure(), site(), &get("/", "example.com", "")).await;
    assert_eq!(third, (200, String::new()));
}

#[tokio::test]
async fn hsts_between_https_and_non_www_is_on_the_secure_steps_alone() {
    let site = || (https(), parapet_hsts::preload(), non_www());
    let secure = || Server::frontend().modify_connection(Secure);
    for (server, host, status, location, hsts) in [
        (Server::frontend(), "www.example.com", 301, Some("https://www.example.com/"), false),
        (secure(), "www.example.com", 301, Some("https://example.com/"), true),
        (secure(), "example.com", 200, None, true),
    ] {
        let answer = raw_answer(server, site(), &get("/", host, "")).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert_eq!(field(&answer, "location").as_deref(), location);
        let policy = field(&answer, "strict-transport-security");
        let expected = hsts.then_some("max-age=63072000; includeSubDomains; preload");
        assert_eq!(policy.as_deref(), expected);
    }
}

#[tokio::test]
async fn the_target_is_what_the_client_asked_not_what_a_layer_made_of_it() {
    let strip = StripPrefix::new("/api").unwrap();
    let answer =
        raw(Server::frontend(), (strip, https()), &get("/api/x?y", "example.com", "")).await;
    assert_eq!(answer, (301, "https://example.com/api/x?y".to_owned()));
}

#[tokio::test]
async fn odd_targets_and_hosts() {
    for (request, expected) in [
        // HTTP/1.0 without Host reaches no host block, and elsewhere there is nothing to redirect to.
        (&b"GET / HTTP/1.0\r\n\r\n"[..], (200, "")),
        (b"OPTIONS * HTTP/1.1\r\nHost: example.com\r\n\r\n", (301, "https://example.com")),
        (
            b"GET http://example.com/a?b HTTP/1.1\r\nHost: evil.test\r\n\r\n",
            (301, "https://example.com/a?b"),
        ),
        (b"GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n", (200, "")),
    ] {
        let (status, location) = raw(Server::frontend(), https(), request).await;
        assert_eq!((status, location.as_str()), expected, "{request:?}");
    }
    let lone = https().wrap(behind());
    let connections = Server::frontend().handler(lone).into_connections().unwrap();
    let (mut client, io) = tokio::io::duplex(4096);
    let serving = tokio::spawn(connections.serve(io, ConnMeta::new(None)));
    client.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 ") || answer.starts_with("HTTP/1.0 400 "), "{answer}");
    serving.await.unwrap();
}

#[tokio::test]
async fn over_http2_the_authority_names_the_host() {
    let site = parapet_host::new(["example.com", "*.example.com"]).unwrap().with(https());
    let server = Server::backend().with(site).handler(behind());
    let connections = server.into_connections().unwrap();
    let (client, io) = tokio::io::duplex(64 * 1024);
    let peer = "127.0.0.1:4711".parse().unwrap();
    let serving = tokio::spawn(connections.serve(io, ConnMeta::new(Some(peer))));
    let (mut client, connection) = h2::client::handshake(client).await.unwrap();
    let driving = tokio::spawn(connection);
    for (method, uri, status, location) in [
        ("GET", "http://example.com/a%2Fb?x=1", 301, Some("https://example.com/a%2Fb?x=1")),
        ("POST", "http://WWW.example.com:8080/", 301, Some("https://www.example.com/")),
        ("GET", "http://evil.test/", 200, None),
    ] {
        let request = http::Request::builder().method(method).uri(uri).body(()).unwrap();
        let (response, _) = client.send_request(request, true).unwrap();
        let response = response.await.unwrap();
        assert_eq!(response.status(), status, "{uri}");
        let found = response.headers().get("location").map(|location| location.to_str().unwrap());
        assert_eq!(found, location, "{uri}");
    }
    drop(client);
    driving.await.unwrap().unwrap();
    serving.await.unwrap();
}

/// Fails unless the answer to `target` is the server's 400 or a harmless `Location`.
async fn check_target(target: &[u8]) {
    let head = [b"GET ", target, b" HTTP/1.1\r\nHost: example.com\r\n\r\n"].concat();
    let (status, location) = raw(Server::frontend(), https(), &head).await;
    if status == 400 {
        return;
    }
    assert_eq!(status, 301, "{}", target.escape_ascii());
    assert!(location.starts_with("https://example.com/"), "{location}");
    let harmless = |byte: u8| (b'!'..=b'~').contains(&byte) && !b"\"<>".contains(&byte);
    assert!(location.bytes().all(harmless), "{location}");
}

#[tokio::test]
async fn a_clients_bytes_reach_the_field_encoded_or_not_at_all() {
    check_target(b"/a\x80\"<>|%zz%0d%0aX:1").await;
    check_target(b"/%0d%0aX:1").await;
    check_target("/\u{e9}{}|^`\"<>".as_bytes()).await;
    check_target(b"/a?b=\"<script>\"").await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn whatever_target_the_server_lets_through_gives_a_harmless_location(
        tail in proptest::collection::vec(
            prop_oneof![Just(b'%'), Just(b'"'), Just(b'/'), Just(b'?'), 0x21_u8..=0xff],
            0..24,
        )
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(check_target(&[b"/", tail.as_slice()].concat()));
    }
}
