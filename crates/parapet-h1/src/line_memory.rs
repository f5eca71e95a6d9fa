use bytes::Bytes;
use http::{HeaderName, HeaderValue};

use crate::DecodeError;
use crate::scan::Line;

/// The field lines of an earlier head of the same connection.
///
/// Peers say most of what they say in every message: a browser its `User-Agent`, `Accept` and cookies, an origin its
/// `Server` and `Content-Type`. A line that comes again byte for byte, its line end included, was checked before: one
/// comparison takes the place of the search for its end, of the check of every byte and of the look-up of its name.
///
/// Nothing is taken from it but by equality, so no message can be read otherwise than without it.
#[derive(Debug)]
pub(crate) struct LineMemory {
    section: Bytes,
    lines: Vec<Remembered>,
    /// Where the next line is looked for.
    cursor: usize,
    /// Lines of the present head that were found.
    found: usize,
    /// News to let pass before a head is learned again.
    wait: u32,
    /// The next `wait`: doubled each time, until a head shows that it was worth it.
    patience: u32,
}

#[derive(Debug)]
struct Remembered {
    place: Line,
    /// Made when the line comes again.
    field: Option<Field>,
}

/// What a field line says.
#[derive(Debug)]
pub(crate) struct Field {
    /// Bytes of the name.
    pub(crate) length: usize,
    pub(crate) name: HeaderName,
    pub(crate) value: HeaderValue,
}

/// A head with more is not remembered.
const MOST_BYTES: usize = 4 * 1024;
/// A head with more is not remembered.
const MOST_LINES: usize = 32;
/// A peer that never repeats itself costs one copy of a head in so many heads.
const MOST_PATIENCE: u32 = 256;

/// Learns nothing of the first head: many connections have no second one.
impl Default for LineMemory {
    fn default() -> Self {
        Self { section: Bytes::new(), lines: Vec::new(), cursor: 0, found: 0, wait: 1, patience: 0 }
    }
}

impl LineMemory {
    /// The line that `input` begins with and its number, if it is remembered at this place, the one behind or the one
    /// before: peers add or leave out a line rather than shuffle them.
    #[inline]
    pub(crate) fn find(&mut self, input: &[u8]) -> Option<(usize, Line)> {
        let at = self.cursor;
        for number in [at, at + 1, at.wrapping_sub(1)] {
            let Some(line) = self.lines.get(number) else { continue };
            let (start, next) = (line.place.start as usize, line.place.next as usize);
            if self.section.get(start..next).is_some_and(|raw| input.starts_with(raw)) {
                self.cursor = number + 1;
                self.found += 1;
                return Some((number, line.place));
            }
        }
        self.cursor = at + 1;
        None
    }

    /// What the remembered line says; `decode` finds out when it is asked for the first time.
    #[inline]
    pub(crate) fn field(
        &mut self,
        number: usize,
        decode: impl FnOnce(&Bytes, Line) -> Result<Field, DecodeError>,
    ) -> Result<&Field, DecodeError> {
        // `find` gave the number.
        let line = self.lines.get_mut(number).ok_or(DecodeError::FieldLine)?;
        if line.field.is_none() {
            line.field = Some(decode(&self.section, line.place)?);
        }
        line.field.as_ref().ok_or(DecodeError::FieldLine)
    }

    /// The lines of a head that is complete and without fault: learns them if they were mostly news.
    #[inline]
    pub(crate) fn done(&mut self, section: &Bytes, lines: &[Line]) {
        if self.found * 2 >= lines.len() {
            self.patience = 0;
        } else {
            self.learn(section, lines);
        }
    }

    #[cold]
    fn learn(&mut self, section: &Bytes, lines: &[Line]) {
        if self.wait > 0 {
            self.wait -= 1;
            return;
        }
        self.wait = self.patience;
        self.patience = (self.patience * 2).clamp(1, MOST_PATIENCE);
        let Some((first, last)) = lines.first().zip(lines.last()) else { return };
        let from = first.start;
        let text = section.get(from as usize..last.next as usize).unwrap_or_default();
        if lines.len() > MOST_LINES || text.len() > MOST_BYTES {
            return;
        }
        self.section = Bytes::copy_from_slice(text);
        self.lines.clear();
        self.lines.extend(lines.iter().map(|line| Remembered {
            place: Line {
                start: line.start - from,
                end: line.end - from,
                next: line.next - from,
                known: None,
            },
            field: None,
        }));
    }

    /// Before a head.
    #[inline]
    pub(crate) fn rewind(&mut self) {
        self.cursor = 0;
        self.found = 0;
    }
}
