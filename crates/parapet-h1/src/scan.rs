use bytes::Bytes;
use memchr::memchr;

use crate::DecodeError;
use crate::line_memory::LineMemory;

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
    /// Of heads; trailers are rare.
    memory: LineMemory,
}

/// A line's place in its section. A section has at most 16 MiB.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    pub(crate) start: u32,
    /// Before the line end.
    pub(crate) end: u32,
    /// Behind the line end.
    pub(crate) next: u32,
    /// Its number in the memory, if it is known from there.
    pub(crate) known: Option<u32>,
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
        let mut from = self.position;
        if self.lines.capacity() == 0 {
            self.lines.reserve(32); // a browser's head; else the first one would grow it four times
        }
        loop {
            let rest = window.get(from..).unwrap_or_default();
            if S::LINES > 0
                && self.lines.len() >= S::LINES
                && from == self.line_start
                && !matches!(rest, [] | [b'\r' | b'\n', ..])
                && let Some((number, line)) = self.memory.find(rest)
            {
                if self.lines.len() >= bounds.lines + S::LINES {
                    return Err(bounds.too_many);
                }
                let end = from + (line.end - line.start) as usize;
                from += (line.next - line.start) as usize;
                self.remember(end, from, u32::try_from(number).ok());
                continue;
            }
            let Some(offset) = memchr(b'\n', rest) else { break };
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
            from = lf + 1;
            self.remember(end, from, None);
        }
        self.position = window.len();
        if self.lines.len() < S::LINES {
            start.beginning(window)?;
        }
        if buffered.len() < bounds.bytes { Ok(None) } else { Err(bounds.too_large) }
    }

    #[inline]
    fn remember(&mut self, end: usize, next: usize, known: Option<u32>) {
        let place = |at| u32::try_from(at).unwrap_or(u32::MAX);
        self.lines.push(Line {
            start: place(self.line_start),
            end: place(end),
            next: place(next),
            known,
        });
        self.line_start = next;
    }

    /// The lines of the complete section, the start line first if there is one.
    pub(crate) fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// The lines of the complete section with the memory that their numbers mean.
    pub(crate) fn lines_and_memory(&mut self) -> (&[Line], &mut LineMemory) {
        (&self.lines, &mut self.memory)
    }

    /// The complete section is a head without fault: its field lines are worth knowing.
    #[inline]
    pub(crate) fn head_done<S: StartLine>(&mut self, section: &Bytes) {
        self.memory.done(section, self.lines.get(S::LINES..).unwrap_or_default());
    }

    /// Forgets the section.
    pub(crate) fn reset(&mut self) {
        self.position = 0;
        self.line_start = 0;
        self.lines.clear();
        self.memory.rewind();
    }

    /// Gives all memory back that is kept from head to head.
    pub(crate) fn shrink(&mut self) {
        self.memory = LineMemory::default();
        if self.lines.is_empty() {
            self.lines = Vec::new();
        }
    }
}
