use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use parapet_core::{Server, ServerHandle};
use parapet_healthz::{Healthz, new};
use parapet_logger::{self as logger, Logger};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A server with `health` alone, on a free port.
async fn serve(health: &Healthz) -> (SocketAddr, ServerHandle, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::new()
        .with(health.clone())
        .wait_before_shutdown(Duration::from_secs(2))
        .grace_timeout(Duration::from_secs(2));
    let handle = server.handle();
    let serving = tokio::spawn(async move { drop(server.serve(listener).await) });
    (address, handle, serving)
}

/// What comes back for `request` up to the end of the connection, without the `Date` line.
async fn raw(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let lines = answer.split_inclusive("\r\n");
    lines.filter(|line| !line.to_ascii_lowercase().starts_with("date:")).collect()
}

async fn get(address: SocketAddr, host: &str, target: &str) -> String {
    raw(address, &format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"))
        .await
}

fn is(answer: &str, status: u16) -> bool {
    answer.starts_with(&format!("HTTP/1.1 {status} "))
}

#[tokio::test]
async fn the_bytes_of_the_answers() {
    let health = new();
    let (address, _, serving) = serve(&health).await;
    let host = address.to_string();
    assert!(is(&get(address, &host, "/").await, 404));
    assert!(is(&get(address, "localhost", "/healthz").await, 404));

    let good = get(address, &host, "/healthz").await;
    let (head, body) = good.split_once("\r\n\r\n").unwrap();
    let head = head.to_ascii_lowercase();
    assert!(is(&good, 200), "{good}");
    assert!(head.contains("content-type: text/plain; charset=utf-8"), "{good}");
    assert!(head.contains("content-length: 2"), "{good}");
    assert_eq!(body, "OK");

    health.set(false);
    let bad = get(address, &host, "/healthz").await;
    assert!(is(&bad, 503) && bad.ends_with("\r\n\r\nService Unavailable"), "{bad}");
    assert!(bad.to_ascii_lowercase().contains("content-length: 19"), "{bad}");
    assert!(is(&get(address, &host, "/healthz?ready=1").await, 200));

    health.set(true);
    health.set_ready(false);
    assert!(is(&get(address, &host, "/healthz?ready=1").await, 503));
    assert!(is(&get(address, &host, "/healthz").await, 200));
    serving.abort();
}

#[tokio::test]
async fn head_has_no_body_and_an_unread_upload_does_not_end_the_connection() {
    let (address, _, serving) = serve(&new()).await;
    let head = raw(
        address,
        &format!("HEAD /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"),
    )
    .await;
    assert!(is(&head, 200) && head.ends_with("\r\n\r\n"), "{head}");
    assert!(head.to_ascii_lowercase().contains("content-length: 2"), "{head}");

    let answers = raw(
        address,
        &format!(
            "POST /healthz HTTP/1.1\r\nHost: {address}\r\nContent-Length: 5\r\n\r\nhello\
             OPTIONS /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
        ),
    )
    .await;
    assert_eq!(answers.matches("HTTP/1.1 200 ").count(), 2, "{answers}");
    serving.abort();
}

#[tokio::test]
async fn a_drain_ends_readiness_at_once_of_its_own_server_alone() {
    let health = new();
    let (draining, handle, first) = serve(&health).await;
    let (other, _, second) = serve(&health).await;
    let shutdown = handle.shutdown();
    // The first request that this server ever sees.
    let answer = get(draining, &draining.to_string(), "/healthz?ready=1").await;
    assert!(is(&answer, 503), "{answer}");
    assert!(is(&get(draining, &draining.to_string(), "/healthz").await, 200));
    assert!(is(&get(other, &other.to_string(), "/healthz?ready=1").await, 200));
    handle.shutdown_now();
    shutdown.await;
    first.await.unwrap();
    second.abort();
}

/// A sink that others can look at.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn in_a_location_block_without_a_log_it_answers_and_only_the_rest_is_logged() {
    let block = parapet_location::exact("/healthz").unwrap().with(logger::disable()).with(new());
    let lines = Lines::default();
    let log = Logger::to(lines.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(Server::new().with(log.clone()).with(block).serve(listener));
    for (target, status) in [("/healthz", 200), ("/healthz?ready=1", 200), ("/x", 404)] {
        assert!(is(&get(address, &address.to_string(), target).await, status), "{target}");
    }
    serving.abort();
    // Cut off or not, each exchange has ended by now.
    let _ = serving.await;
    assert!(log.flush(Duration::from_secs(10)));
    let logged = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert_eq!(logged.lines().count(), 1, "{logged}");
    assert!(logged.contains("/x\""), "{logged}");
}
