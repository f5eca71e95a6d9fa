use parapet_host::{Error, Host, HostRouter};

fn text(result: Result<Host, Error>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn bad_patterns_are_refused() {
    let label = "a".repeat(64);
    let name = ["a".repeat(63).as_str(); 4].join(".");
    for pattern in
        ["", " ", "a b", "a..b", ".a", ".", "*.", "a/b", "a@b", "[host]", "a:b:c", &label, &name]
    {
        let error = parapet_host::new([pattern]).unwrap_err();
        assert_eq!(error, Error::InvalidName(pattern.to_owned()));
    }
    for pattern in ["www.*", "*example.com", "a.*.com", "**", "*.*.com", "*.10.0.0.1"] {
        let error = parapet_host::new([pattern]).unwrap_err();
        assert_eq!(error, Error::Wildcard(pattern.to_owned()));
    }
    for pattern in ["example.com:80", "[::1]:80", "10.0.0.1:8080", "*.example.com:443", "*:80"] {
        let error = parapet_host::new([pattern]).unwrap_err();
        assert_eq!(error, Error::Port(pattern.to_owned()));
    }
    for net in ["", "10.0.1.1", "10.0.0.0/33", "::1", "a/8", "10.0.0.0/8/8"] {
        assert_eq!(parapet_host::cidr([net]).unwrap_err(), Error::Cidr(net.to_owned()));
    }
}

#[test]
fn the_longest_names_are_taken() {
    let label = "a".repeat(63);
    let name = [label.as_str(), &label, &label, &"a".repeat(61)].join(".");
    assert_eq!(name.len(), 253);
    assert!(parapet_host::new([&label, &name, "a_b.test.", "xn--mnchen-3ya.de"]).is_ok());
}

#[test]
fn the_same_host_twice_is_refused() {
    for (first, second) in [
        ("a.com", "A.com."),
        ("*.a.com", "*.A.com"),
        ("*", "*"),
        ("[::1]", "0:0::1"),
        ("10.0.0.1", "::ffff:10.0.0.1"),
    ] {
        let expected = Error::Duplicate { pattern: second.to_owned(), other: first.to_owned() };
        assert_eq!(parapet_host::new([first, second]).unwrap_err(), expected);
        let none = |next: parapet_core::Handler| next;
        let router = HostRouter::builder().route([first], none).route([second], none).build();
        assert_eq!(router.unwrap_err(), expected);
    }
    let nets = ["10.0.0.0/8", "10.0.0.1/8"];
    assert!(matches!(parapet_host::cidr(nets), Err(Error::Duplicate { .. })));
    let parsed: Vec<ipnet::IpNet> = nets.iter().map(|net| net.parse().unwrap()).collect();
    assert!(format!("{:?}", Host::from_nets(parsed)).contains("10.0.0."));
}

#[test]
fn error_texts_say_what_to_write() {
    insta::assert_snapshot!(text(parapet_host::new(["a..b"])), @r#""a..b" is no host name: write labels of A-Z a-z 0-9 - _, 1 to 63 bytes each, at most 253 bytes in all"#);
    insta::assert_snapshot!(text(parapet_host::new(["münchen.de"])), @r#""münchen.de" is not ASCII: write the A-label (xn--…), as browsers send it"#);
    insta::assert_snapshot!(text(parapet_host::new(["www.*"])), @r#""www.*" has a misplaced wildcard: write * alone, or *. in front of a name"#);
    insta::assert_snapshot!(text(parapet_host::new(["example.com:80"])), @r#""example.com:80" has a port: leave it out, a host matches on every port"#);
    insta::assert_snapshot!(text(parapet_host::new(["a.com", "A.com."])), @r#""A.com." is the same host as "a.com": write it once"#);
    insta::assert_snapshot!(text(parapet_host::cidr(["10.0.1.1"])), @r#""10.0.1.1" is no network: write 10.0.0.0/8 or fd00::/8, a single address as 10.0.0.1/32"#);
}
