use proptest::prelude::*;

use super::*;

fn text(raw: &str) -> Result<String, PathError> {
    normal(raw.as_bytes()).map(|path| String::from_utf8_lossy(&path).into_owned())
}

#[test]
fn plain_paths_are_borrowed() {
    for raw in ["/", "/a", "/a/b.c/", "/a..b", "/a/b..", "*", "/+", "/a=b&c,d"] {
        assert!(
            matches!(normal(raw.as_bytes()), Ok(Cow::Borrowed(path)) if path == raw.as_bytes())
        );
        assert!(matches!(resolve(raw), Ok(Cow::Borrowed(path)) if path == raw), "{raw}");
    }
    for raw in ["/a;b", "/.hidden", "/a/...", "/é"] {
        assert!(matches!(normal(raw.as_bytes()), Ok(Cow::Borrowed(_))), "{raw}");
        assert!(matches!(resolve(raw), Ok(Cow::Borrowed(_))), "{raw}");
    }
}

#[test]
fn bad_escapes_are_found() {
    for (path, bad) in [
        ("/", false),
        ("", false),
        ("/a%20b%2F", false),
        ("/%25zz", false),
        ("/%", true),
        ("/%2", true),
        ("/%zz", true),
        ("/%2g", true),
        ("/%+1", true),
        ("/a%00", true),
        ("/%41%00%41", true),
        ("/%010", false),
    ] {
        assert_eq!(has_bad_escape(path.as_bytes()), bad, "{path}");
    }
}

#[test]
fn every_overlong_form_is_refused_and_its_neighbours_are_not() {
    for path in [
        "/%c0%ae",
        "/%c0%af",
        "/%c1%9c",
        "/%c0%80",
        "/%e0%80%ae",
        "/%e0%80%af",
        "/%e0%81%9c",
        "/%e0%80%80",
        "/%f0%80%80%ae",
        "/x%C0%AE%c0%ae/y",
    ] {
        assert_eq!(text(path), Err(PathError::Overlong), "{path}");
        assert_eq!(resolve(path), Err(PathError::Overlong), "{path}");
    }
    for path in ["/%c3%ae", "/%c0/%ae", "/%e0%a4%80", "/%c0", "/%ae"] {
        assert!(text(path).is_ok(), "{path}");
        assert!(resolve(path).is_ok(), "{path}");
    }
    assert_eq!(normal(b"/\xc0\xae"), Err(PathError::Overlong));
}

/// Pieces that matter, so that random paths are full of them.
fn paths() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "/",
        "//",
        ".",
        "..",
        "%2e",
        "%2E",
        "%2f",
        "%2F",
        "\\",
        "%5C",
        "%5c",
        ";",
        "%3B",
        "a",
        "b",
        "%20",
        "%25",
        "%252e",
        "%252f",
        "%c0%ae",
        "%c3%a9",
        "%e0%80%af",
        "%00",
        "%zz",
        "%",
        "é",
        "+",
        "..;",
        "/../",
        "/./",
        "*",
    ]);
    (any::<bool>(), prop::collection::vec(piece, 0..12))
        .prop_map(|(rooted, pieces)| (if rooted { "/" } else { "" }).to_owned() + &pieces.concat())
}

fn encode(path: &[u8]) -> String {
    use std::fmt::Write as _;
    path.iter().fold(String::new(), |mut text, &byte| {
        if byte == b'/' || byte.is_ascii_alphanumeric() {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02x}");
        }
        text
    })
}

