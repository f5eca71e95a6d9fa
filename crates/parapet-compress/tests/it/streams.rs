use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use parapet_compress::{self as compress, BrOptions, Compress, ZstdLevel};
use parapet_core::{Body, BodyError, Middleware, handler_fn};
use proptest::prelude::*;

use crate::support::{decode, decode_part, get, layers, noise, plain, text, through};

/// The body of `layer`, of one encoding, around `body`.
async fn encoded(layer: &Compress, body: impl Into<Body>) -> Body {
    let layer = layer.clone().types("*").min_length(0);
    let response = through(&layer, get("*"), plain(body)).await;
    assert!(response.headers().contains_key("content-encoding"));
    response.into_body()
}

#[tokio::test]
async fn decoding_gives_the_bytes_of_the_origin_at_every_level() {
    let mut all = Vec::new();
    for level in -1..=9 {
        all.push(("gzip", compress::gzip_with_level(level).unwrap()));
    }
    all.push(("deflate", compress::deflate()));
    for quality in 0..=11 {
        all.push(("br", compress::br_with_quality(quality).unwrap()));
    }
    for lgwin in [10, 24] {
        let options = BrOptions { lgwin, ..BrOptions::default() };
        all.push(("br", compress::br_with_options(options).unwrap()));
    }
    for level in [-131_072, -5, 0, 1, 3, 7, 11, 19] {
        all.push(("zstd", compress::zstd_with_level(ZstdLevel::Level(level)).unwrap()));
    }
    for (encoding, layer) in all {
        let inputs = [text(5_000).into_bytes(), noise(70_000), b"x".to_vec(), vec![0; 100_000]];
        for input in inputs {
            for known in [true, false] {
                let body = Body::from(Bytes::from(input.clone()));
                let body = if known { body } else { body.map_frames(|frame| frame) };
                let body = encoded(&layer, body).await.collect(200_000).await.unwrap();
                let decoded = decode(encoding, body.data()).unwrap();
                assert!(decoded == input, "{layer:?} {} {known}", input.len());
            }
        }
    }
}

#[tokio::test]
async fn an_empty_stream_is_a_valid_empty_encoding() {
    for (encoding, layer) in layers() {
        let (sender, body) = Body::channel(1);
        sender.finish().await.unwrap();
        let body = encoded(&layer, body).await.collect(100).await.unwrap();
        assert_eq!(decode(encoding, body.data()).unwrap(), b"", "{encoding}");
        assert!(!body.data().is_empty(), "{encoding}");
    }
}

#[tokio::test]
async fn all_that_the_origin_sent_can_be_decoded_when_it_makes_the_body_wait() {
    for (encoding, layer) in layers() {
        let (sender, body) = Body::channel(4);
        let mut body = encoded(&layer, body).await;
        let (mut sent, mut received) = (Vec::new(), Vec::new());
        for event in ["data: 1\n\n".into(), "data: 2\n\n".into(), text(9_000), "e".into()] {
            sender.data(event.clone()).await.unwrap();
            sent.extend(event.bytes());
            while let Some(frame) = body.frame().now_or_never() {
                received.extend(frame.unwrap().unwrap().into_data().unwrap());
            }
            assert_eq!(decode_part(encoding, &received), sent, "{encoding}");
            let length = received.len();
            assert!(body.frame().now_or_never().is_none(), "{encoding}: nothing to flush twice");
            assert_eq!(received.len(), length);
        }
        sender.finish().await.unwrap();
        received.extend(body.collect(1_000).await.unwrap().data());
        assert_eq!(decode(encoding, &received).unwrap(), sent, "{encoding}");
    }
}

#[tokio::test]
async fn frames_that_are_ready_do_not_flush() {
    for (encoding, layer) in layers() {
        let all = text(40_000);
        let frames = all.as_bytes().chunks(100).map(|chunk| Ok::<_, BodyError>(chunk.to_vec()));
        let frames = Body::from_stream(futures_util::stream::iter(frames.collect::<Vec<_>>()));
        let many = encoded(&layer, frames).await.collect(40_000).await.unwrap();
        let one = Body::from(all.clone()).map_frames(|frame| frame);
        let one = encoded(&layer, one).await.collect(40_000).await.unwrap();
        assert_eq!(decode(encoding, many.data()).unwrap(), all.as_bytes());
        let (many, one) = (many.data().len(), one.data().len());
        // 400 flushes would take 5 bytes each at the least.
        assert!(many <= one + one / 10, "{encoding}: {many} bytes from 400 frames, {one} from one");
    }
}

