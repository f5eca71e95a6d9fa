use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use http::{Method, StatusCode};
use parapet_body::buffer_request;
use parapet_core::{Body, Middleware, Request, handler_fn};
use parapet_ratelimit::concurrent_queue;
use parapet_timeout::RequestDeadline;
use tokio::time::Instant;

use crate::timeout::{ms, request, silent, timed};

#[tokio::test(start_paused = true)]
async fn a_place_in_a_queue_is_free_within_ten_milliseconds_after_the_deadline() {
    let queue = || concurrent_queue(1, 1).unwrap();
    let deadline = RequestDeadline::new(ms(50)).skip_if(|request| *request.method() == Method::PUT);
    let handler = (deadline, queue()).wrap(silent(&Arc::new(AtomicBool::new(false))));
    // The one that is served takes its time, and one waits behind it.
    let mut slow = request();
    *slow.method_mut() = Method::PUT;
    let served = tokio::spawn(handler.serve(slow));
    tokio::task::yield_now().await;
    let waiting = tokio::spawn({
        let handler = handler.clone();
        async move { timed(&handler, request()).await }
    });
    tokio::task::yield_now().await;
    assert_eq!(timed(&handler, request()).await.0, 429, "there is one place");
    assert_eq!(waiting.await.unwrap(), (504, "Gateway Timeout\n".into(), 60));
    // The next one gets the place, and gives it back in its turn.
    assert_eq!(timed(&handler, request()).await, (504, "Gateway Timeout\n".into(), 60));
    served.abort();
}

/// Open files of this process that were made in `dir`.
fn spills(dir: &std::path::Path) -> usize {
    let entries = std::fs::read_dir("/proc/self/fd").unwrap();
    let links = entries.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    links.filter(|link| link.starts_with(dir)).count()
}

#[tokio::test(start_paused = true)]
#[cfg(target_os = "linux")]
async fn a_spill_file_is_gone_within_ten_milliseconds_after_the_deadline() {
    let dir = tempfile::tempdir().unwrap();
    let buffer = buffer_request().memory_limit(0).temp_dir(dir.path()).unwrap();
    let handler = (RequestDeadline::new(ms(50)), buffer)
        .wrap(handler_fn(|_| async { panic!("the upload never ends") as &str }));
    let (sender, body) = Body::channel(1);
    sender.data("the first of many").await.unwrap();
    let start = Instant::now();
    let answer = tokio::spawn(handler.serve(Request::new(body)));
    // The clock stands while tasks run: no time passes until the file is there.
    while spills(dir.path()) == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(Instant::now(), start);
    assert_eq!(answer.await.unwrap().status(), StatusCode::GATEWAY_TIMEOUT);
    let took = Instant::now() - start;
    assert!((50..=60).contains(&took.as_millis()), "{took:?}");
    assert_eq!(spills(dir.path()), 0);
    assert!(sender.data("more").await.is_err(), "nobody reads on");
}
