use parapet_core::Server;
use parapet_stripprefix::StripPrefix;
use parapet_testkit::{RawClient, RawOrigin};
use parapet_upstream::{HttpTransport, Upstream};
use tokio::net::TcpListener;

use crate::strip::ROWS;

#[tokio::test]
async fn a_backend_receives_the_cut_path_byte_for_byte() {
    let origin = RawOrigin::start(|mut conn| async move {
        loop {
            let head = conn.read_head().await;
            let Some(line) = head.lines().next() else { return };
            let target = line.split(' ').nth(1).unwrap();
            let length = target.len();
            conn.send(format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{target}")).await;
        }
    })
    .await;
    let upstream =
        Upstream::single_host(&origin.address().to_string(), HttpTransport::new()).unwrap();
    let strip = StripPrefix::new("/api").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(Server::new().with((strip, upstream)).serve(listener));

    let mut client = RawClient::connect(address).await;
    for (target, expected) in ROWS {
        client.send(format!("GET {target} HTTP/1.1\r\nHost: a.test\r\n\r\n")).await;
        assert_eq!(client.answer().await.text(), *expected, "{target}");
    }
    for target in ["/api/..;/x", "/api/..%5cx", "/api%00", "/%c0%ae%c0%ae/api"] {
        let mut client = RawClient::connect(address).await;
        client.send(format!("GET {target} HTTP/1.1\r\nHost: a.test\r\n\r\n")).await;
        assert_eq!(client.answer().await.status, 400, "{target}");
    }
    serving.abort();
}