#[tokio::test]
async fn trailers_follow_the_last_byte_without_digests() {
    for (encoding, layer) in layers() {
        let (sender, body) = Body::channel(2);
        sender.data("hello").await.unwrap();
        let mut trailers = HeaderMap::new();
        trailers.insert("x-sum", "1".parse().unwrap());
        trailers.insert("content-digest", "sha-256=:AA==:".parse().unwrap());
        sender.trailers(trailers).await.unwrap();
        let body = encoded(&layer, body).await.collect(1_000).await.unwrap();
        assert_eq!(decode(encoding, body.data()).unwrap(), b"hello", "{encoding}");
        let trailers = body.trailers().unwrap();
        assert_eq!((trailers.len(), &trailers["x-sum"]), (1, &"1".parse().unwrap()), "{encoding}");
    }
}

#[tokio::test]
async fn a_body_that_fails_has_no_valid_ending() {
    for (encoding, layer) in layers() {
        for sent in ["", "hello"] {
            let (sender, body) = Body::channel(2);
            if !sent.is_empty() {
                sender.data(sent).await.unwrap();
            }
            let mut body = encoded(&layer, body).await;
            let mut received = Vec::new();
            while let Some(frame) = body.frame().now_or_never() {
                received.extend(frame.unwrap().unwrap().into_data().unwrap());
            }
            sender.fail(BodyError::Io(std::io::ErrorKind::ConnectionReset.into())).await.unwrap();
            assert!(matches!(body.frame().await, Some(Err(BodyError::Io(_)))), "{encoding}");
            assert!(body.frame().await.is_none());
            assert_eq!(decode_part(encoding, &received), sent.as_bytes(), "{encoding}");
            // The gzip decoder takes no byte at all for an empty file.
            if !received.is_empty() {
                decode(encoding, &received).unwrap_err();
            }
        }
    }
}

/// A body that lies about its length.
struct Liar(Option<Bytes>);

impl http_body::Body for Liar {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        Poll::Ready(self.0.take().map(|data| Ok(Frame::data(data))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(1_000)
    }
}

#[tokio::test]
async fn a_body_longer_than_it_said_fails_or_is_whole() {
    for (encoding, layer) in layers() {
        for length in [900, 1_100] {
            let body = Body::new(Liar(Some(Bytes::from(text(length)))));
            match encoded(&layer, body).await.collect(10_000).await {
                Ok(body) => assert_eq!(decode(encoding, body.data()).unwrap().len(), length),
                Err(error) => {
                    assert_eq!(encoding, "zstd");
                    let BodyError::Other(source) = error else { panic!("{error:?}") };
                    assert_eq!(source.to_string(), "the zstd encoder failed");
                }
            }
        }
    }
}

#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Polls to the end; the bytes that came, the longest frame, and how often the worker was given back.
fn drain(mut body: Body) -> (Vec<u8>, usize, usize) {
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let (mut bytes, mut longest, mut yields) = (Vec::new(), 0, 0);
    loop {
        match http_body::Body::poll_frame(Pin::new(&mut body), &mut Context::from_waker(&waker)) {
            Poll::Ready(Some(frame)) => {
                let data = frame.unwrap().into_data().unwrap();
                longest = longest.max(data.len());
                bytes.extend(data);
            }
            Poll::Ready(None) => return (bytes, longest, yields),
            Poll::Pending => yields += 1,
        }
        assert_eq!(woken.0.load(Ordering::SeqCst), yields, "each yield wakes its task");
    }
}

#[tokio::test]
async fn a_long_frame_is_encoded_in_slices_with_a_yield_between_them() {
    for (encoding, layer) in layers() {
        for input in [text(1 << 20).into_bytes(), noise(1 << 20), vec![0; 1 << 20]] {
            let body = encoded(&layer, Bytes::from(input.clone())).await;
            let (bytes, longest, yields) = drain(body);
            assert_eq!(yields, 16, "{encoding}: one for each 64 KiB");
            assert!(longest <= 16 * 1024, "{encoding}: {longest}");
            assert!(decode(encoding, &bytes).unwrap() == input, "{encoding}");
        }
    }
}

/// Yields the same frame for ever.
struct Endless(Bytes);

impl http_body::Body for Endless {
    type Data = Bytes;
    type Error = BodyError;
    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        Poll::Ready(Some(Ok(Frame::data(self.0.clone()))))
    }
}

