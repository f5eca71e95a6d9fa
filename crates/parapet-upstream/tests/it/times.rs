use std::time::Duration;

use http::Request;
use parapet_core::{Body, BodyError};
use parapet_upstream::{Attempt, Error, HttpTransport, ShedReason, TimeoutKind};
use tokio::time::Instant;

use crate::backend::{Memory, channel, ok, text};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_late_head_ends_the_attempt_after_60_s() {
    let mut memory = Memory::new(HttpTransport::new());
    let client = memory.client();
    let start = Instant::now();
    let origin = async {
        let mut conn = memory.accept().await;
        conn.head().await;
        conn
    };
    let (_conn, result) = tokio::join!(origin, client.get());
    assert!(matches!(result, Err(Error::Timeout(TimeoutKind::ResponseHeader))), "{result:?}");
    assert_eq!(start.elapsed().as_secs(), 60);
}

#[tokio::test(start_paused = true)]
async fn the_time_for_the_head_begins_when_the_request_is_out_and_1xx_do_not_restart_it() {
    let mut memory = Memory::new(HttpTransport::new());
    let client = memory.client();
    let (sender, body) = channel();
    let start = Instant::now();
    let feed = async {
        tokio::time::sleep(100 * SECOND).await;
        sender.data("x").await.unwrap();
        sender.finish().await.unwrap();
    };
    let origin = async {
        let mut conn = memory.accept().await;
        conn.until(b"0\r\n\r\n").await;
        tokio::time::sleep(30 * SECOND).await;
        conn.send("HTTP/1.1 103 Early Hints\r\n\r\n").await;
        conn
    };
    let (_conn, result, ()) = tokio::join!(origin, client.send(Request::post("/"), body), feed);
    assert!(matches!(result, Err(Error::Timeout(TimeoutKind::ResponseHeader))), "{result:?}");
    assert_eq!(start.elapsed().as_secs(), 160);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_bounds_head_and_body() {
    let mut memory = Memory::new(HttpTransport::new());
    let client = memory.client();
    let attempt = || Attempt::new().with_deadline(Instant::now() + SECOND / 5);
    let start = Instant::now();
    let at = attempt();
    let result = client.attempt(Request::get("/"), Body::empty(), &at).await;
    assert!(matches!(result, Err(Error::Timeout(TimeoutKind::Deadline))), "{result:?}");
    assert_eq!(start.elapsed().as_millis(), 200);
    drop(memory.accept().await);

    let start = Instant::now();
    let at = attempt();
    let origin = async {
        let mut conn = memory.accept().await;
        conn.answer("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nabc").await;
        conn
    };
    let (conn, response) =
        tokio::join!(origin, client.attempt(Request::get("/"), Body::empty(), &at));
    let failed = text(response.unwrap()).await;
    assert!(matches!(failed, Err(BodyError::Timeout)), "{failed:?}");
    assert_eq!(start.elapsed().as_millis(), 200);
    assert_eq!(conn.closed().await, b"");
}

#[tokio::test(start_paused = true)]
async fn an_expectation_that_nobody_answers_opens_the_gate_in_time() {
    let mut memory = Memory::new(HttpTransport::new().expect_continue_timeout(SECOND));
    let client = memory.client();
    let start = Instant::now();
    let origin = async {
        let mut conn = memory.accept().await;
        conn.head().await;
        conn.until(b"body").await;
        assert_eq!(start.elapsed().as_secs(), 1);
        conn.send(ok("")).await;
    };
    let request = Request::post("/").header("expect", "100-continue");
    let ((), response) = tokio::join!(origin, client.send(request, Body::full("body")));
    assert_eq!(response.unwrap().status(), 200);
}

#[tokio::test(start_paused = true)]
async fn at_the_limit_a_request_waits_for_5_s_and_is_shed() {
    let mut memory = Memory::new(HttpTransport::new().max_conn(1));
    let client = memory.client();
    let origin = async {
        let mut conn = memory.accept().await;
        conn.head().await;
        tokio::time::sleep(4 * SECOND).await;
        conn.send(ok("first")).await;
        conn.head().await;
        tokio::time::sleep(4 * SECOND).await;
        conn.send(ok("second")).await;
        conn
    };
    let third = async {
        tokio::time::sleep(SECOND / 2).await;
        let start = Instant::now();
        (client.get().await, start.elapsed().as_secs())
    };
    let (_conn, first, second, (third, waited)) =
        tokio::join!(origin, client.text(), client.text(), third);
    assert_eq!((first.as_str(), second.as_str()), ("first", "second"));
    let shed = matches!(third, Err(Error::Unavailable { reason: ShedReason::ConnLimit }));
    assert!(shed && waited == 5, "{third:?} after {waited} s");
}

#[tokio::test(start_paused = true)]
async fn an_announced_timeout_is_believed_with_a_second_to_spare() {
    let keep = "HTTP/1.1 200 OK\r\nkeep-alive: timeout=5, max=9\r\ncontent-length: 0\r\n\r\n";
    for (pause, reused) in [(3, true), (4, false)] {
        let mut memory = Memory::new(HttpTransport::new());
        let client = memory.client();
        let origin = async {
            let mut conn = memory.accept().await;
            conn.answer(keep).await;
            if reused {
                conn.answer(keep).await;
            } else {
                memory.accept().await.answer(keep).await;
            }
        };
        let requests = async {
            client.text().await;
            tokio::time::sleep(pause * SECOND).await;
            client.text().await;
        };
        tokio::join!(origin, requests);
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_by_the_reaper_without_a_request() {
    let mut memory = Memory::new(HttpTransport::new().idle_conn_timeout(30 * SECOND));
    let client = memory.client();
    let origin = async {
        let mut conn = memory.accept().await;
        conn.answer(ok("x")).await;
        conn
    };
    let (conn, _) = tokio::join!(origin, client.text());
    let start = Instant::now();
    assert_eq!(conn.closed().await, b"");
    assert!((30..=31).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    let stats = memory.transport.stats().remove(0);
    assert_eq!((stats.idle, stats.active, stats.closed_idle), (0, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_connection_of_age_is_not_kept() {
    let mut memory = Memory::new(HttpTransport::new().max_conn_lifetime(100 * SECOND));
    let client = memory.client();
    let origin = async {
        let mut conn = memory.accept().await;
        conn.answer(ok("x")).await;
        conn.answer(ok("y")).await;
        assert_eq!(conn.closed().await, b"");
    };
    let requests = async {
        client.text().await;
        // At most 10 % later than asked for, at least 10 % earlier.
        tokio::time::sleep(110 * SECOND).await;
        client.text().await;
    };
    tokio::join!(origin, requests);
}

#[tokio::test(start_paused = true)]
async fn times_that_no_clock_reaches_are_no_limits() {
    let max = Duration::MAX;
    let transport = HttpTransport::new()
        .dial_timeout(max)
        .max_conn(1)
        .max_conn_wait(max)
        .max_conn_lifetime(max)
        .idle_conn_timeout(max)
        .expect_continue_timeout(max)
        .response_header_timeout(max);
    let mut memory = Memory::new(transport);
    let client = memory.client();
    let origin = async {
        let mut conn = memory.accept().await;
        for _ in 0..2 {
            conn.answer("HTTP/1.1 100 Continue\r\n\r\n").await;
            conn.until(b"body").await;
            conn.send(ok("")).await;
        }
        conn
    };
    let requests = async {
        for _ in 0..2 {
            let request = Request::post("/").header("expect", "100-continue");
            assert_eq!(client.send(request, Body::full("body")).await.unwrap().status(), 200);
        }
    };
    let (conn, ()) = tokio::join!(origin, requests);
    assert_eq!(memory.transport.stats().remove(0).idle, 1);
    drop(conn);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_cuts_a_body_of_which_more_is_always_there() {
    let mut memory = Memory::new(HttpTransport::new());
    let client = memory.client();
    let start = Instant::now();
    let at = Attempt::new().with_deadline(start + SECOND / 5);
    let origin = async {
        let mut conn = memory.accept().await;
        conn.answer("HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n").await;
        conn.send(vec![b'x'; 1_000_000]).await; // all of it waits in memory
        conn
    };
    let (_conn, response) =
        tokio::join!(origin, client.attempt(Request::get("/"), Body::empty(), &at));
    let mut body = response.unwrap().into_body();
    while start.elapsed() < SECOND / 5 {
        assert!(body.frame().await.unwrap().is_ok(), "{:?}", start.elapsed());
        tokio::time::advance(SECOND / 20).await;
    }
    let failed = body.frame().await.unwrap();
    assert!(matches!(failed, Err(BodyError::Timeout)), "{failed:?}");
}
