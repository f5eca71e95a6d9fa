use std::ops::RangeInclusive;

use http::HeaderValue;

use crate::params::pair;
use crate::pieces::Pieces;

/// What a `Range` field asks of content of a known size (RFC 9110 §14.1.2, §14.2).
#[non_exhaustive]
#[derive(Clone, Debug)]
pub enum Ranges<'a> {
    /// Answer as if there were no `Range`: another unit, bad syntax, too many members, no content
    /// to take a part of, or more asked for than there is.
    Ignore,
    /// No member touches the content: 416.
    Unsatisfiable,
    /// The parts to send: 206.
    Some(ByteRanges<'a>),
}

/// Reads a `Range` value of the unit `bytes` against content of `size` bytes.
///
/// An end behind the content is cut to it. More than `max` members → [`Ranges::Ignore`], as is a
/// sum of all ranges above `size`: such a request costs more than the whole. Overlapping ranges
/// are kept as asked.
pub fn byte_ranges(value: &HeaderValue, size: u64, max: usize) -> Ranges<'_> {
    let (unit, Some(members)) = pair(value.as_bytes()) else { return Ranges::Ignore };
    if !unit.eq_ignore_ascii_case(b"bytes") {
        return Ranges::Ignore; // RFC 9110 §14.2
    }
    let (mut count, mut satisfiable, mut spare) = (0, 0, size);
    let members = Pieces::new(members, b',');
    for member in members.clone().filter(|member| !member.is_empty()) {
        count += 1;
        let Some(spec) = Spec::parse(member).filter(|_| count <= max) else {
            return Ranges::Ignore;
        };
        if let Some(range) = spec.within(size) {
            satisfiable += 1;
            // The range lies in the content, so its length fits into `u64`.
            let Some(left) = spare.checked_sub(range.end() - range.start() + 1) else {
                return Ranges::Ignore;
            };
            spare = left;
        }
    }
    if count == 0 || size == 0 {
        Ranges::Ignore
    } else if satisfiable == 0 {
        Ranges::Unsatisfiable
    } else {
        Ranges::Some(ByteRanges { members, size, left: satisfiable })
    }
}

/// Ranges in the order asked, first and last byte inclusive, each inside the content; at least one.
#[derive(Clone, Debug)]
pub struct ByteRanges<'a> {
    members: Pieces<'a>,
    size: u64,
    /// Satisfiable ranges that `members` still holds.
    left: usize,
}

impl Iterator for ByteRanges<'_> {
    type Item = RangeInclusive<u64>;

    fn next(&mut self) -> Option<RangeInclusive<u64>> {
        let Self { members, size, left } = self;
        let range = members.find_map(|member| Spec::parse(member)?.within(*size))?;
        *left = left.saturating_sub(1);
        Some(range)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for ByteRanges<'_> {}

/// One member, well-formed (RFC 9110 §14.1.1).
#[derive(Clone, Copy)]
enum Spec {
    /// `a-b` and `a-`.
    From { first: u64, last: u64 },
    /// `-n`.
    Suffix { length: u64 },
}

impl Spec {
    fn parse(member: &[u8]) -> Option<Self> {
        let dash = member.iter().position(|byte| *byte == b'-')?;
        let (first, last) = member.split_at_checked(dash)?;
        match (first, last.strip_prefix(b"-")?) {
            ([], length) => Some(Self::Suffix { length: number(length)? }),
            (first, []) => Some(Self::From { first: number(first)?, last: u64::MAX }),
            (first, last) => {
                let (first, last) = (number(first)?, number(last)?);
                (first <= last).then_some(Self::From { first, last })
            }
        }
    }

    /// The part of the content that this names; `None` if unsatisfiable.
    fn within(self, size: u64) -> Option<RangeInclusive<u64>> {
        let end = size.checked_sub(1)?;
        match self {
            Self::From { first, last } => (first <= end).then(|| first..=last.min(end)),
            Self::Suffix { length: 0 } => None,
            Self::Suffix { length } => Some(size.saturating_sub(length)..=end),
        }
    }
}

/// Digits only. What `u64` cannot hold lies behind any content, so it is cut to the highest.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(
        digits.iter().fold(0, |sum: u64, digit| {
            sum.saturating_mul(10).saturating_add(u64::from(digit - b'0'))
        }),
    )
}
