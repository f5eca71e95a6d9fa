use std::time::Duration;

use http::{HeaderValue, StatusCode};
use parapet_core::{Body, ConnMeta, Handler, Response, Server, handler_fn};
use parapet_hsts::{self as hsts, Hsts};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The lines of the field, as the client reads them, in the answer of `server` to one request with `fields` from
/// 192.0.2.1.
async fn lines(server: Server, secure: bool, fields: &str) -> Vec<String> {
    let connections = server.into_connections().unwrap();
    let (mut client, io) = tokio::io::duplex(4096);
    let mut meta = ConnMeta::new("192.0.2.1:1".parse().ok());
    meta.set_secure(secure);
    let serving = tokio::spawn(connections.serve(io, meta));
    let head = format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n");
    client.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    drop(client); // else the server waits for the client to close
    serving.await.unwrap();
    let value = |line: &str| line.strip_prefix("strict-transport-security: ").map(str::to_owned);
    answer.lines().filter_map(value).collect()
}

/// Answers at once or after a wait, with two lines of a policy of its own.
fn origin(status: u16) -> Handler {
    handler_fn(move |_| async move {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        for value in ["max-age=1", "max-age=2"] {
            let value = HeaderValue::from_static(value);
            response.headers_mut().append("strict-transport-security", value);
        }
        tokio::task::yield_now().await;
        response
    })
}

fn site(policy: Hsts) -> Server {
    Server::frontend().with(policy).handler(origin(200))
}

#[tokio::test]
async fn over_https_there_is_exactly_the_policys_line() {
    let builder = |seconds: u64| Hsts::builder(Duration::from_millis(seconds * 1000 + 999));
    for (policy, expected) in [
        (hsts::default(), "max-age=31536000"),
        (hsts::preload(), "max-age=63072000; includeSubDomains; preload"),
        (builder(10).include_subdomains(true).build().unwrap(), "max-age=10; includeSubDomains"),
        (builder(0).build().unwrap(), "max-age=0"),
        (
            builder(31_536_000).include_subdomains(true).preload(true).build().unwrap(),
            "max-age=31536000; includeSubDomains; preload",
        ),
    ] {
        assert_eq!(lines(site(policy), true, "").await, [expected]);
    }
}

#[tokio::test]
async fn over_clear_text_there_is_none_unless_so_set() {
    assert!(lines(site(hsts::default()), false, "").await.is_empty());
    let always = ["max-age=31536000"];
    assert_eq!(lines(site(hsts::default().over_http(true)), false, "").await, always);
    let built = Hsts::builder(Duration::from_secs(31_536_000)).over_http(true).build().unwrap();
    assert_eq!(lines(site(built), false, "").await, always);
}

#[tokio::test]
async fn a_trusted_balancer_says_that_the_client_speaks_https_and_nobody_else() {
    for (trusted, sent) in [("192.0.2.0/24", true), ("198.51.100.0/24", false)] {
        let server = site(hsts::default()).trust_cidrs([trusted.parse().unwrap()]);
        let lines = lines(server, false, "X-Forwarded-Proto: https\r\n").await;
        assert_eq!(lines.len(), usize::from(sent), "{trusted}");
    }
}

#[tokio::test]
async fn responses_of_any_status_carry_it() {
    for status in [200, 204, 301, 304, 404, 502] {
        let server = Server::frontend().with(hsts::default()).handler(origin(status));
        assert_eq!(lines(server, true, "").await, ["max-age=31536000"], "{status}");
    }
}
