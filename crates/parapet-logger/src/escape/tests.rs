use proptest::prelude::*;

use super::*;

fn json(text: &[u8], max: usize) -> String {
    let mut out = Vec::new();
    write_json(&mut out, text, max);
    String::from_utf8(out).unwrap()
}

#[test]
fn json_escapes_what_steers_a_reader() {
    for (text, escaped) in [
        (&b"plain /a?b=c&d=<e>"[..], "plain /a?b=c&d=<e>"),
        (b"", ""),
        (b"\"\\", r#"\"\\"#),
        (b"\x00\x01\x1f\x7f", r"\u0000\u0001\u001f\u007f"),
        (b"a\nb\rc\td", r"a\nb\rc\td"),
        (b"\x1b[2J", r"\u001b[2J"),
        ("\u{80}\u{85}\u{9f}\u{a0}".as_bytes(), "\\u0080\\u0085\\u009f\u{a0}"),
        ("\u{2028}\u{2029}\u{2027}".as_bytes(), "\\u2028\\u2029\u{2027}"),
        ("grüße 中 🙂".as_bytes(), "grüße 中 🙂"),
        (b"a\xffb", "a\u{fffd}b"),
        (b"\xe2\x82x\xf0\x9f\x98", "\u{fffd}x\u{fffd}"), // maximal sequences count once
        (b"\xff\xfe", "\u{fffd}\u{fffd}"),
        (b"0123456789abcdef0123456789abcde\"", "0123456789abcdef0123456789abcde\\\""),
    ] {
        assert_eq!(json(text, 8192), escaped, "{text:?}");
    }
}

#[test]
fn long_text_is_cut_at_a_character_and_marked() {
    for (text, max, cut) in [
        (&[b'a'; 64][..], 64, "a".repeat(64)),
        (&[b'a'; 65], 64, "a".repeat(61) + "…"),
        ("ä".repeat(40).as_bytes(), 64, "ä".repeat(30) + "…"), // 61 bytes would split one
        (&[b'"'; 40], 64, "\\\"".repeat(30) + "…"),            // as encoded: 80 bytes
        (&[0; 20], 64, "\\u0000".repeat(10) + "…"),
    ] {
        assert_eq!(json(text, max), cut, "{text:?}");
    }
}

#[test]
fn hex_escapes_are_nginx_s() {
    let mut out = Vec::new();
    write_hex(&mut out, "a\"\\\n~\u{7f}ä".as_bytes(), 8192);
    assert_eq!(out, br"a\x22\x5C\x0A~\x7F\xC3\xA4");
    out.clear();
    write_hex(&mut out, &[0; 40], 64);
    assert_eq!(String::from_utf8(out).unwrap(), "\\x00".repeat(15) + "…");
}

#[test]
fn eight_bytes_are_judged_as_each_alone() {
    for byte in 0..=u8::MAX {
        for at in 0..8 {
            for around in [b'a', 0x20, 0x7e, b'!', b'#', b'[', b']'] {
                let mut word = [around; 8];
                word[at] = byte;
                assert_eq!(has_special(u64::from_le_bytes(word)), is_special(byte), "{word:?}");
            }
        }
    }
}

proptest! {
    #[test]
    fn a_json_parser_reads_the_text_back(text in proptest::collection::vec(any::<u8>(), 0..200)) {
        let line = format!("\"{}\"", json(&text, 8192));
        let steers = line.chars().any(|char| char.is_control() || matches!(char, '\u{2028}' | '\u{2029}'));
        prop_assert!(!steers, "{:?}", line);
        let read: String = serde_json::from_str(&line).unwrap();
        prop_assert_eq!(read, String::from_utf8_lossy(&text));
    }

    #[test]
    fn what_is_cut_is_a_prefix_within_the_bound(text in any::<String>(), max in 64_usize..200) {
        let escaped = json(text.as_bytes(), max);
        prop_assert!(escaped.len() <= max);
        let read: String = serde_json::from_str(&format!("\"{escaped}\"")).unwrap();
        match read.strip_suffix('…') {
            Some(prefix) if read != text => prop_assert!(text.starts_with(prefix)),
            _ => prop_assert_eq!(read, text),
        }
    }
}
