//! Records as bytes.

mod combined;
mod json;
mod logfmt;

use std::io::Write;

use crate::builtin::Label;
use crate::view::{Name, Value, Visitor};
use crate::{Format, RecordView};

/// Appends `record` to `out`, newline included. `scratch` is for values that are put together.
pub(crate) fn encode(
    format: &Format,
    record: &RecordView<'_>,
    out: &mut Vec<u8>,
    scratch: &mut Vec<u8>,
) {
    let start = out.len();
    write(format, record, record.look.max_value_bytes, false, out, scratch);
    if out.len() - start > MAX_RECORD && !matches!(format, Format::Custom(_)) {
        out.truncate(start);
        write(format, record, CUT_VALUE.min(record.look.max_value_bytes), true, out, scratch);
    }
    if out.get(start..).is_none_or(|line| line.last() != Some(&b'\n')) {
        out.push(b'\n');
    }
}

/// A longer record has each text cut to [`CUT_VALUE`] bytes.
const MAX_RECORD: usize = 64 * 1024;
const CUT_VALUE: usize = 512;

fn write(
    format: &Format,
    record: &RecordView<'_>,
    max: usize,
    cut: bool,
    out: &mut Vec<u8>,
    scratch: &mut Vec<u8>,
) {
    // The view says so itself if fields were left out.
    let note = cut && !record.fields.is_truncated();
    match format {
        Format::Json => {
            let mut line = json::Line::new(out, max);
            record.visit(scratch, &mut line);
            if note {
                line.field(Name::BuiltIn(Label::TRUNCATED), Value::Bool(true));
            }
            line.end();
        }
        Format::Logfmt => {
            let mut line = logfmt::Line::new(out, max);
            record.visit(scratch, &mut line);
            if note {
                line.field(Name::BuiltIn(Label::TRUNCATED), Value::Bool(true));
            }
        }
        Format::Combined => combined::write(record, out, max, scratch),
        Format::Custom(encode) => encode.encode(record, out),
    }
}

/// A number or word as JSON and logfmt write it; `false`: `value` is text.
fn write_plain(out: &mut Vec<u8>, value: Value<'_>) -> bool {
    match value {
        Value::Text(_) | Value::Plain(_) => return false,
        Value::Uint(number) => out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes()),
        Value::Int(number) => out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes()),
        Value::Float(number) if number.is_finite() => {
            // Writing to memory cannot fail. Rust writes no exponent, which JSON would allow and logfmt not.
            let _ok = write!(out, "{number}");
        }
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Float(_) | Value::Null => out.extend_from_slice(b"null"),
    }
    true
}

#[cfg(test)]
mod tests;
