//! The body: length, copies, riders, channel, limit; then the facts of a request without a server.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::stream;
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use parapet_core::{Body, BodyEnd, BodyError, BodyObserver, Collected, Outcome, SendError, Side};

async fn read(body: Body) -> Result<Collected, BodyError> {
    body.collect(1_000).await
}

async fn text(body: Body) -> String {
    let collected = read(body).await.expect("a whole body");
    String::from_utf8(collected.data().to_vec()).expect("text")
}

fn pieces(pieces: &[&'static str]) -> Body {
    let pieces: Vec<_> = pieces.iter().map(|piece| Ok::<_, BodyError>(*piece)).collect();
    Body::from_stream(stream::iter(pieces))
}

fn failing() -> Body {
    Body::from_stream(stream::iter([Ok("some"), Err(BodyError::Reset(8)), Ok("never")]))
}

/// Three bytes at a time with an exact size hint, then trailers on wish: what an incoming message looks like.
struct Message {
    left: &'static [u8],
    trailers: bool,
}

impl http_body::Body for Message {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.left.is_empty() {
            let frame = self.trailers.then(|| Ok(Frame::trailers(trailers())));
            self.trailers = false;
            return Poll::Ready(frame);
        }
        let (now, left) = self.left.split_at(self.left.len().min(3));
        self.left = left;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(now)))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty() && !self.trailers
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left.len() as u64)
    }
}

fn message(text: &'static str) -> Body {
    Body::new(Message { left: text.as_bytes(), trailers: false })
}

fn with_trailers(text: &'static str) -> Body {
    Body::new(Message { left: text.as_bytes(), trailers: true })
}

fn trailers() -> HeaderMap {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", http::HeaderValue::from_static("0"));
    trailers
}

#[tokio::test]
async fn the_known_length_is_what_is_left() {
    for (body, expected, end) in [
        (Body::empty(), Some(0), true),
        (Body::default(), Some(0), true),
        (Body::full(""), Some(0), true),
        (Body::full("12345"), Some(5), false),
        (Body::from("12345".to_owned()), Some(5), false),
        (message("12345"), Some(5), false),
        (message(""), Some(0), true),
        (with_trailers(""), Some(0), false),
        (pieces(&["12345"]), None, false),
        (Body::channel(1).1, None, false),
        (Body::replayable(|| Body::full("12345")), Some(5), false),
        (Body::replayable(|| pieces(&["12345"])), None, false),
    ] {
        assert_eq!((body.known_length(), body.is_end_stream()), (expected, end), "{body:?}");
        assert_eq!(body.size_hint().exact(), expected);
    }
    let mut body = message("12345");
    body.frame().await.expect("a frame").expect("data");
    assert_eq!((body.known_length(), body.is_end_stream()), (Some(2), false));
    body.frame().await.expect("a frame").expect("data");
    assert_eq!((body.known_length(), body.is_end_stream()), (Some(0), true));
    let mut body = pieces(&["12345"]);
    while body.frame().await.is_some() {}
    assert_eq!((body.known_length(), body.is_end_stream()), (Some(0), true), "at its end: 0");
}

#[tokio::test]
async fn mapping_hides_the_length_unless_told_that_sizes_stay() {
    let upper = |data: Bytes| Bytes::from(data.to_ascii_uppercase());
    let mapped = message("abcde").map_data(upper);
    assert_eq!(mapped.known_length(), None);
    assert_eq!(mapped.keep_length().known_length(), Some(5));
    assert_eq!(message("abcde").map_data(upper).keep_length().map_data(upper).known_length(), None);
    let hidden_inside = message("abcde").map_data(upper).map_data(upper).keep_length();
    assert_eq!(hidden_inside.known_length(), None);
    assert_eq!(pieces(&["abc"]).map_data(upper).keep_length().known_length(), None);
    assert_eq!(Body::full("abc").keep_length().known_length(), Some(3), "no effect on others");
    assert_eq!(Body::empty().map_data(upper).known_length(), Some(0), "an end stays an end");
    assert_eq!(text(Body::full("abcde").map_data(upper).keep_length()).await, "ABCDE");
    let doubled = message("abc")
        .map_frames(|frame| frame.map_data(|data| [data.clone(), data].concat().into()));
    assert_eq!(text(doubled).await, "abcabc");
}

#[tokio::test]
async fn trailers_pass_through_every_wrapper() {
    let body = with_trailers("data").map_data(|data| data).map_frames(|frame| frame).keep_length();
    let collected = read(body.with_guard(())).await.expect("a whole body");
    assert_eq!((&**collected.data(), collected.trailers()), (&b"data"[..], Some(&trailers())));
    assert_eq!(read(Body::full("data")).await.expect("a whole body").trailers(), None);
}

