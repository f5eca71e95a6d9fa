use parapet_header::{params, quoted};

use crate::text;

#[test]
fn quote_and_backslash_are_escaped() {
    for (plain, expected) in [
        ("", Some(r#""""#)),
        ("a b", Some(r#""a b""#)),
        (r#"a"b\c"#, Some(r#""a\"b\\c""#)),
        ("é", Some("\"é\"")),
        ("a\nb", None),
        ("\t", None),
        ("\0", None),
        ("\x7f", None),
    ] {
        assert_eq!(quoted(plain).as_deref(), expected, "{plain:?}");
    }
}

#[test]
fn quoted_is_read_back() {
    for plain in ["", "a;b,c", r#"\"\\""#] {
        let element = format!("x;y={}", quoted(plain).unwrap());
        let value = params(element.as_bytes()).1.next().and_then(|(_, value)| value);
        assert_eq!(value.map(text).as_deref(), Some(plain), "{element}");
    }
}
