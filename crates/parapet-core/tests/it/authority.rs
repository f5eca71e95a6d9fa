//! The one authority of a request, out of target and `Host`, on the wire.

use parapet_core::{ConnMeta, Request, RequestExt as _, Server, handler_fn};

use crate::support::exchange;

/// Authority, `Host` lines, path and original target as the handler sees them, or the status line and body of a refusal.
async fn check(head: &str) -> String {
    let handler = handler_fn(async |request: Request| {
        let authority = request.authority().map_or("none".to_owned(), ToString::to_string);
        let hosts: Vec<_> = request
            .headers()
            .get_all("host")
            .iter()
            .map(|host| host.to_str().unwrap_or("?"))
            .collect();
        let hosts = hosts.join(",");
        format!("{authority} {hosts} {} {}", request.uri(), request.original_target())
    });
    let connections =
        Server::frontend().handler(handler).into_connections().expect("good settings");
    let head =
        format!("{head}Connection: close\r\n\r\n").replace('\n', "\r\n").replace("\r\r", "\r");
    let answer = exchange(&connections, ConnMeta::new(None), &head).await;
    let (head, body) = answer.split_once("\r\n\r\n").expect("a whole head");
    if head.starts_with("HTTP/1.1 200 OK\r\n") {
        return body.to_owned();
    }
    assert!(head.to_ascii_lowercase().contains("connection: close"), "{head}");
    format!("{}|{body}", head.lines().next().unwrap_or_default())
}

#[tokio::test]
async fn an_absolute_target_wins_over_host_and_becomes_origin_form() {
    for (head, expected) in [
        ("GET /x HTTP/1.1\nHost: a\n", "a a /x /x"),
        ("GET /x HTTP/1.1\nHost: A.Example:8080\n", "A.Example:8080 A.Example:8080 /x /x"),
        ("GET http://b/x HTTP/1.1\nHost: a\n", "b b /x /x"),
        ("GET http://b:81/x?q HTTP/1.1\nHost: b:81\n", "b:81 b:81 /x?q /x?q"),
        ("GET https://b HTTP/1.1\nHost: a\n", "b b / /"),
        ("GET / HTTP/1.0\n", "none  / /"),
        ("GET / HTTP/1.0\nHost: a\n", "a a / /"),
        ("GET http://b/ HTTP/1.0\n", "b b / /"),
        ("GET / HTTP/1.1\nHost: [::1]:80\n", "[::1]:80 [::1]:80 / /"),
    ] {
        assert_eq!(check(head).await, expected, "{head}");
    }
}

#[tokio::test]
async fn a_request_without_exactly_one_good_host_is_refused() {
    for head in [
        "GET / HTTP/1.1\n",
        "GET / HTTP/1.1\nHost: a\nHost: a\n",
        "GET / HTTP/1.1\nHost:\n",
        "GET / HTTP/1.1\nHost: a b\n",
        "GET / HTTP/1.1\nHost: u@a\n",
        "GET / HTTP/1.1\nHost: a%2e\n",
        "GET / HTTP/1.1\nHost: a:65536\n",
        "GET / HTTP/1.1\nHost: a/b\n",
        "GET http://b/ HTTP/1.1\n",
        "GET http://u@b/ HTTP/1.1\nHost: b\n",
        "GET http://b/ HTTP/1.1\nHost: a b\n",
        "GET / HTTP/1.0\nHost: a\nHost: b\n",
    ] {
        assert_eq!(check(head).await, "HTTP/1.1 400 Bad Request|Bad Request\n", "{head}");
    }
}
