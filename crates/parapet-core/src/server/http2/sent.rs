//! What the server said that hyper does not tell: GOAWAY by code, and streams refused.
//!
//! Pure: bytes in, events out. Payloads are skipped, but for the eight bytes that hold a code.

/// A frame that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// GOAWAY with this code.
    GoAway(u32),
    /// RST_STREAM with REFUSED_STREAM.
    Refused,
}

/// Where in the frames the bytes are.
#[derive(Debug, Default)]
pub(super) struct Sent {
    /// Header of the frame, and what of its payload is looked at.
    head: [u8; LOOK],
    filled: usize,
    /// Bytes of payload that are not looked at.
    skip: usize,
}

const HEADER: usize = 9;
const LOOK: usize = HEADER + 8;
const RST_STREAM: u8 = 3;
const GOAWAY: u8 = 7;
const REFUSED_STREAM: u32 = 7;

impl Sent {
    /// Goes over bytes that were sent.
    pub(super) fn feed(&mut self, mut bytes: &[u8], mut said: impl FnMut(Said)) {
        while let Some((first, rest)) = bytes.split_first() {
            if self.skip > 0 {
                let skipped = self.skip.min(bytes.len());
                self.skip -= skipped;
                bytes = bytes.get(skipped..).unwrap_or_default();
                continue;
            }
            if let Some(byte) = self.head.get_mut(self.filled) {
                *byte = *first;
            }
            self.filled += 1;
            bytes = rest;
            if self.filled < HEADER {
                continue;
            }
            let [l1, l2, l3, kind, ..] = self.head;
            let length = usize::from(l1) << 16 | usize::from(l2) << 8 | usize::from(l3);
            let look = match kind {
                RST_STREAM => length.min(4),
                GOAWAY => length.min(8),
                _ => 0,
            };
            if self.filled < HEADER + look {
                continue;
            }
            match (kind, look) {
                (RST_STREAM, 4) if self.number(HEADER) == REFUSED_STREAM => said(Said::Refused),
                (GOAWAY, 8) => said(Said::GoAway(self.number(HEADER + 4))),
                _ => {}
            }
            self.filled = 0;
            self.skip = length - look;
        }
    }

    fn number(&self, at: usize) -> u32 {
        let bytes = self.head.get(at..).and_then(<[u8]>::first_chunk);
        bytes.map_or(0, |bytes| u32::from_be_bytes(*bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        let [_, l1, l2, l3] = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&[l1, l2, l3, kind, 0, 0, 0, 0, 1], payload].concat()
    }

    #[test]
    fn codes_are_seen_however_the_bytes_are_cut() {
        let bytes = [
            frame(4, &[7; 30]),
            frame(0, &vec![7; 5000]),
            frame(RST_STREAM, &[0, 0, 0, 8]),
            frame(RST_STREAM, &[0, 0, 0, 7]),
            frame(4, &[]),
            frame(GOAWAY, &[0, 0, 0, 1, 0, 0, 0, 11, b'c', b'a', b'l', b'm']),
            frame(GOAWAY, &[0; 8]),
            frame(GOAWAY, &[0; 3]),
        ]
        .concat();
        for piece in [1, 2, 7, 9, 17, 64, 1 << 20] {
            let (mut sent, mut said) = (Sent::default(), Vec::new());
            bytes.chunks(piece).for_each(|piece| sent.feed(piece, |one| said.push(one)));
            let expected = [Said::Refused, Said::GoAway(11), Said::GoAway(0)];
            assert_eq!(said, expected, "in pieces of {piece}");
        }
    }
}
