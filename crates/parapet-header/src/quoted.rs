/// `text` as a quoted-string, its `"` and `\` escaped (RFC 9110 §5.6.4).
///
/// `None` if it holds a control character, which no field value may carry that way.
pub fn quoted(text: &str) -> Option<String> {
    if text.chars().any(char::is_control) {
        return None;
    }
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        if matches!(character, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted.push('"');
    Some(quoted)
}