/// The rules once more, over a list of segments.
fn model(raw: &[u8]) -> Option<Vec<u8>> {
    let (mut bytes, mut rest) = (Vec::new(), raw);
    while let [byte, tail @ ..] = rest {
        if *byte == b'%' {
            let digits = std::str::from_utf8(tail.get(..2)?).ok()?;
            if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return None;
            }
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &tail[2..];
        } else {
            bytes.push(*byte);
            rest = tail;
        }
    }
    let overlong: [&[u8]; 12] = [
        b"\xc0\xae",
        b"\xc0\xaf",
        b"\xc1\x9c",
        b"\xc0\x80",
        b"\xe0\x80\xae",
        b"\xe0\x80\xaf",
        b"\xe0\x81\x9c",
        b"\xe0\x80\x80",
        b"\xf0\x80\x80\xae",
        b"\xf0\x80\x80\xaf",
        b"\xf0\x80\x81\x9c",
        b"\xf0\x80\x80\x80",
    ];
    if bytes.contains(&0)
        || overlong.iter().any(|form| bytes.windows(form.len()).any(|w| w == *form))
    {
        return None;
    }
    let backslash = bytes.contains(&b'\\');
    let segments: Vec<&[u8]> = bytes.split(|&byte| is_separator(byte)).collect();
    let is_dot = |segment: &&[u8]| matches!(**segment, [b'.'] | [b'.', b'.']);
    if backslash && segments.iter().any(is_dot)
        || segments.iter().any(|segment| segment.starts_with(b".;") || segment.starts_with(b"..;"))
    {
        return None;
    }
    let mut kept: Vec<&[u8]> = Vec::new();
    for segment in &segments {
        match segment {
            [] | [b'.'] => {}
            [b'.', b'.'] => drop(kept.pop()),
            segment => kept.push(segment),
        }
    }
    let mut out = [b"/", &*kept.join(&b'/')].concat();
    let last = segments.last().expect("split yields one at least");
    if !kept.is_empty() && (last.is_empty() || is_dot(last)) {
        out.push(b'/');
    }
    Some(out)
}

proptest! {
    #[test]
    fn normal_does_what_the_slow_model_does(raw in paths()) {
        prop_assume!(raw != "*");
        prop_assert_eq!(normal(raw.as_bytes()).ok().map(Cow::into_owned), model(raw.as_bytes()));
    }

    #[test]
    fn normal_does_what_the_model_does_on_any_bytes(raw in prop::collection::vec(any::<u8>(), 0..40)) {
        prop_assume!(raw != b"*");
        prop_assert_eq!(normal(&raw).ok().map(Cow::into_owned), model(&raw));
    }

    #[test]
    fn normal_of_resolve_is_normal_and_both_err_alike(raw in paths()) {
        let resolved = resolve(&raw);
        prop_assert_eq!(resolved.as_ref().err().copied(), normal(raw.as_bytes()).err());
        if let Ok(resolved) = resolved {
            prop_assert_eq!(normal(resolved.as_bytes()), normal(raw.as_bytes()));
            prop_assert_eq!(resolve(&resolved), Ok(Cow::Borrowed(&*resolved)), "resolve is done after once");
        }
    }

    #[test]
    fn normal_of_the_encoded_normal_path_is_the_same(raw in paths()) {
        if raw != "*" && let Ok(path) = normal(raw.as_bytes()) {
            let encoded = encode(&path);
            prop_assert_eq!(normal(encoded.as_bytes()), Ok(path));
        }
    }

    #[test]
    fn a_normal_path_has_no_trap_in_it(raw in paths()) {
        if raw != "*" && let Ok(path) = normal(raw.as_bytes()) {
            prop_assert_eq!(path.first(), Some(&b'/'));
            prop_assert!(!path.contains(&0) && !path.contains(&b'\\'));
            let segments: Vec<_> = path[1..].split(|&byte| byte == b'/').collect();
            for (at, segment) in segments.iter().enumerate() {
                prop_assert!(!segment.is_empty() || at + 1 == segments.len());
                prop_assert!(*segment != b"." && *segment != b"..");
            }
        }
    }

    #[test]
    fn the_case_of_hex_digits_does_not_matter(raw in paths()) {
        let upper = raw.replace("%2f", "%2F").replace("%2e", "%2E").replace("%5c", "%5C");
        prop_assert_eq!(normal(raw.as_bytes()), normal(upper.as_bytes()));
    }

    #[test]
    fn the_result_is_no_longer_than_the_path(raw in paths()) {
        prop_assume!(raw.starts_with('/'));
        if let Ok(Cow::Owned(path)) = normal(raw.as_bytes()) {
            prop_assert!(path.capacity() <= raw.len());
        }
    }

    #[test]
    fn a_bad_escape_is_one_for_both(raw in paths()) {
        let refused = matches!(
            normal(raw.as_bytes()),
            Err(PathError::MalformedEscape | PathError::Nul)
        );
        // `normal` names the first fault it meets; the wire looks for these two alone.
        prop_assert!(!refused || has_bad_escape(raw.as_bytes()));
        prop_assert!(!has_bad_escape(raw.as_bytes()) || normal(raw.as_bytes()).is_err());
    }
}
