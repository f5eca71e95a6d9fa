//! Counts what neither hyper nor h2 shows: the frames of a connection, by their 9-byte headers (RFC 9113 §4.1).
//!
//! Pure: bytes and a point in time in, a verdict out. Payloads are skipped, but for the four bytes of WINDOW_UPDATE.

use std::mem;
use std::time::{Duration, Instant};

/// Length of the client's preface (RFC 9113 §3.4).
const PREFACE: usize = 24;
const HEADER: usize = 9;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

/// END_STREAM of DATA and HEADERS, ACK of SETTINGS and PING.
const FLAG_1: u8 = 0x1;
const END_HEADERS: u8 = 0x4;

/// CONTINUATION frames of one block: at 16 KiB a frame more than any block within the bounds needs (class of
/// CVE-2024-27316).
const MOST_CONTINUATIONS: u32 = 5;
/// A window update below this moves nothing forward.
const SMALL_UPDATE: u32 = 64;

/// Bounds of one connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct TapLimits {
    pub(super) header_block_bytes: usize,
    pub(super) glitch_burst: u32,
    pub(super) glitch_rate: u32,
}

/// What a client did too much of, or never did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flood {
    HeaderBlock,
    Continuation,
    Glitches,
    /// The first frame is no SETTINGS (RFC 9113 §3.4).
    NoSettings,
}

impl Flood {
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::HeaderBlock => "HTTP/2 header block too large",
            Self::Continuation => "too many HTTP/2 CONTINUATION frames",
            Self::Glitches => "too many HTTP/2 frames that do nothing",
            Self::NoSettings => "HTTP/2 without SETTINGS at its beginning",
        }
    }
}

/// The counter.
#[derive(Debug)]
pub(super) struct Tap {
    limits: TapLimits,
    state: State,
    /// Bytes of the header block that is open, and its CONTINUATION frames so far.
    block: Option<Block>,
    settings_seen: bool,
    bucket: Bucket,
    /// RST_STREAM frames and the weight of glitches since they were last taken.
    resets: u64,
    glitches: u64,
}

#[derive(Debug)]
enum State {
    /// The preface, or a payload.
    Skip {
        left: usize,
    },
    Header {
        bytes: [u8; HEADER],
        filled: usize,
    },
    /// The four bytes of a WINDOW_UPDATE.
    Update {
        bytes: [u8; 4],
        filled: usize,
        left: usize,
    },
}

#[derive(Debug)]
struct Block {
    bytes: usize,
    continuations: u32,
    began: Instant,
}

const NEXT: State = State::Header { bytes: [0; HEADER], filled: 0 };

impl Tap {
    pub(super) fn new(limits: TapLimits, now: Instant) -> Self {
        Self {
            limits,
            state: State::Skip { left: PREFACE },
            block: None,
            settings_seen: false,
            bucket: Bucket { left: u64::from(limits.glitch_burst) * 1000, at: now },
            resets: 0,
            glitches: 0,
        }
    }

    /// Whether the client's first SETTINGS came.
    pub(super) fn settings_seen(&self) -> bool {
        self.settings_seen
    }

    /// When the header block that is not complete yet began.
    pub(super) fn block_began(&self) -> Option<Instant> {
        self.block.as_ref().map(|block| block.began)
    }

    /// Streams that the client reset, and the weight of its cheap frames, since the last call.
    pub(super) fn take_counts(&mut self) -> (u64, u64) {
        (mem::take(&mut self.resets), mem::take(&mut self.glitches))
    }

