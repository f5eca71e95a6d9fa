use std::borrow::Cow;

use parapet_header::params;

use crate::text;

#[test]
fn params_are_name_and_value() {
    for (element, head, expected) in [
        ("gzip", "gzip", &[][..]),
        ("", "", &[]),
        (";", "", &[]),
        ("text/html ; Charset=utf-8", "text/html", &[("Charset", Some("utf-8"))][..]),
        ("a;;b;c=; ;d=1=2", "a", &[("b", None), ("c", Some("")), ("d", Some("1=2"))]),
        (r#"a;b="x;y\"z" ; c"#, "a", &[("b", Some(r#"x;y"z"#)), ("c", None)]),
        (r#""a;b";c="""#, r#""a;b""#, &[("c", Some(""))]),
        // What is no complete quoted-string, or has white space around `=`, stays as written.
        (r#"a;b="x;y"#, "a", &[("b", Some(r#""x;y"#))]),
        (r#"a;b="x"y"#, "a", &[("b", Some(r#""x"y"#))]),
        (r#"a;b="x\""#, "a", &[("b", Some(r#""x\""#))]),
        (r#"a;b="x\\""#, "a", &[("b", Some(r"x\"))]),
        ("a;b = c", "a", &[("b ", Some(" c"))]),
    ] {
        let (found, params) = params(element.as_bytes());
        let params: Vec<_> = params.map(|(name, value)| (text(name), value.map(text))).collect();
        let expected: Vec<_> =
            expected.iter().map(|(name, value)| (text(name), value.map(text))).collect();
        assert_eq!((text(found).as_str(), params), (head, expected), "{element}");
    }
}

#[test]
fn only_an_escape_is_copied() {
    let borrowed = |element: &'static str| {
        let (_, mut params) = params(element.as_bytes());
        matches!(params.next(), Some((_, Some(Cow::Borrowed(_)))))
    };
    assert!(borrowed("a;b=c") && borrowed(r#"a;b="c d""#));
    assert!(!borrowed(r#"a;b="c\d""#));
}
