use super::write_plain;
use crate::escape::write_json;
use crate::view::{Name, Value, Visitor};

/// One JSON object and a newline.
pub(super) struct Line<'a> {
    out: &'a mut Vec<u8>,
    max: usize,
}

impl<'a> Line<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>, max: usize) -> Self {
        // One growth for all that follows, in most cases.
        out.reserve(1024);
        out.push(b'{');
        Self { out, max }
    }

    pub(super) fn end(self) {
        if self.out.last() == Some(&b',') {
            self.out.pop();
        }
        self.out.extend_from_slice(b"}\n");
    }
}

/// Each field ends with a comma, which the end of the line takes back.
impl Visitor for Line<'_> {
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "with names that are known where they are written, a record costs a fourth less"
    )]
    fn field(&mut self, name: Name<'_>, value: Value<'_>) {
        let Self { out, max } = self;
        let text = matches!(value, Value::Text(_) | Value::Plain(_));
        match name {
            Name::BuiltIn(label) if text => out.extend_from_slice(label.json_text.as_bytes()),
            Name::BuiltIn(label) => out.extend_from_slice(label.json.as_bytes()),
            Name::Set(name) => {
                out.push(b'"');
                write_json(out, name.as_bytes(), usize::MAX);
                out.extend_from_slice(if text { b"\":\"" } else { b"\":" });
            }
        }
        match value {
            Value::Text(text) => write_json(out, text, *max),
            Value::Plain(text) => out.extend_from_slice(text),
            value => {
                write_plain(out, value);
            }
        }
        out.extend_from_slice(if text { b"\"," } else { b"," });
    }
}
