use std::path::Path;

use proptest::prelude::*;

use super::*;

fn full_disk() -> SpillDir {
    SpillDir::opening(|_| File::options().write(true).open("/dev/full"))
}

fn rules(memory_limit: usize) -> Rules {
    Rules { memory_limit, max_size: None, read_timeout: None }
}

/// A body of unknown length with these frames and trailers behind them.
async fn body(frames: &[Vec<u8>]) -> Body {
    let (sender, body) = Body::channel(frames.len() + 1);
    for frame in frames {
        sender.data(frame.clone()).await.unwrap();
    }
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", http::HeaderValue::from_static("1"));
    sender.trailers(trailers).await.unwrap();
    body
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(future)
}

#[test]
fn a_full_disk_is_an_error_and_no_panic() {
    // All in one write, and in several.
    for (memory_limit, frames) in [(0, 1), (3, 1), (3, 4), (8, 4)] {
        let frames = vec![vec![7; 5]; frames];
        let read = block_on(async {
            buffer(body(&frames).await, &rules(memory_limit), &full_disk()).await
        });
        match read {
            Err(Failure::Write(error)) => {
                assert_eq!(error.kind(), io::ErrorKind::StorageFull, "{memory_limit}");
            }
            other => panic!("{memory_limit}: {other:?}"),
        }
    }
}

#[test]
fn a_body_that_fits_into_memory_needs_no_file() {
    let none = SpillDir::opening(|_| Err(io::ErrorKind::NotFound.into()));
    let read = block_on(async { buffer(body(&[vec![7; 5]]).await, &rules(5), &none).await });
    assert!(matches!(read, Ok(Buffered::Complete { content: Content::Memory(_), .. })), "{read:?}");
}

#[test]
fn what_is_held_never_has_room_for_more_than_the_limit_or_one_frame() {
    let mut held = Held::default();
    for _ in 0..100 {
        held.push(Bytes::from_static(&[7; 10]), 1000);
        if let Held::Copy(copy) = &held {
            assert!(copy.capacity() <= 1000, "{}", copy.capacity());
        }
    }
    assert_eq!(held.take().len(), 1000);
    assert_eq!(held.len(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn however_a_body_is_cut_its_copies_are_the_body(
        frames in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..8),
        memory_limit in 0..80_usize,
        creatable in any::<bool>(),
    ) {
        let all = frames.concat();
        block_on(async {
            let dir = if creatable {
                SpillDir::new(None)
            } else {
                SpillDir::opening(|_: &Path| Err(io::ErrorKind::NotFound.into()))
            };
            match buffer(body(&frames).await, &rules(memory_limit), &dir).await.unwrap() {
                Buffered::Complete { content, trailers } => {
                    assert!(creatable || !content.is_file());
                    assert_eq!(content.is_file(), all.len() > memory_limit);
                    assert_eq!(content.len(), all.len() as u64);
                    let first = content.into_body(trailers);
                    let second = first.replay().unwrap();
                    for copy in [second, first] {
                        assert_eq!(copy.known_length(), Some(all.len() as u64));
                        let read = copy.collect(1000).await.unwrap();
                        assert_eq!(read.data(), &all);
                        assert_eq!(read.trailers().unwrap()["x-sum"], "1");
                    }
                }
                Buffered::Unbuffered { body, .. } => {
                    assert!(!creatable && all.len() > memory_limit);
                    let read = body.collect(1000).await.unwrap();
                    assert_eq!(read.data(), &all);
                    assert_eq!(read.trailers().unwrap()["x-sum"], "1");
                }
            }
        });
    }
}
