use super::*;

fn headers(hosts: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for host in hosts {
        headers.append(HOST, HeaderValue::from_bytes(host.as_bytes()).expect("a field value"));
    }
    headers
}

fn target(text: &str) -> Option<Authority> {
    (!text.is_empty()).then(|| text.parse().expect("an authority"))
}

/// What the request's authority is, or "400"; `Host` must say the same afterwards, in one line.
fn check(
    call: impl FnOnce(Option<Authority>, &mut HeaderMap) -> Result<Option<Authority>, BadAuthority>,
    from_target: &str,
    hosts: &[&str],
) -> String {
    let mut headers = headers(hosts);
    match call(target(from_target), &mut headers) {
        Ok(Some(authority)) => {
            let lines: Vec<_> = headers.get_all(HOST).iter().collect();
            assert_eq!(lines, [authority.as_str()], "{from_target} {hosts:?}");
            authority.to_string()
        }
        Ok(None) => {
            assert!(headers.is_empty());
            "none".to_owned()
        }
        Err(BadAuthority) => "400".to_owned(),
    }
}

#[test]
fn http1_takes_the_target_before_host_and_wants_one_host_line() {
    use Version as V;
    for (version, from_target, hosts, expected) in [
        (V::HTTP_11, "", &["a"][..], "a"),
        (V::HTTP_11, "", &["A.Example:80"], "A.Example:80"),
        (V::HTTP_11, "", &[], "400"),
        (V::HTTP_11, "", &["a", "a"], "400"),
        (V::HTTP_11, "", &[""], "400"),
        (V::HTTP_11, "b", &["a"], "b"),
        (V::HTTP_11, "b:443", &["b:443"], "b:443"),
        (V::HTTP_11, "b", &[], "400"),
        (V::HTTP_11, "b", &["b", "b"], "400"),
        (V::HTTP_11, "b", &["a b"], "400"),
        (V::HTTP_11, "u@b", &["b"], "400"),
        (V::HTTP_11, "b!", &["b"], "400"),
        (V::HTTP_10, "", &[], "none"),
        (V::HTTP_10, "", &["a"], "a"),
        (V::HTTP_10, "", &["a", "b"], "400"),
        (V::HTTP_10, "b", &[], "b"),
        (V::HTTP_10, "b", &["a"], "b"),
    ] {
        let got = check(|target, headers| http1(target, version, headers), from_target, hosts);
        assert_eq!(got, expected, "{version:?} {from_target:?} {hosts:?}");
    }
}

#[test]
fn http2_takes_authority_or_host_and_refuses_two_different_ones() {
    for (authority, hosts, expected) in [
        ("a", &[][..], "a"),
        ("a:8443", &["a:8443"], "a:8443"),
        ("a", &["A"], "a"),
        ("a", &["b"], "400"),
        ("a", &["a:443"], "400"),
        ("a", &["a", "a"], "400"),
        ("", &["b"], "b"),
        ("", &["b", "b"], "400"),
        ("", &[], "400"),
        ("", &["b c"], "400"),
        ("u@a", &[], "400"),
    ] {
        assert_eq!(check(http2, authority, hosts), expected, "{authority:?} {hosts:?}");
    }
}

#[test]
fn hosts_have_letters_digits_dash_dot_underscore_or_an_ipv6_address() {
    let (name, long) = ("a".repeat(255), "a".repeat(256));
    let (with_port, too_long) = (format!("{name}:65535"), format!("{long}:1"));
    for good in [
        "a",
        "A-b_c.d.",
        "1.2.3.4",
        "1.2.3.4:0",
        "a:65535",
        "a:00080",
        "[::1]",
        "[2001:DB8::1]:443",
        "[::ffff:1.2.3.4]",
        "xn--bcher-kva.example",
        &name,
        &with_port,
    ] {
        assert!(is_valid(good.as_bytes()), "{good}");
    }
    for bad in [
        "",
        ":80",
        "a:",
        "a:65536",
        "a:000080",
        "a:+1",
        "a:1a",
        "a:1:2",
        "a b",
        " a",
        "a/",
        "a?",
        "a#",
        "u@a",
        "u:p@a",
        "a%20",
        "é",
        "a,b",
        "[::1",
        "::1",
        "[]",
        "[1.2.3.4]",
        "[fe80::1%eth0]",
        "[::1]80",
        "[::1]:",
        "[v1.x]",
        "a[::1]",
        "*.a",
        "a\0",
        &long,
        &too_long,
    ] {
        assert!(!is_valid(bad.as_bytes()), "{bad}");
    }
}

#[test]
fn what_is_cached_for_one_host_is_not_given_for_another() {
    for round in 0..3 {
        for number in 0..200 {
            let host = format!("host-{number}.example");
            let got = check(|t, h| http1(t, Version::HTTP_11, h), "", &[&host]);
            assert_eq!(got, host, "round {round}");
        }
    }
    assert_eq!(
        check(|t, h| http1(t, Version::HTTP_11, h), "", &["HOST-1.example"]),
        "HOST-1.example"
    );
}

#[test]
fn a_host_that_was_seen_is_shared_not_copied() {
    let find = |text: &str| Known::find(text.as_bytes()).expect("valid").host;
    let (first, second) = (find("shared.example"), find("shared.example"));
    assert_eq!(first.as_bytes().as_ptr(), second.as_bytes().as_ptr());
}
