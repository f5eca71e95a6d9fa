use std::sync::Mutex;

use super::*;

/// Writes down what it heard.
#[derive(Default)]
struct Heard(Mutex<Vec<(Side, u64, String)>>);

impl BodyObserver for Heard {
    fn ended(&self, side: Side, end: BodyEnd<'_>) {
        let outcome = format!("{:?}", end.outcome);
        self.0.lock().expect("no panic").push((side, end.data_bytes, outcome));
    }
}

fn tunnel(body: Body) -> Body {
    body.into_tunnel(Box::new(|_io| Box::pin(async {})))
}

#[tokio::test]
async fn riders_of_a_response_live_until_its_tunnel_ended() {
    let heard = Arc::new(Heard::default());
    let guard = Arc::new(());
    let body = Body::full("never sent")
        .with_guard(Arc::clone(&guard))
        .observe(heard.clone(), Side::Response)
        .observe(heard.clone(), Side::Request);
    let mut body = tunnel(body);
    assert!(!body.is_end_stream());
    assert!(futures_util::poll!(Box::pin(body.frame())).is_pending(), "a tunnel has no frames");
    let taken = body.take_tunnel().expect("a tunnel");
    assert!(body.take_tunnel().is_none());
    assert!(heard.0.lock().expect("no panic").is_empty());
    assert_eq!(Arc::strong_count(&guard), 2);
    body.tunnel_ended(30, 4, &Outcome::Complete);
    let expected = [(Side::Request, 4, "Complete".into()), (Side::Response, 30, "Complete".into())];
    assert_eq!(*heard.0.lock().expect("no panic"), expected);
    assert_eq!(Arc::strong_count(&guard), 1);
    drop(taken);
}

#[test]
fn a_tunnel_that_is_dropped_closes_what_it_carries() {
    let heard = Arc::new(Heard::default());
    drop(tunnel(Body::empty().map_frames(|frame| frame)).observe(heard.clone(), Side::Response));
    assert_eq!(*heard.0.lock().expect("no panic"), [(Side::Response, 0, "Dropped".into())]);
}

#[test]
fn a_body_that_must_not_be_sent_is_complete_for_its_observers() {
    let heard = Arc::new(Heard::default());
    let mut body = Body::full("of a HEAD answer").observe(heard.clone(), Side::Response);
    body.complete_unread();
    assert!(body.is_end_stream());
    drop(body);
    assert_eq!(*heard.0.lock().expect("no panic"), [(Side::Response, 0, "Complete".into())]);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_ends_a_stream_at_its_instant_whether_it_stalls_or_flows() {
    for flows in [false, true] {
        let start = Instant::now();
        let chunks = futures_util::stream::unfold((), move |()| async move {
            let wait = if flows { 10 } else { 3_600_000 };
            tokio::time::sleep(std::time::Duration::from_millis(wait)).await;
            Some((Ok::<_, BodyError>(Bytes::from_static(b"x")), ()))
        });
        let guard = Arc::new(());
        let heard = Arc::new(Heard::default());
        let mut body = Body::from_stream(chunks)
            .with_guard(Arc::clone(&guard))
            .observe(heard.clone(), Side::Response)
            .with_deadline(start + std::time::Duration::from_millis(55))
            .with_deadline(start + std::time::Duration::from_secs(60));
        let mut frames = 0;
        let error = loop {
            match body.frame().await {
                Some(Ok(_)) => frames += 1,
                other => break other,
            }
        };
        assert!(matches!(error, Some(Err(BodyError::Timeout))), "{error:?}");
        assert_eq!((Instant::now() - start).as_millis(), 55);
        assert_eq!(frames, if flows { 5 } else { 0 });
        assert_eq!(Arc::strong_count(&guard), 1, "guards run while the body is still held");
        assert_eq!(heard.0.lock().expect("no panic")[0].2, "Failed(Timeout)");
        assert!(body.frame().await.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_always_ready_ends_at_its_deadline() {
    let endless =
        futures_util::stream::repeat_with(|| Ok::<_, BodyError>(Bytes::from_static(b"x")));
    let at = Instant::now() + std::time::Duration::from_millis(20);
    let mut body = Body::from_stream(endless).with_deadline(at);
    for _ in 0..10 {
        assert!(body.frame().await.is_some_and(|frame| frame.is_ok()));
    }
    tokio::time::advance(std::time::Duration::from_millis(20)).await;
    assert!(matches!(body.frame().await, Some(Err(BodyError::Timeout))));
}

#[test]
fn a_deadline_leaves_what_is_in_memory_and_what_is_told_of_a_stream() {
    let past = Instant::now();
    for body in [Body::empty(), Body::full("abc")] {
        assert!(body.with_deadline(past).end_at.is_none());
    }
    let stream = Body::new(Body::full("abc")).with_deadline(past);
    assert_eq!((stream.known_length(), stream.end_at.is_some()), (Some(3), true));
    assert!(tunnel(Body::empty()).with_deadline(past).is_tunnel());
}

#[tokio::test(start_paused = true)]
async fn a_deadline_closes_a_tunnel() {
    let guard = Arc::new(());
    let held = Arc::clone(&guard);
    let body = Body::empty().into_tunnel(Box::new(move |io| {
        Box::pin(async move {
            let _held = (held, io);
            std::future::pending::<()>().await;
        })
    }));
    let start = Instant::now();
    let mut body = body.with_deadline(start + std::time::Duration::from_millis(50));
    let (io, mut peer) = tokio::io::duplex(8);
    let io = crate::Upgraded::new(Bytes::new(), Box::new(io), None);
    let (running, _kept) = body.take_tunnel().expect("a tunnel").start(io);
    running.await;
    assert_eq!((Instant::now() - start).as_millis(), 50);
    assert_eq!(Arc::strong_count(&guard), 1);
    let read = tokio::io::AsyncReadExt::read(&mut peer, &mut [0; 8]).await;
    assert_eq!(read.expect("an end"), 0);
}
