use std::net::SocketAddr;

use parapet_core::{Middleware, Server};
use parapet_host::{strip_port, to_lower};
use parapet_testkit::{RawClient, RawOrigin};
use parapet_upstream::{HttpTransport, Upstream};
use tokio::net::TcpListener;

/// An origin that answers with its name and the `Host` lines that it was sent.
async fn origin(name: &'static str) -> RawOrigin {
    RawOrigin::start(move |mut conn| async move {
        loop {
            let head = conn.read_head().await;
            if head.is_empty() {
                return;
            }
            let hosts: Vec<_> = head
                .lines()
                .filter_map(|line| line.split_once(':'))
                .filter(|(field, _)| field.eq_ignore_ascii_case("host"))
                .map(|(_, value)| value.trim())
                .collect();
            let text = format!("{name} {hosts:?}");
            conn.send(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{text}", text.len()))
                .await;
        }
    })
    .await
}

fn to(origin: &RawOrigin) -> Upstream {
    Upstream::single_host(&origin.address().to_string(), HttpTransport::new()).unwrap()
}

async fn serve(layers: impl Middleware) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(Server::new().with(layers).serve(listener));
    address
}

async fn ask(address: SocketAddr, head: &str) -> String {
    let mut client = RawClient::connect(address).await;
    client.send(format!("{head}\r\n\r\n")).await;
    client.answer().await.text().to_owned()
}

#[tokio::test]
async fn only_the_block_of_the_one_authority_is_reached_and_its_backend_is_told_that_host() {
    let (a, b) = (origin("a").await, origin("b").await);
    let sites = [("a.test", to(&a)), ("b.test", to(&b))]
        .map(|(host, upstream)| parapet_host::new([host]).unwrap().with(upstream));
    let address = serve(sites).await;
    for (head, answer) in [
        ("GET http://b.test/ HTTP/1.1\r\nHost: a.test", r#"b ["b.test"]"#),
        ("GET http://a.test/ HTTP/1.1\r\nHost: b.test", r#"a ["a.test"]"#),
        ("GET / HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-Host: b.test", r#"a ["a.test"]"#),
    ] {
        assert_eq!(ask(address, head).await, answer, "{head}");
    }
}

#[tokio::test]
async fn a_backend_is_told_the_host_without_port_and_in_lower_case() {
    let origin = origin("site").await;
    for (layers, rows) in [
        (
            Box::new(strip_port()) as Box<dyn Middleware>,
            &[
                ("host:8080", "host"),
                ("host.local:443", "host.local"),
                ("example.com", "example.com"),
                ("[::1]:8080", "[::1]"),
                ("HOST.local:443", "HOST.local"),
            ][..],
        ),
        (Box::new(to_lower()), &[("HOST.local:443", "host.local:443"), ("a.test", "a.test")]),
        (Box::new((strip_port(), to_lower())), &[("HOST.local:443", "host.local")]),
    ] {
        let address = serve((layers, to(&origin))).await;
        for (host, told) in rows {
            let answer = ask(address, &format!("GET / HTTP/1.1\r\nHost: {host}")).await;
            assert_eq!(answer, format!("site [{told:?}]"), "{host}");
        }
    }
}
