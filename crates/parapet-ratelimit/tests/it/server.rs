use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use parapet_core::{
    Body, Handler, InformationalSink, Middleware, Response, Server, Upgrade, handler_fn,
};
use parapet_ratelimit::{
    ConcurrentQueue, Decision, Key, RateLimitHeaders, RateLimiter, Strategy, Verdict, concurrent,
    concurrent_queue, fixed_window_per_hour, fixed_window_per_minute,
};
use parapet_testkit::RawClient;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::fixtures::{Scripted, ok};

const GET: &str = "GET / HTTP/1.1\r\nhost: a.test\r\n\r\n";
const UPGRADE: &str =
    "GET / HTTP/1.1\r\nhost: a.test\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";

async fn serve(limiter: impl Middleware, handler: Handler) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(Server::frontend().with(limiter).handler(handler).serve(listener));
    address
}

async fn ask(address: SocketAddr) -> u16 {
    let mut client = RawClient::connect(address).await;
    client.send(GET).await;
    client.answer().await.status
}

/// Asks until the answer is `status`: what frees a slot is told to the client before it is told to the limiter.
async fn ask_until(address: SocketAddr, status: u16) {
    tokio::time::timeout(parapet_testkit::LONG, async {
        while ask(address).await != status {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn the_second_request_of_a_client_gets_429_and_retry_after() {
    let address = serve(fixed_window_per_hour(1), ok()).await;
    let mut client = RawClient::connect(address).await;
    client.send(GET).await;
    assert_eq!(client.answer().await.status, 200);
    client.send(GET).await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.text()), (429, "Too Many Requests\n"));
    let seconds: u64 = answer.field("retry-after").unwrap().parse().unwrap();
    assert!((1..=3_600).contains(&seconds), "{seconds}");
    assert_eq!(ask(address).await, 429);
}

#[tokio::test]
async fn a_limited_upload_is_answered_unread() {
    let address = serve(fixed_window_per_hour(0), ok()).await;
    let mut client = RawClient::connect(address).await;
    client.send("POST / HTTP/1.1\r\nhost: a.test\r\ncontent-length: 1000000\r\n\r\nx").await;
    assert_eq!(client.answer().await.status, 429);
}

/// A response in two pieces, the second at a signal, with an informational head in front.
fn in_two_pieces(go_on: &Arc<Notify>) -> Handler {
    let go_on = Arc::clone(go_on);
    handler_fn(move |request| {
        let go_on = Arc::clone(&go_on);
        async move {
            if let Some(sink) = request.extensions().get::<InformationalSink>() {
                sink.send(StatusCode::EARLY_HINTS, http::HeaderMap::new()).unwrap();
            }
            let (sender, body) = Body::channel(1);
            tokio::spawn(async move {
                let _ = sender.data(Bytes::from_static(b"begin ")).await;
                go_on.notified().await;
                let _ = sender.data(Bytes::from_static(b"end")).await;
                let _ = sender.finish().await;
            });
            Response::new(body)
        }
    })
}

#[tokio::test]
async fn a_slot_is_free_at_the_head_if_wanted_and_else_after_the_last_byte() {
    for at_head in [true, false] {
        let go_on = Arc::new(Notify::new());
        let limiter = concurrent(1).release_on_write_header(at_head);
        let address = serve(limiter, in_two_pieces(&go_on)).await;
        let mut client = RawClient::connect(address).await;
        client.send(GET).await;
        client.until(b"begin ").await;
        let mut second = RawClient::connect(address).await;
        second.send(GET).await;
        let head = String::from_utf8(second.until(b"\r\n\r\n").await).unwrap();
        let limited = head.starts_with("HTTP/1.1 429");
        assert_eq!(limited, !at_head, "{head}");
        if !at_head {
            go_on.notify_one();
            client.until(b"end\r\n0\r\n\r\n").await;
            drop((client, second));
            go_on.notify_one();
            ask_until(address, 200).await;
        }
    }
}

#[tokio::test]
async fn an_informational_head_releases_nothing() {
    let (sent, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let handler = handler_fn({
        let (sent, go_on) = (Arc::clone(&sent), Arc::clone(&go_on));
        move |request| {
            let (sent, go_on) = (Arc::clone(&sent), Arc::clone(&go_on));
            async move {
                if let Some(sink) = request.extensions().get::<InformationalSink>() {
                    sink.send(StatusCode::EARLY_HINTS, http::HeaderMap::new()).unwrap();
                }
                sent.notify_one();
                go_on.notified().await;
                "ok"
            }
        }
    });
    let strategy = Scripted::new(Verdict::Allowed);
    let limiter = RateLimiter::new(strategy.clone()).release_on_write_header(true);
    let address = serve(limiter, handler).await;
    let mut client = RawClient::connect(address).await;
    client.send(GET).await;
    sent.notified().await;
    assert_eq!(strategy.calls().len(), 1, "{:?}", strategy.calls());
    go_on.notify_one();
    while client.answer().await.status != 200 {}
    assert_eq!(strategy.calls().len(), 2, "{:?}", strategy.calls());
}

#[tokio::test]
async fn a_client_that_goes_away_gives_its_slot_back() {
    let go_on = Arc::new(Notify::new());
    let address = serve(concurrent(1), in_two_pieces(&go_on)).await;
    let mut client = RawClient::connect(address).await;
    client.send(GET).await;
    client.until(b"begin ").await;
    client.reset();
    let limited = tokio::time::timeout(parapet_testkit::LONG, async {
        loop {
            let mut next = RawClient::connect(address).await;
            next.send(GET).await;
            let head = String::from_utf8(next.until(b"\r\n\r\n").await).unwrap();
            if !head.starts_with("HTTP/1.1 429") {
                return;
            }
        }
    });
    limited.await.unwrap();
}

/// Echoes what a tunnel sends, and answers others with 200.
fn echo() -> Handler {
    handler_fn(|mut request| async move {
        let Some(upgrade) = Upgrade::take(&mut request) else {
            return Response::new("ok".into());
        };
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        response.headers_mut().insert("connection", "upgrade".parse().unwrap());
        response.headers_mut().insert("upgrade", "websocket".parse().unwrap());
        upgrade.serve(response, |mut io| async move {
            let mut byte = [0];
            while matches!(io.read(&mut byte).await, Ok(1)) {
                if io.write_all(&byte).await.is_err() || io.flush().await.is_err() {
                    return;
                }
            }
        })
    })
}

#[tokio::test]
async fn a_tunnel_holds_its_slot_until_it_ends_unless_told_otherwise() {
    for at_upgrade in [true, false] {
        let limiter = concurrent(1).release_on_hijacked(at_upgrade);
        let address = serve(limiter, echo()).await;
        let mut tunnel = RawClient::connect(address).await;
        tunnel.send(UPGRADE).await;
        assert_eq!(tunnel.answer_to(true).await.status, 101);
        tunnel.send("x").await;
        assert_eq!(tunnel.take(1).await, b"x");
        assert_eq!(ask(address).await, if at_upgrade { 200 } else { 429 });
        tunnel.half_close().await;
        tunnel.rest().await;
        ask_until(address, 200).await;
    }
}

/// A client in the queue: its request was taken and not limited.
async fn queued(limiter: &RateLimiter, address: SocketAddr, arrived: &Notify) -> RawClient {
    loop {
        let before = limiter.stats().limited;
        let mut client = RawClient::connect(address).await;
        client.send(GET).await;
        arrived.notified().await;
        if limiter.stats().limited == before {
            return client;
        }
        assert_eq!(client.answer().await.status, 429);
    }
}

#[tokio::test]
async fn a_queued_client_that_disconnects_frees_its_place_and_gets_no_slot() {
    let served = Arc::new(AtomicU32::new(0));
    let (arrived, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let handler = handler_fn({
        let (served, go_on) = (Arc::clone(&served), Arc::clone(&go_on));
        move |_| {
            served.fetch_add(1, Ordering::Relaxed);
            let go_on = Arc::clone(&go_on);
            async move {
                go_on.notified().await;
                "ok"
            }
        }
    });
    let limiter = concurrent_queue(1, 1).unwrap().cost({
        let arrived = Arc::clone(&arrived);
        move |_| {
            arrived.notify_one();
            1
        }
    });
    let address = serve(limiter.clone(), handler).await;
    let mut first = queued(&limiter, address, &arrived).await; // admitted at once
    for _ in 0..3 {
        let waiting = queued(&limiter, address, &arrived).await;
        assert_eq!(ask(address).await, 429);
        arrived.notified().await;
        waiting.reset();
    }
    let mut last = queued(&limiter, address, &arrived).await;
    go_on.notify_one();
    assert_eq!(first.answer().await.status, 200);
    go_on.notify_one();
    assert_eq!(last.answer().await.status, 200);
    assert_eq!(served.load(Ordering::Relaxed), 2, "those who left were not served");
}

#[tokio::test]
async fn the_place_of_a_client_that_disconnects_is_free_within_ten_milliseconds() {
    let (arrived, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let queue = Arc::new(ConcurrentQueue::new(1, 1).unwrap());
    let limiter = RateLimiter::new(Arc::clone(&queue)).cost({
        let arrived = Arc::clone(&arrived);
        move |_| {
            arrived.notify_one();
            1
        }
    });
    let address = serve(limiter.clone(), in_two_pieces(&go_on)).await;
    let key = Key::from(std::net::IpAddr::from([127, 0, 0, 1]));
    // One that could wait has a place, which its drop frees at once.
    let is_full = || matches!(queue.take(&key, 1), Decision::Ready(Verdict::Limited { .. }));
    let mut first = queued(&limiter, address, &arrived).await; // admitted at once
    first.until(b"begin ").await;
    // The machine has other work now and then: not in all of twenty rounds.
    let mut best = Duration::MAX;
    for _ in 0..20 {
        let waiting = queued(&limiter, address, &arrived).await;
        assert!(is_full());
        let start = Instant::now();
        waiting.reset();
        while is_full() {
            assert!(start.elapsed() < parapet_testkit::LONG);
            tokio::task::yield_now().await;
        }
        best = best.min(start.elapsed());
    }
    assert!(best <= Duration::from_millis(10), "{best:?}");
    go_on.notify_one();
    first.until(b"end\r\n0\r\n\r\n").await;
    drop(first);
    let start = Instant::now();
    while queue.stats().keys > 0 {
        assert!(start.elapsed() < parapet_testkit::LONG, "a client that left has a slot");
        tokio::task::yield_now().await;
    }
}

/// The lines of a head that tell limits, as they are on the wire.
fn limits_in(head: &str) -> Vec<&str> {
    head.split("\r\n").filter(|line| line.contains("ratelimit")).collect()
}

#[tokio::test]
async fn fields_are_on_the_wire_as_the_draft_has_them() {
    let api = fixed_window_per_minute(60).name("api").headers(RateLimitHeaders::Ietf);
    let address = serve(api, ok()).await;
    let mut client = RawClient::connect(address).await;
    client.send(GET).await;
    let answer = client.answer().await;
    let seconds: u64 = {
        let lines = limits_in(&answer.head);
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines.contains(&r#"ratelimit-policy: "api";q=60;w=60"#), "{lines:?}");
        let state = lines.iter().find_map(|line| line.strip_prefix(r#"ratelimit: "api";r=59;t="#));
        state.unwrap().parse().unwrap()
    };
    assert!((1..=60).contains(&seconds), "{seconds}");

    let limits = (
        concurrent(3).name("slots").headers(RateLimitHeaders::Ietf),
        fixed_window_per_hour(1).name("hour").headers(RateLimitHeaders::Ietf),
    );
    let mut client = RawClient::connect(serve(limits, ok()).await).await;
    for (status, left) in [(200, "0"), (429, "0")] {
        client.send(GET).await;
        let answer = client.answer().await;
        assert_eq!(answer.status, status);
        assert_eq!(
            answer.fields("ratelimit-policy"),
            [r#""hour";q=1;w=3600"#, r#""slots";q=3;qu="concurrent-requests""#]
        );
        let states = answer.fields("ratelimit");
        assert_eq!(states.len(), 2, "{states:?}");
        assert_eq!(states[1], r#""slots";r=2"#);
        let seconds = states[0].strip_prefix(&format!(r#""hour";r={left};t="#)).unwrap();
        assert!((1..=3_600).contains(&seconds.parse::<u64>().unwrap()), "{seconds}");
        let retry_after = answer.field("retry-after");
        assert_eq!(retry_after, (status == 429).then_some(seconds));
    }
}
