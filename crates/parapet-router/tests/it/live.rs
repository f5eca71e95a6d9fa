use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use http::{HeaderValue, StatusCode};
use parapet_core::{Body, Request, Response, Server, Upgrade, handler_fn_with};
use parapet_router::Router;
use parapet_testkit::RawClient;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Tables whose routes answer with their number, also below `/even/` or `/odd/`, as the number is; `/echo` takes
/// the connection over. The second tells whether the table is alive.
fn table(number: u32) -> (Router, Weak<u32>) {
    let number = Arc::new(number);
    let alive = Arc::downgrade(&number);
    let version =
        handler_fn_with(Arc::clone(&number), |number, _| async move { format!("{number}\n") });
    let echo = handler_fn_with(number.clone(), |number, mut request: Request| async move {
        let upgrade = Upgrade::take(&mut request).unwrap();
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        response.headers_mut().insert("upgrade", HeaderValue::from_static("echo"));
        upgrade.serve(response, move |mut io| async move {
            let mut buffer = [0; 64];
            while let Ok(read @ 1..) = io.read(&mut buffer).await {
                io.write_all(format!("{number}:").as_bytes()).await.unwrap();
                io.write_all(&buffer[..read]).await.unwrap();
                io.flush().await.unwrap();
            }
        })
    });
    let here = if number.is_multiple_of(2) { "/even/" } else { "/odd/" };
    let router = Router::builder()
        .handle("/version", version.clone())
        .handle(here, version)
        .handle("/echo", echo)
        .build()
        .unwrap();
    (router, alive)
}

async fn ask(client: &mut RawClient, path: &str) -> (u16, String) {
    client.send(format!("GET {path} HTTP/1.1\r\nhost: a.test\r\n\r\n")).await;
    let answer = client.answer().await;
    (answer.status, answer.text().trim_end().to_owned())
}

/// Asks until the last table answers; how often it asked.
async fn load(address: SocketAddr, last: u32) -> usize {
    let mut client = RawClient::connect(address).await;
    let (mut asked, mut newest) = (0, 0);
    while newest < last {
        let (status, text) = ask(&mut client, "/version").await;
        let seen: u32 = text.parse().unwrap();
        assert!(status == 200 && seen >= newest, "{status}: {seen} after {newest}");
        newest = seen;
        // Each table has one of both.
        let (even, odd) = (ask(&mut client, "/even/x").await, ask(&mut client, "/odd/x").await);
        for (answer, parity) in [(even, 0), (odd, 1)] {
            match answer {
                (200, text) => assert_eq!(text.parse::<u32>().unwrap() % 2, parity),
                other => assert_eq!(other, (404, "404 page not found".into())),
            }
        }
        asked += 3;
    }
    asked
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_replacements_under_load_fail_no_request_and_cut_no_tunnel() {
    const REPLACEMENTS: u32 = 1000;
    let (first, first_alive) = table(0);
    let (layer, live) = first.live();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(Server::new().with(layer).serve(listener));

    let mut tunnel = RawClient::connect(address).await;
    tunnel
        .send("GET /echo HTTP/1.1\r\nhost: a.test\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n")
        .await;
    assert_eq!(tunnel.answer().await.status, 101);

    let asked = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let asked = Arc::clone(&asked);
            tokio::spawn(async move {
                asked.fetch_add(load(address, REPLACEMENTS).await, Ordering::Relaxed);
            })
        })
        .collect();
    let mut pace = RawClient::connect(address).await;
    let mut alive = Vec::new();
    for number in 1..=REPLACEMENTS {
        let (table, is_alive) = table(number);
        live.replace(table);
        alive.push(is_alive);
        // One request for each, so that none is skipped for lack of time.
        assert_eq!(ask(&mut pace, "/version").await, (200, number.to_string()));
    }
    for client in clients {
        client.await.unwrap();
    }
    assert!(asked.load(Ordering::Relaxed) > 100);

    tunnel.send("still here").await;
    assert_eq!(tunnel.take(12).await, b"0:still here");
    drop((tunnel, pace));

    let newest = alive.pop().unwrap();
    // What a connection holds goes when its task hears that the client has gone.
    let freed = async {
        while alive.iter().chain([&first_alive]).any(|table| table.strong_count() > 0) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(parapet_testkit::LONG, freed).await.expect("one table is left");
    assert!(newest.strong_count() > 0);
    serving.abort();
}
