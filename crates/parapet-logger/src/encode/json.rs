use super::write_plain;
use crate::escape::write_json;
use crate::view::{Name, Value};

/// One JSON object and a newline.
pub(super) struct Line<'a> {
    out: &'a mut Vec<u8>,
    max: usize,
    start: usize,
}

impl<'a> Line<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>, max: usize) -> Self {
        let start = out.len();
        Self { out, max, start }
    }

    pub(super) fn field(&mut self, name: Name<'_>, value: Value<'_>) {
        let out = &mut *self.out;
        // One look at the capacity for all that follows, in most cases.
        out.reserve(64);
        out.extend_from_slice(if out.len() == self.start { b"{\"" } else { b",\"" });
        match name {
            Name::BuiltIn(name) => out.extend_from_slice(name.as_bytes()),
            Name::Set(name) => write_json(out, name.as_bytes(), usize::MAX),
        }
        out.extend_from_slice(b"\":");
        if let Value::Text(text) = value {
            out.push(b'"');
            write_json(out, text, self.max);
            out.push(b'"');
        } else {
            write_plain(out, value);
        }
    }

    pub(super) fn end(self) {
        if self.out.len() == self.start {
            self.out.push(b'{');
        }
        self.out.extend_from_slice(b"}\n");
    }
}
