use std::fmt;
use std::sync::Arc;

use smallvec::SmallVec;

/// What the names of a pattern stood for, in the extensions of a request that a route with names matched.
///
/// Values are decoded; bytes that are no UTF-8 are U+FFFD. A router inside a route puts its own in the place of these.
#[derive(Clone)]
pub struct PathParams {
    names: Arc<[Name]>,
    /// The values, one behind the other: in place while they are short, so that they cost one allocation together.
    text: SmallVec<[u8; 64]>,
    /// Where the values end in `text`.
    ends: SmallVec<[usize; 4]>,
}

impl PathParams {
    /// The value of `{name}` or `{name...}`; `None`: the pattern has no such name.
    pub fn get(&self, name: &str) -> Option<&str> {
        let at = self.names.iter().position(|known| *known.text == *name)?;
        self.value(at)
    }

    /// The values of `names` in the normal path `path`, which has the segments that their pattern asks for.
    pub(crate) fn of(path: &[u8], names: &Arc<[Name]>) -> Self {
        let mut params =
            Self { names: Arc::clone(names), text: SmallVec::new(), ends: SmallVec::new() };
        let mut rest = path.strip_prefix(b"/").unwrap_or(path);
        let mut at = 0;
        for name in names.iter() {
            while at < name.segment {
                rest = split_segment(rest).1;
                at += 1;
            }
            params.push(if name.is_rest { rest } else { split_segment(rest).0 });
        }
        params
    }

    fn push(&mut self, value: &[u8]) {
        for chunk in value.utf8_chunks() {
            self.text.extend_from_slice(chunk.valid().as_bytes());
            if !chunk.invalid().is_empty() {
                self.text.extend_from_slice("\u{fffd}".as_bytes());
            }
        }
        self.ends.push(self.text.len());
    }

    fn value(&self, at: usize) -> Option<&str> {
        let start = match at.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        std::str::from_utf8(self.text.get(start..*self.ends.get(at)?)?).ok()
    }
}

impl fmt::Debug for PathParams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let values = (0..self.ends.len()).filter_map(|at| self.value(at));
        f.debug_map().entries(self.names.iter().map(|name| &*name.text).zip(values)).finish()
    }
}

/// A name of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) text: Box<str>,
    /// Number of the segment that it stands for, from 0.
    pub(crate) segment: usize,
    /// It stands for all segments from there on.
    pub(crate) is_rest: bool,
}

/// The first segment of `rest` and what is behind the slash after it.
fn split_segment(rest: &[u8]) -> (&[u8], &[u8]) {
    let end = rest.iter().position(|&byte| byte == b'/').unwrap_or(rest.len());
    (rest.get(..end).unwrap_or_default(), rest.get(end + 1..).unwrap_or_default())
}
