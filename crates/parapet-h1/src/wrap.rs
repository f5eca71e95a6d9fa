use std::fmt;

/// Bytes to write before and after one frame of content, which is itself written as it is.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wrap {
    /// A chunk size line (RFC 9112 §7.1), at most 18 bytes, or nothing.
    pub before: WrapBytes,
    /// CRLF, or nothing.
    pub after: WrapBytes,
}

/// One side of a [`Wrap`]: at most 18 bytes, held inline.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct WrapBytes {
    bytes: [u8; CAPACITY as usize],
    /// The bytes stand at the end of the array, because a number is written from its last digit on.
    start: u8,
}

impl Wrap {
    /// Around a chunk of `size` bytes.
    pub(crate) fn chunk(size: u64) -> Self {
        let mut before = WrapBytes::CRLF;
        let [digits @ .., _, _] = &mut before.bytes;
        let mut left = size;
        for digit in digits.iter_mut().rev() {
            let value = (left & 0xf) as u8;
            *digit = if value < 10 { b'0' + value } else { b'a' + value - 10 };
            before.start -= 1;
            left >>= 4;
            if left == 0 {
                break;
            }
        }
        Self { before, after: WrapBytes::CRLF }
    }
}

impl WrapBytes {
    const CRLF: Self = {
        let mut bytes = [0; CAPACITY as usize];
        let [.., cr, lf] = &mut bytes;
        (*cr, *lf) = (b'\r', b'\n');
        Self { bytes, start: CAPACITY - 2 }
    };

    /// The bytes to write.
    pub fn as_slice(&self) -> &[u8] {
        self.bytes.get(usize::from(self.start)..).unwrap_or_default()
    }

    /// Number of bytes to write.
    pub fn len(&self) -> usize {
        usize::from(CAPACITY - self.start)
    }

    /// Nothing to write.
    pub fn is_empty(&self) -> bool {
        self.start == CAPACITY
    }
}

impl Default for WrapBytes {
    fn default() -> Self {
        Self { bytes: [0; CAPACITY as usize], start: CAPACITY }
    }
}

impl AsRef<[u8]> for WrapBytes {
    fn as_ref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl fmt::Debug for WrapBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b\"{}\"", self.as_slice().escape_ascii())
    }
}

/// Sixteen hex digits and CRLF.
const CAPACITY: u8 = 18;
