use memchr::memchr_iter;

use crate::DecodeError;

/// Finds the empty line that ends a head or trailer section. Goes over each byte once, however the input is cut,
/// and remembers the lines for the parse that follows.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    /// Up to here there is no line end but those of `lines`.
    position: usize,
    /// Where the line begins whose end is looked for.
    line_start: usize,
    /// The lines before the empty one. Reused from section to section; bounded by [`Bounds::lines`].
    lines: Vec<Line>,
}

/// A line's place in its section, its line end excluded. A section has at most 16 MiB.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    pub(crate) start: u32,
    pub(crate) end: u32,
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
        let from = self.position;
        if self.lines.capacity() == 0 {
            self.lines.reserve(32); // a browser's head; else the first one would grow it four times
        }
        for offset in memchr_iter(b'\n', window.get(from..).unwrap_or_default()) {
            let lf = from + offset;
            let with_cr = lf > self.line_start && window.get(lf - 1) == Some(&b'\r');
            let end = lf - usize::from(with_cr);
            let is_start = self.lines.len() < S::LINES;
            if is_start {
                start.beginning(window.get(self.line_start..lf).unwrap_or_default())?;
            }
            if !with_cr && !bounds.bare_lf {
                return Err(DecodeError::BareLf);
            }
            if is_start {
                start.whole(window.get(self.line_start..end).unwrap_or_default())?;
            } else if end == self.line_start {
                return Ok(Some(lf + 1));
            } else if self.lines.len() >= bounds.lines + S::LINES {
                return Err(bounds.too_many);
            }
            self.remember(end);
            self.line_start = lf + 1;
        }
        self.position = window.len();
        if self.lines.len() < S::LINES {
            start.beginning(window)?;
        }
        if buffered.len() < bounds.bytes { Ok(None) } else { Err(bounds.too_large) }
    }

    #[inline]
    fn remember(&mut self, end: usize) {
        let place = |at| u32::try_from(at).unwrap_or(u32::MAX);
        self.lines.push(Line { start: place(self.line_start), end: place(end) });
    }

    /// The lines of the complete section, the start line first if there is one.
    pub(crate) fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Forgets the section.
    pub(crate) fn reset(&mut self) {
        self.position = 0;
        self.line_start = 0;
        self.lines.clear();
    }
}
