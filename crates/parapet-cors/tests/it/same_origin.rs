use parapet_core::{ConnMeta, Server};
use parapet_cors::{self as cors, Cors, Only};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::next;

/// Status of the answer to a POST to `host` with these fields, from 192.0.2.1.
async fn status(layer: Cors<Only>, secure: bool, host: &str, fields: &str) -> u16 {
    let server = Server::frontend().trust_cidrs(["192.0.2.0/24".parse().unwrap()]);
    let connections = server.with(layer).handler(next(&[])).into_connections().unwrap();
    let (mut client, io) = tokio::io::duplex(4096);
    let mut meta = ConnMeta::new("192.0.2.1:1".parse().ok());
    meta.set_secure(secure);
    let serving = tokio::spawn(connections.serve(io, meta));
    let head = format!(
        "POST / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: 0\r\n{fields}\r\n"
    );
    client.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    drop(client); // else the server waits for the client to close
    serving.await.unwrap();
    answer.get(9..12).unwrap().parse().unwrap()
}

#[tokio::test]
async fn the_sites_own_pages_pass_though_no_list_names_them() {
    let by_browser = "Sec-Fetch-Site: same-origin\r\n";
    let rows = [
        // secure, host, Origin, more fields, status
        (true, "site.test", "https://site.test", "", 200),
        (true, "SITE.test", "https://site.test", "", 200),
        (true, "site.test:443", "https://site.test", "", 200),
        (true, "site.test", "https://Site.Test:443", "", 200),
        (true, "site.test:8443", "https://site.test:8443", "", 200),
        (true, "site.test:8443", "https://site.test", "", 403),
        (true, "site.test", "https://site.test:8443", "", 403),
        (true, "site.test:80", "https://site.test", "", 403),
        (true, "[::1]:8443", "https://[::1]:8443", "", 200),
        (true, "site.test", "https://sub.site.test", "", 403),
        (true, "site.test", "http://site.test", "", 403),
        (false, "site.test", "http://site.test", "", 200),
        (false, "site.test:80", "http://site.test", "", 200),
        // The scheme is not known to be https.
        (false, "site.test", "https://site.test", "", 403),
        (false, "site.test", "https://site.test", "X-Forwarded-Proto: https\r\n", 200),
        (false, "site.test", "https://site.test", by_browser, 200),
        (true, "site.test", "null", "", 403),
        (true, "site.test", "null", by_browser, 200),
        (true, "site.test", "null", "Sec-Fetch-Site: same-site\r\n", 403),
        (true, "site.test", "null", "Sec-Fetch-Site: cross-site\r\n", 403),
        (true, "site.test", "https://other.test", "", 200),
        (
            true,
            "site.test",
            "https://evil.test",
            "Sec-Fetch-Site: same-origin\r\n".repeat(2).leak(),
            403,
        ),
    ];
    for (secure, host, origin, more, expected) in rows {
        let layer = || cors::allow_origins(["https://other.test"]).unwrap();
        let fields = format!("Origin: {origin}\r\n{more}");
        assert_eq!(status(layer(), secure, host, &fields).await, expected, "{host} {fields}");
        // As the Go original has it.
        let strict = layer().same_origin(false);
        let expected = if origin == "https://other.test" { 200 } else { 403 };
        assert_eq!(status(strict, secure, host, &fields).await, expected, "{host} {fields}");
    }
}
