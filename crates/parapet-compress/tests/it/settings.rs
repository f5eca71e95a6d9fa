use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use parapet_compress::{self as compress, BrOptions, Encoding, ZstdLevel};
use parapet_core::{Body, BodyError};

use crate::support::{get, plain, text, through};

#[test]
fn bad_settings_are_errors_that_tell_the_range() {
    let quality = |quality| BrOptions { quality, ..BrOptions::default() };
    let window = |lgwin| BrOptions { lgwin, ..BrOptions::default() };
    for (result, expected) in [
        (compress::gzip_with_level(10), "gzip has no level 10: allowed are -1 to 9"),
        (compress::gzip_with_level(-2), "gzip has no level -2: allowed are -1 to 9"),
        (compress::gzip_with_level(i32::MIN), "gzip has no level -2147483648: allowed are -1 to 9"),
        (compress::br_with_quality(12), "br has no level 12: allowed are 0 to 11"),
        (
            compress::br_with_options(quality(u32::MAX)),
            "br has no level 4294967295: allowed are 0 to 11",
        ),
        (compress::br_with_options(window(9)), "br has no window of 9 bits: allowed are 10 to 24"),
        (
            compress::br_with_options(window(25)),
            "br has no window of 25 bits: allowed are 10 to 24",
        ),
        (
            compress::zstd_with_level(ZstdLevel::Level(23)),
            "zstd has no level 23: allowed are -131072 to 22",
        ),
        (
            compress::zstd_with_level(ZstdLevel::Level(-131_073)),
            "zstd has no level -131073: allowed are -131072 to 22",
        ),
    ] {
        assert_eq!(result.unwrap_err().to_string(), expected);
    }
    let error = Encoding::deflate(11).unwrap_err();
    assert_eq!(error.to_string(), "deflate has no level 11: allowed are -1 to 9");
}

#[test]
fn the_names_of_levels_are_levels() {
    for (level, number) in [
        (ZstdLevel::Fastest, 1),
        (ZstdLevel::default(), 3),
        (ZstdLevel::Better, 7),
        (ZstdLevel::Best, 11),
        (ZstdLevel::Level(-7), -7),
    ] {
        let shown = format!("{:?}", Encoding::zstd(level).unwrap());
        assert_eq!(shown, format!("Encoding {{ name: \"zstd\", level: {number}, .. }}"));
    }
    assert_eq!(
        format!("{:?}", Encoding::br(BrOptions { quality: 11, lgwin: 24 }).unwrap()),
        "Encoding { name: \"br\", level: 11, window_bits: 24, .. }"
    );
    assert_eq!(format!("{:?}", Encoding::gzip(-1).unwrap()), format!("{:?}", Encoding::GZIP));
    let names: Vec<_> = Encoding::all().map(|encoding| encoding.name()).collect();
    assert_eq!(names, ["zstd", "br", "gzip", "deflate"]);
}

/// Window of a zstd frame in bytes (RFC 8878 §3.1.1.1).
fn window(frame: &[u8]) -> u64 {
    assert_eq!(frame[..4], [0x28, 0xb5, 0x2f, 0xfd]);
    let (descriptor, window) = (frame[4], frame[5]);
    if descriptor & 0x20 != 0 {
        // A single segment: the size of the content, which follows, is the window.
        let bytes = &frame[5..];
        return match descriptor >> 6 {
            0 => u64::from(bytes[0]),
            1 => u64::from(u16::from_le_bytes(bytes[..2].try_into().unwrap())) + 256,
            2 => u64::from(u32::from_le_bytes(bytes[..4].try_into().unwrap())),
            _ => u64::from_le_bytes(bytes[..8].try_into().unwrap()),
        };
    }
    let base = 1_u64 << (10 + (window >> 3));
    base + base / 8 * u64::from(window & 7)
}

/// 64 MiB by its known length, without the time that all of it would take.
struct Long(Option<Bytes>);

impl http_body::Body for Long {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.0.take().map_or(Poll::Pending, |data| Poll::Ready(Some(Ok(Frame::data(data)))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(64 << 20)
    }
}

#[tokio::test]
async fn no_zstd_frame_declares_more_than_8_mib() {
    let long = Bytes::from(text(64 * 1024));
    for level in [3, 11, 17, 18, 19, 20, 21, 22] {
        let layer = compress::zstd_with_level(ZstdLevel::Level(level)).unwrap();
        let unknown = Body::from(long.clone()).map_frames(|frame| frame);
        for body in [Body::new(Long(Some(long.clone()))), unknown] {
            let known = body.known_length();
            let mut body = through(&layer, get("zstd"), plain(body)).await.into_body();
            let frame = body.frame().await.unwrap().unwrap().into_data().unwrap();
            let window = window(&frame);
            assert!(window <= 8 << 20, "level {level}, length {known:?}: {window}");
            assert!(level < 20 || window == 8 << 20, "level {level}, length {known:?}: {window}");
        }
    }
}

/// The whole of the check above at one level: a body of 64 MiB that a client with 8 MiB can decode.
#[tokio::test]
async fn a_client_with_8_mib_decodes_64_mib_of_level_19() {
    let layer = compress::zstd_with_level(ZstdLevel::Level(19)).unwrap();
    let (mut left, block) = (64_usize, Bytes::from(vec![b'x'; 1 << 20]));
    let frames = std::iter::from_fn(move || {
        left = left.checked_sub(1)?;
        Some(Ok::<_, BodyError>(block.clone()))
    });
    let body = Body::from_stream(futures_util::stream::iter(frames));
    let body = through(&layer, get("zstd"), plain(body)).await.into_body();
    let body = body.collect(1 << 20).await.unwrap();
    assert!(window(body.data()) <= 8 << 20);
    let decoded = crate::support::decode("zstd", body.data()).unwrap();
    assert!(decoded.len() == 64 << 20 && decoded.iter().all(|byte| *byte == b'x'));
}
