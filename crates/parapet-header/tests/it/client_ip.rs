use parapet_header::client_ip;

#[test]
fn address_is_read_with_or_without_port() {
    for (written, expected) in [
        ("192.0.2.1", Some("192.0.2.1")),
        ("192.0.2.1:80", Some("192.0.2.1")),
        ("2001:DB8::1", Some("2001:db8::1")),
        ("[2001:db8::1]", Some("2001:db8::1")),
        ("[2001:db8::1]:65535", Some("2001:db8::1")),
        ("::ffff:192.0.2.1", Some("192.0.2.1")),
        ("[::ffff:192.0.2.1]:80", Some("192.0.2.1")),
        ("::1", Some("::1")),
        ("192.0.2.1:", None),
        ("192.0.2.1:65536", None),
        ("192.0.2.1:+80", None),
        ("192.0.2.1:80:80", None),
        ("192.0.2.01", None),
        ("[192.0.2.1]", None),
        ("[2001:db8::1", None),
        ("[2001:db8::1]x", None),
        ("[2001:db8::1]:", None),
        ("[2001:db8::1]:x", None),
        ("[fe80::1%1]:80", None),
        ("fe80::1%eth0", None),
        (" 192.0.2.1", None),
        ("unknown", None),
        ("_hidden", None),
        ("", None),
    ] {
        let expected = expected.map(|address| address.parse().unwrap());
        assert_eq!(client_ip(written.as_bytes()), expected, "{written}");
    }
    assert_eq!(client_ip(b"\xff"), None);
}