#[tokio::test]
async fn replay_gives_independent_copies_of_what_can_be_read_twice() {
    assert!(Body::empty().replay().is_some_and(|body| body.is_end_stream()));
    let full = Body::full("bytes");
    let copy = full.replay().expect("a copy");
    assert_eq!(text(full).await, "bytes");
    assert_eq!(text(copy).await, "bytes");
    let mut read_already = Body::full("bytes");
    read_already.frame().await;
    assert!(read_already.replay().is_none());
    for body in
        [pieces(&["a"]), message("a"), Body::channel(1).1, Body::full("a").map_data(|data| data)]
    {
        assert!(body.replay().is_none(), "{body:?}");
    }
}

#[tokio::test]
async fn a_replayable_body_makes_a_copy_per_reading_and_none_to_tell_its_length() {
    let made = Arc::new(AtomicUsize::new(0));
    let makes = Arc::clone(&made);
    let mut body = Body::replayable(move || {
        makes.fetch_add(1, Ordering::Relaxed);
        message("spilled")
    });
    let copy = body.replay().expect("a copy");
    assert_eq!((body.known_length(), copy.known_length()), (Some(7), Some(7)));
    body.frame().await.expect("a frame").expect("data");
    let second = body.replay().expect("a copy of a body that is half read");
    assert_eq!(body.known_length(), Some(4));
    assert_eq!(made.load(Ordering::Relaxed), 1);
    assert_eq!(text(second).await, "spilled");
    assert_eq!(text(copy).await, "spilled");
    assert_eq!(text(body).await, "lled");
    assert_eq!(made.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn collect_stops_at_its_limit() {
    assert_eq!(text(Body::empty()).await, "");
    for body in [Body::full("12345"), pieces(&["12", "345"]), message("12345")] {
        assert_eq!(&**body.collect(5).await.expect("fits").data(), b"12345");
    }
    for body in [Body::full("12345"), pieces(&["12", "345"]), message("12345")] {
        assert!(matches!(body.collect(4).await, Err(BodyError::LengthLimitExceeded)));
    }
    assert!(matches!(failing().collect(100).await, Err(BodyError::Reset(8))));
    let one = Bytes::from_static(b"one frame");
    let collected = Body::full(one.clone()).collect(100).await.expect("fits");
    assert_eq!(collected.into_data().as_ptr(), one.as_ptr(), "handed on, not copied");
}

#[tokio::test]
async fn collect_reads_nothing_of_a_body_that_announces_too_much() {
    let polled = Arc::new(AtomicUsize::new(0));
    let polls = Arc::clone(&polled);
    let body = message("12345").map_data(move |data| {
        polls.fetch_add(1, Ordering::Relaxed);
        data
    });
    assert!(matches!(body.keep_length().collect(4).await, Err(BodyError::LengthLimitExceeded)));
    assert_eq!(polled.load(Ordering::Relaxed), 0);
}

/// What happened, in order.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn note(&self, what: impl Into<String>) {
        self.0.lock().expect("no panic").push(what.into());
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().expect("no panic"))
    }

    fn guard(&self, name: &'static str) -> Guard {
        Guard(self.clone(), name)
    }
}

struct Guard(Log, &'static str);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.note(self.1);
    }
}

impl BodyObserver for Log {
    fn ended(&self, side: Side, end: BodyEnd<'_>) {
        let outcome = match end.outcome {
            Outcome::Failed(error) => format!("failed: {error}"),
            outcome => format!("{outcome:?}"),
        };
        self.note(format!("{side:?} {} {outcome}", end.data_bytes));
    }
}

#[tokio::test]
async fn guards_are_dropped_newest_first_with_the_frame_that_ends_the_body() {
    let log = Log::default();
    let guarded = |body: Body| {
        let body = body.with_guard(log.guard("1")).with_guard(log.guard("2"));
        body.with_guard(log.guard("3")).with_guard(log.guard("4"))
    };
    let newest_first = ["4", "3", "2", "1"];

    let mut body = guarded(message("12345"));
    body.frame().await.expect("a frame").expect("data");
    assert!(log.take().is_empty(), "not at its end yet");
    body.frame().await.expect("a frame").expect("data");
    assert_eq!(log.take(), newest_first, "with the last frame");

    let mut body = guarded(with_trailers("123"));
    body.frame().await.expect("a frame").expect("data");
    assert!(log.take().is_empty(), "trailers are to come");
    body.frame().await.expect("a frame").expect("trailers");
    assert_eq!(log.take(), newest_first, "with the trailers");

    let mut body = guarded(pieces(&["1"]));
    body.frame().await.expect("a frame").expect("data");
    assert!(log.take().is_empty(), "the stream has not said that it ended");
    assert!(body.frame().await.is_none());
    assert_eq!(log.take(), newest_first, "with the end");

    let mut body = guarded(failing());
    body.frame().await.expect("a frame").expect("data");
    body.frame().await.expect("a frame").expect_err("the error");
    assert_eq!(log.take(), newest_first, "with the error");
    assert!(body.frame().await.is_none(), "nothing follows an error");

    drop(guarded(message("12345")));
    assert_eq!(log.take(), newest_first, "with the drop");

    let body = guarded(Body::empty());
    assert_eq!(log.take(), ["1", "2", "3", "4"], "at once, each as it is given");
    drop(body);
    assert!(log.take().is_empty(), "once");
}

