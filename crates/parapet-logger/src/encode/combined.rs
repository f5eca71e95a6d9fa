use crate::RecordView;
use crate::builtin::BuiltIn;
use crate::escape::write_hex;
use crate::time_text::write_common;
use crate::view::Value;

/// The combined log format; what is missing is `-`.
pub(super) fn write(record: &RecordView<'_>, out: &mut Vec<u8>, max: usize, scratch: &mut Vec<u8>) {
    word(out, record.built_in(BuiltIn::RealIp, scratch), max);
    out.extend_from_slice(b" - ");
    word(out, record.fields.get("userId").map(Value::of), max);
    out.extend_from_slice(b" [");
    write_common(out, record.end.timestamp);
    out.extend_from_slice(b"] \"");
    text(out, record.built_in(BuiltIn::RequestMethod, scratch), max);
    out.push(b' ');
    scratch.clear();
    record.facts.write_target(scratch, &record.look.query);
    text(out, Some(Value::Text(scratch)), max);
    out.push(b' ');
    text(out, record.built_in(BuiltIn::Protocol, scratch), max);
    out.extend_from_slice(b"\" ");
    text(out, record.built_in(BuiltIn::Status, scratch), max);
    out.push(b' ');
    text(out, record.built_in(BuiltIn::ResponseBodySize, scratch), max);
    out.extend_from_slice(b" \"");
    text(out, record.built_in(BuiltIn::Referer, scratch), max);
    out.extend_from_slice(b"\" \"");
    text(out, record.built_in(BuiltIn::UserAgent, scratch), max);
    out.push(b'"');
}

fn text(out: &mut Vec<u8>, value: Option<Value<'_>>, max: usize) {
    match value {
        Some(Value::Text(text) | Value::Plain(text)) if !text.is_empty() => {
            write_hex(out, text, max);
        }
        None | Some(Value::Text(_) | Value::Plain(_) | Value::Null) => out.push(b'-'),
        Some(value) => {
            super::write_plain(out, value);
        }
    }
}

/// Text that stands without quotes: a space in it would begin the next field.
fn word(out: &mut Vec<u8>, value: Option<Value<'_>>, max: usize) {
    let Some(Value::Text(words) | Value::Plain(words)) = value else {
        return text(out, value, max);
    };
    for (at, word) in words.split(|byte| *byte == b' ').enumerate() {
        if at > 0 {
            out.extend_from_slice(b"\\x20");
        }
        if words.is_empty() {
            out.push(b'-');
        }
        write_hex(out, word, max);
    }
}