    /// Goes over bytes that the client sent.
    pub(super) fn feed(&mut self, mut bytes: &[u8], now: Instant) -> Result<(), Flood> {
        while let Some((first, rest)) = bytes.split_first() {
            match &mut self.state {
                State::Skip { left } => {
                    let skipped = (*left).min(bytes.len());
                    *left -= skipped;
                    bytes = bytes.get(skipped..).unwrap_or_default();
                    if *left == 0 {
                        self.state = NEXT;
                    }
                }
                State::Header { bytes: header, filled } => {
                    if let Some(byte) = header.get_mut(*filled) {
                        *byte = *first;
                    }
                    *filled += 1;
                    bytes = rest;
                    if *filled == HEADER {
                        let header = *header;
                        self.frame(header, now)?;
                    }
                }
                State::Update { bytes: increment, filled, left } => {
                    if let Some(byte) = increment.get_mut(*filled) {
                        *byte = *first;
                    }
                    *filled += 1;
                    *left = left.saturating_sub(1);
                    bytes = rest;
                    if *filled == increment.len() {
                        let small = u32::from_be_bytes(*increment) & 0x7fff_ffff < SMALL_UPDATE;
                        let left = *left;
                        self.state = if left == 0 { NEXT } else { State::Skip { left } };
                        if small {
                            self.glitch(1, now)?;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn frame(
        &mut self,
        [l1, l2, l3, kind, flags, ..]: [u8; HEADER],
        now: Instant,
    ) -> Result<(), Flood> {
        let length = usize::from(l1) << 16 | usize::from(l2) << 8 | usize::from(l3);
        self.state = match (kind, length) {
            (_, 0) => NEXT,
            (WINDOW_UPDATE, 4..) => State::Update { bytes: [0; 4], filled: 0, left: length },
            _ => State::Skip { left: length },
        };
        if !self.settings_seen && (kind != SETTINGS || flags & FLAG_1 != 0) {
            return Err(Flood::NoSettings);
        }
        self.resets += u64::from(kind == RST_STREAM);
        match kind {
            HEADERS | CONTINUATION => self.headers(kind, length, flags, now),
            DATA if length == 0 && flags & FLAG_1 == 0 => self.glitch(1, now),
            DATA | GOAWAY | WINDOW_UPDATE => Ok(()),
            SETTINGS | PING if flags & FLAG_1 == 0 => {
                self.settings_seen |= kind == SETTINGS;
                self.glitch(10, now)
            }
            _ => {
                debug_assert!(
                    kind != DATA,
                    "RST_STREAM ({RST_STREAM}), PRIORITY ({PRIORITY}), acks, unknown types"
                );
                self.glitch(1, now)
            }
        }
    }

    fn headers(&mut self, kind: u8, length: usize, flags: u8, now: Instant) -> Result<(), Flood> {
        let block = self.block.get_or_insert(Block { bytes: 0, continuations: 0, began: now });
        block.bytes = block.bytes.saturating_add(length);
        if kind == CONTINUATION {
            block.continuations += 1;
        }
        let verdict = if block.bytes > self.limits.header_block_bytes {
            Err(Flood::HeaderBlock)
        } else if block.continuations > MOST_CONTINUATIONS {
            Err(Flood::Continuation)
        } else {
            Ok(())
        };
        if flags & END_HEADERS != 0 {
            self.block = None;
        }
        verdict
    }

    fn glitch(&mut self, weight: u64, now: Instant) -> Result<(), Flood> {
        let limits = self.limits;
        self.glitches += weight;
        if self.bucket.take(weight, limits, now) { Ok(()) } else { Err(Flood::Glitches) }
    }
}

/// Thousandths of glitches that are left.
#[derive(Debug)]
struct Bucket {
    left: u64,
    at: Instant,
}

impl Bucket {
    fn take(&mut self, weight: u64, limits: TapLimits, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.at).min(Duration::from_secs(3600));
        let refill = u64::from(limits.glitch_rate)
            .saturating_mul(u64::try_from(passed.as_millis()).unwrap_or(u64::MAX));
        if refill > 0 {
            self.at = now;
            self.left = self.left.saturating_add(refill).min(u64::from(limits.glitch_burst) * 1000);
        }
        match self.left.checked_sub(weight * 1000) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Row = (&'static str, Vec<Vec<u8>>, Result<(), Flood>);

    const LIMITS: TapLimits =
        TapLimits { header_block_bytes: 1000, glitch_burst: 100, glitch_rate: 10 };

    fn frame(kind: u8, flags: u8, length: usize) -> Vec<u8> {
        let [_, l1, l2, l3] = u32::try_from(length).unwrap().to_be_bytes();
        let mut frame = vec![l1, l2, l3, kind, flags, 0, 0, 0, 1];
        frame.resize(HEADER + length, 0);
        frame
    }

    fn feed(frames: &[Vec<u8>], piece: usize) -> Result<(), Flood> {
        let now = tokio::time::Instant::now().into_std();
        let mut tap = Tap::new(LIMITS, now);
        tap.settings_seen = true;
        let mut bytes = vec![b'P'; PREFACE];
        bytes.extend(frames.iter().flatten());
        bytes.chunks(piece).try_for_each(|piece| tap.feed(piece, now))
    }

    #[test]
    fn floods_are_seen_however_the_bytes_are_cut() {
        let update = |increment: u32| {
            let mut frame = frame(WINDOW_UPDATE, 0, 4);
            frame[HEADER..].copy_from_slice(&increment.to_be_bytes());
            frame
        };
        let rows: [Row; 12] = [
            ("10 pings", vec![frame(PING, 0, 8); 10], Ok(())),
            ("11 pings", vec![frame(PING, 0, 8); 11], Err(Flood::Glitches)),
            ("100 resets", vec![frame(RST_STREAM, 0, 4); 100], Ok(())),
            ("101 resets", vec![frame(RST_STREAM, 0, 4); 101], Err(Flood::Glitches)),
            ("empty data", vec![frame(DATA, 0, 0); 101], Err(Flood::Glitches)),
            ("ends of streams", vec![frame(DATA, FLAG_1, 0); 1000], Ok(())),
            ("small updates", vec![update(63); 101], Err(Flood::Glitches)),
            ("useful updates", vec![update(64); 1000], Ok(())),
            ("block", vec![frame(HEADERS, END_HEADERS, 1001)], Err(Flood::HeaderBlock)),
            ("blocks", vec![frame(HEADERS, END_HEADERS, 1000); 50], Ok(())),
            (
                "continuations",
                [vec![frame(HEADERS, 0, 1)], vec![frame(CONTINUATION, 0, 0); 6]].concat(),
                Err(Flood::Continuation),
            ),
            (
                "a block in pieces",
                [vec![frame(HEADERS, 0, 500)], vec![frame(CONTINUATION, 0, 501)]].concat(),
                Err(Flood::HeaderBlock),
            ),
        ];
        for (name, frames, verdict) in rows {
            for piece in [1, 2, 7, 9, 64, 1 << 20] {
                assert_eq!(feed(&frames, piece), verdict, "{name} in pieces of {piece}");
            }
        }
    }

    #[test]
    fn the_first_frame_is_settings() {
        let now = tokio::time::Instant::now().into_std();
        let first = |kind, flags| {
            let mut tap = Tap::new(LIMITS, now);
            tap.feed(&[b'P'; PREFACE], now)?;
            tap.feed(&frame(kind, flags, 8), now)
        };
        assert_eq!(first(SETTINGS, 0), Ok(()));
        for (kind, flags) in [(SETTINGS, FLAG_1), (PING, 0), (HEADERS, END_HEADERS), (0x16, 0)] {
            assert_eq!(first(kind, flags), Err(Flood::NoSettings), "{kind}");
        }
    }

    #[test]
    fn forgives_at_its_rate() {
        let start = tokio::time::Instant::now().into_std();
        let mut tap = Tap::new(LIMITS, start);
        (tap.state, tap.settings_seen) = (NEXT, true);
        let reset = frame(RST_STREAM, 0, 4);
        for _ in 0..100 {
            tap.feed(&reset, start).unwrap();
        }
        let later = start + Duration::from_secs(1);
        for _ in 0..10 {
            tap.feed(&reset, later).unwrap();
        }
        assert_eq!(tap.feed(&reset, later), Err(Flood::Glitches));
    }
}
