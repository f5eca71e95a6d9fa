use super::write_plain;
use crate::escape::{is_plain, write_json, write_raw};
use crate::view::{Name, Value, Visitor};

/// `name=value` pairs; the caller ends the line.
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
}

impl Visitor for Line<'_> {
    fn field(&mut self, name: Name<'_>, value: Value<'_>) {
        let out = &mut *self.out;
        if out.len() > self.start {
            out.push(b' ');
        }
        match name {
            Name::BuiltIn(label) => out.extend_from_slice(label.name.as_bytes()),
            // A name cannot be quoted.
            Name::Set(name) => {
                let safe =
                    |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'=' | b'"' | b'\\');
                out.extend(name.bytes().map(|byte| if safe(byte) { byte } else { b'_' }));
            }
        }
        out.push(b'=');
        match value {
            Value::Text(text) if needs_quotes(text) => {
                out.push(b'"');
                write_json(out, text, self.max);
                out.push(b'"');
            }
            Value::Text(text) => write_raw(out, text, self.max),
            Value::Plain(b"") => out.extend_from_slice(b"\"\""),
            Value::Plain(text) => out.extend_from_slice(text),
            value => {
                write_plain(out, value);
            }
        }
    }
}

fn needs_quotes(text: &[u8]) -> bool {
    if text.is_empty() || text.iter().any(|byte| matches!(byte, b' ' | b'=' | b'"')) {
        return true;
    }
    if is_plain(text) {
        return false;
    }
    // What is left to ask is whether the escaped form differs, but for the backslash, which is nothing special here.
    let steers = |char: char| char.is_control() || matches!(char, '\u{2028}' | '\u{2029}');
    std::str::from_utf8(text).map_or(true, |text| text.chars().any(steers))
}