#[tokio::test]
async fn an_endless_stream_gives_the_worker_back() {
    for (encoding, layer) in layers() {
        for frame in [vec![], vec![0], vec![0; 1 << 20]] {
            let length = frame.len();
            let mut body = encoded(&layer, Body::new(Endless(frame.into()))).await;
            let woken = Arc::new(Woken::default());
            let waker = Waker::from(Arc::clone(&woken));
            let mut cx = Context::from_waker(&waker);
            // One poll returns although the origin is always ready, and asks to be polled again.
            let mut frames = 0;
            while http_body::Body::poll_frame(Pin::new(&mut body), &mut cx).is_ready() {
                frames += 1;
            }
            assert!(frames <= 5, "{encoding}, frames of {length}: {frames} frames of output");
            assert_eq!(woken.0.load(Ordering::SeqCst), 1, "{encoding}, frames of {length}");
        }
    }
}

struct Flag(Arc<AtomicBool>);

impl Drop for Flag {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn guards_of_the_body_are_kept_until_it_ends_or_is_dropped() {
    for (encoding, layer) in layers() {
        let closed = Arc::new(AtomicBool::new(false));
        let body = Body::from(text(5_000)).with_guard(Flag(Arc::clone(&closed)));
        let body = encoded(&layer, body).await;
        assert!(!closed.load(Ordering::SeqCst), "{encoding}");
        body.collect(10_000).await.unwrap();
        assert!(closed.load(Ordering::SeqCst), "{encoding}");

        let closed = Arc::new(AtomicBool::new(false));
        let (sender, body) = Body::channel(1);
        let mut body = encoded(&layer, body.with_guard(Flag(Arc::clone(&closed)))).await;
        sender.data("hello").await.unwrap();
        body.frame().await.unwrap().unwrap();
        assert!(!closed.load(Ordering::SeqCst), "{encoding}");
        drop(body);
        assert!(closed.load(Ordering::SeqCst), "{encoding}");
        sender.closed().await;
    }
}

#[test]
fn the_layer_and_its_bodies_can_be_shared_and_moved() {
    fn both<T: Send + Sync>() {}
    both::<Compress>();
    both::<compress::Encoding>();
    both::<compress::Error>();
    both::<Body>();
    let _ = compress::gzip().wrap(handler_fn(|_| async { "" }));
}

/// What an origin does with its body.
#[derive(Clone, Debug)]
enum Act {
    Data(Vec<u8>),
    Wait,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let data = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..300),
        (0..90_000_usize).prop_map(|length| text(length).into_bytes()),
        (0..90_000_usize).prop_map(noise),
    ];
    proptest::collection::vec(
        prop_oneof![3 => data.prop_map(Act::Data), 1 => Just(Act::Wait)],
        0..8,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn frames_and_waits_do_not_change_what_is_decoded(acts in acts(), which in 0..4_usize) {
        let (encoding, layer) = layers()[which].clone();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (sender, body) = Body::channel(1);
            let mut body = encoded(&layer, body).await;
            let (mut sent, mut received) = (Vec::new(), Vec::new());
            for act in acts {
                match act {
                    Act::Data(data) => {
                        sent.extend(&data);
                        // The channel holds one frame: what is in it is taken when the next one comes.
                        let mut sending = std::pin::pin!(sender.data(data));
                        loop {
                            tokio::select! {
                                biased;
                                done = &mut sending => break done.unwrap(),
                                frame = body.frame() => received.extend(frame.unwrap().unwrap().into_data().unwrap()),
                            }
                        }
                    }
                    Act::Wait => {
                        // Until it is pending and no yield: twice in a row.
                        let mut idle = 0;
                        while idle < 3 {
                            match body.frame().now_or_never() {
                                Some(frame) => {
                                    idle = 0;
                                    received.extend(frame.unwrap().unwrap().into_data().unwrap());
                                }
                                None => idle += 1,
                            }
                        }
                        assert!(decode_part(encoding, &received) == sent, "{encoding}");
                    }
                }
            }
            let finish = sender.finish();
            let (finished, rest) = tokio::join!(finish, body.collect(2 << 20));
            finished.unwrap();
            received.extend(rest.unwrap().data());
            assert!(decode(encoding, &received).unwrap() == sent, "{encoding}");
        });
    }
}
