use std::net::SocketAddr;

use http::{HeaderValue, StatusCode};
use parapet_core::{
    Body, Handler, Middleware, Request, RequestExt, Response, Server, Upgrade, handler_fn,
};
use parapet_testkit::{RawClient, RawOrigin};
use parapet_timeout::{RequestDeadline, Timeout};
use parapet_upstream::{HttpTransport, Upstream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep_until};

use crate::timeout::ms;

pub(crate) async fn serve(layers: impl Middleware) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(Server::new().with(layers).serve(listener));
    address
}

/// Takes over the connection of a WebSocket client and echoes its bytes. (The frames of RFC 6455 are bytes to a proxy.)
fn echo() -> Handler {
    handler_fn(|mut request: Request| async move {
        let upgrade = Upgrade::take(&mut request).unwrap();
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        response.headers_mut().insert("upgrade", HeaderValue::from_static("websocket"));
        upgrade.serve(response, |mut io| async move {
            let mut buffer = [0; 64];
            while let Ok(read @ 1..) = io.read(&mut buffer).await {
                io.write_all(&buffer[..read]).await.unwrap();
            }
        })
    })
}

async fn origin() -> RawOrigin {
    RawOrigin::start(|mut conn| async move {
        conn.read_head().await;
        conn.send(
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
             sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
        )
        .await;
        loop {
            let bytes = conn.read(4).await;
            if bytes.is_empty() {
                return;
            }
            conn.send(bytes).await;
        }
    })
    .await
}

/// A client whose connection was taken over, and when.
async fn connect(address: SocketAddr) -> (RawClient, Instant) {
    let mut client = RawClient::connect(address).await;
    client
        .send(
            "GET /chat HTTP/1.1\r\nHost: a.test\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        )
        .await;
    assert_eq!(client.answer_to(true).await.status, 101);
    (client, Instant::now())
}

async fn echoes(client: &mut RawClient) {
    client.send("ping").await;
    assert_eq!(client.take(4).await, b"ping");
}

#[tokio::test]
async fn a_tunnel_outlives_a_timeout_and_a_deadline_that_skips_it_and_is_closed_by_one_that_does_not()
 {
    let origin = origin().await;
    let upstream =
        || Upstream::single_host(&origin.address().to_string(), HttpTransport::new()).unwrap();
    let timeout = || Timeout::new(ms(50));
    let deadline = || RequestDeadline::new(ms(50));
    let is_upgrade = |request: &Request| request.offers_upgrade();
    for (address, lives) in [
        (serve((timeout(), upstream())).await, true),
        (serve((timeout(), echo())).await, true),
        (serve((deadline().skip_if(is_upgrade), upstream())).await, true),
        (serve((deadline().skip_if(is_upgrade), echo())).await, true),
        (serve((deadline(), upstream())).await, false),
        (serve((deadline(), echo())).await, false),
    ] {
        let (mut client, start) = connect(address).await;
        if lives {
            echoes(&mut client).await;
            // That nothing happens at an instant shows only behind it.
            sleep_until(start + ms(100)).await;
            echoes(&mut client).await;
        } else {
            assert_eq!(client.rest().await, b"", "closed without a byte");
        }
    }
}