#[tokio::test]
async fn guards_stay_through_a_mapping() {
    let log = Log::default();
    let body = Body::full("12345").with_guard(log.guard("in")).map_data(|data| data);
    let mut body = body.with_guard(log.guard("out"));
    assert!(log.take().is_empty());
    body.frame().await.expect("a frame").expect("data");
    assert_eq!(log.take(), ["in", "out"]);
}

#[tokio::test]
async fn observers_hear_once_how_it_ended_and_count_what_passed_their_place() {
    let log = Log::default();
    let observed = |body: Body| body.observe(Arc::new(log.clone()), Side::Request);
    text(observed(message("12345"))).await;
    assert_eq!(log.take(), ["Request 5 Complete"]);
    text(observed(Body::full("1234"))).await;
    assert_eq!(log.take(), ["Request 4 Complete"]);
    read(observed(with_trailers("123"))).await.expect("a whole body");
    assert_eq!(log.take(), ["Request 3 Complete"]);
    read(observed(failing())).await.expect_err("it fails");
    assert_eq!(log.take(), ["Request 4 failed: the stream was reset with code 8"]);
    let mut body = observed(message("12345"));
    body.frame().await.expect("a frame").expect("data");
    drop(body);
    assert_eq!(log.take(), ["Request 3 Dropped"]);
    drop(observed(Body::empty()));
    assert_eq!(log.take(), ["Request 0 Complete"]);

    // A compressor outside: the observer counts what it was given, the one outside what it made.
    let body = observed(message("12345")).map_data(|data| data.slice(..1));
    text(body.observe(Arc::new(log.clone()), Side::Response)).await;
    assert_eq!(log.take(), ["Request 5 Complete", "Response 2 Complete"]);
}

#[tokio::test]
async fn a_channel_carries_data_and_trailers_under_back_pressure() {
    for capacity in [0, 1, 8] {
        let (sender, body) = Body::channel(capacity);
        let produce = async move {
            for piece in ["a", "b", "c"] {
                sender.data(piece).await?;
            }
            sender.trailers(trailers()).await
        };
        let (sent, collected) = tokio::join!(produce, read(body));
        assert_eq!(sent, Ok(()), "capacity {capacity}");
        let collected = collected.expect("a whole body");
        assert_eq!((&**collected.data(), collected.trailers()), (&b"abc"[..], Some(&trailers())));
    }
    let (sender, mut body) = Body::channel(2);
    sender.data("1").await.expect("room");
    sender.data("2").await.expect("room");
    let mut third = Box::pin(sender.data("3"));
    assert!(futures_util::poll!(third.as_mut()).is_pending(), "full");
    body.frame().await.expect("a frame").expect("data");
    assert_eq!(third.await, Ok(()));
}

#[tokio::test]
async fn a_channel_ends_as_its_sender_says() {
    let (sender, body) = Body::channel(2);
    sender.finish().await.expect("room");
    assert_eq!(text(body).await, "");
    let (sender, body) = Body::channel(2);
    sender.data("half").await.expect("room");
    drop(sender);
    assert!(matches!(read(body).await, Err(BodyError::Disconnected)), "never a clean end");
    let (sender, body) = Body::channel(2);
    sender.fail(BodyError::Timeout).await.expect("room");
    assert!(matches!(read(body).await, Err(BodyError::Timeout)));
    let (sender, body) = Body::channel(2);
    let mut closed = Box::pin(sender.closed());
    assert!(futures_util::poll!(closed.as_mut()).is_pending());
    drop(body);
    closed.await;
    assert_eq!(sender.data("late").await, Err(SendError));
}

#[tokio::test]
async fn errors_of_streams_keep_their_cause() {
    let io = std::io::Error::other("cable cut");
    let body = Body::from_stream(stream::iter([Err::<Bytes, _>(io)]));
    assert!(
        matches!(read(body).await, Err(BodyError::Io(error)) if error.to_string() == "cable cut")
    );
    let boxed: Box<dyn std::error::Error + Send + Sync> = "odd".into();
    let error = BodyError::from(boxed);
    assert!(matches!(&error, BodyError::Other(cause) if cause.to_string() == "odd"));
    let boxed: Box<dyn std::error::Error + Send + Sync> = Box::new(BodyError::Timeout);
    assert!(matches!(BodyError::from(boxed), BodyError::Timeout), "ours is unpacked");
}

#[tokio::test]
async fn debug_of_a_body_shows_no_content() {
    let text = format!("{:?}", Body::full("secret"));
    assert_eq!(text, "Body { kind: \"full\", known_length: Some(6), .. }");
}
