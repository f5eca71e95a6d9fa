use memchr::memchr;

use crate::DecodeError;

/// Finds the empty line that ends a head or trailer section. Goes over each byte once, however the input is cut,
/// and remembers the line ends for the parse that follows.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    /// Up to here there is no line end but those in `ends`.
    position: usize,
    /// Offset of the LF of each line before the empty one. Reused from section to section; bounded by
    /// [`Bounds::lines`].
    ends: Vec<u32>,
}

/// What a section may have, and which of its lines is no field line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) bytes: usize,
    pub(crate) lines: usize,
    pub(crate) bare_lf: bool,
    pub(crate) too_large: DecodeError,
    pub(crate) too_many: DecodeError,
}

/// The start line's part in a scan. Trailers have none.
pub(crate) trait StartLine {
    /// Lines before the first field line: 1 or 0.
    const LINES: usize;

    /// Refuses a line by its beginning. The result for a line must be that of its shortest refused beginning,
    /// so that it does not matter how the input was cut.
    fn beginning(&mut self, line: &[u8]) -> Result<(), DecodeError>;

    /// Reads the whole line, without its line end.
    fn whole(&mut self, line: &[u8]) -> Result<(), DecodeError>;
}

impl Scan {
    /// Looks at the bytes added since the last call. Returns the section's length, its empty line included, once
    /// it is complete.
    #[inline]
    pub(crate) fn run<S: StartLine>(
        &mut self,
        buffered: &[u8],
        bounds: &Bounds,
        start: &mut S,
    ) -> Result<Option<usize>, DecodeError> {
        let window = buffered.get(..bounds.bytes).unwrap_or(buffered);
        let mut line_start = self.ends.last().map_or(0, |end| *end as usize + 1);
        loop {
            let rest = window.get(self.position..).unwrap_or_default();
            let Some(offset) = memchr(b'\n', rest) else {
                self.position = window.len();
                if self.ends.len() < S::LINES {
                    start.beginning(window)?;
                }
                return if buffered.len() < bounds.bytes {
                    Ok(None)
                } else {
                    Err(bounds.too_large)
                };
            };
            let end = self.position + offset;
            let raw = window.get(line_start..end).unwrap_or_default();
            let is_start = self.ends.len() < S::LINES;
            if is_start {
                start.beginning(raw)?;
            }
            let line = match raw {
                [line @ .., b'\r'] => line,
                line if bounds.bare_lf => line,
                _ => return Err(DecodeError::BareLf),
            };
            self.position = end + 1;
            if is_start {
                start.whole(line)?;
            } else if line.is_empty() {
                return Ok(Some(self.position));
            } else if self.ends.len() >= bounds.lines + S::LINES {
                return Err(bounds.too_many);
            }
            // A section is at most 16 MiB long.
            self.ends.push(u32::try_from(end).unwrap_or(u32::MAX));
            line_start = self.position;
        }
    }

    /// Number of field lines found.
    pub(crate) fn field_lines<S: StartLine>(&self) -> usize {
        self.ends.len().saturating_sub(S::LINES)
    }

    /// Where each line of the section ends, the start line's first if there is one.
    pub(crate) fn ends(&self) -> &[u32] {
        &self.ends
    }

    /// Forgets the section.
    pub(crate) fn reset(&mut self) {
        self.position = 0;
        self.ends.clear();
    }
}
