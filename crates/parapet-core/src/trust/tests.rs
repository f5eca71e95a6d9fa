use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::header::HeaderName;
use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;

use super::*;
use crate::Scheme;

const PEER: &str = "10.0.0.1";

fn conn(peer: &str) -> ConnInfo {
    ConnInfo::of_peer(peer.parse().expect("an address"))
}

fn unix() -> ConnInfo {
    ConnInfo { peer_addr: None, unix_peer: true, ..conn(PEER) }
}

fn secure(peer: &str) -> ConnInfo {
    ConnInfo { secure: true, ..conn(peer) }
}

fn ten() -> TrustProxy {
    trust_cidrs(["10.0.0.0/8"]).expect("a network")
}

fn map(lines: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).expect("a value"));
    }
    headers
}

fn lines(headers: &HeaderMap) -> Vec<(&str, &str)> {
    let mut lines: Vec<_> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_str().expect("visible")))
        .collect();
    lines.sort_by_key(|(name, _)| *name);
    lines
}

#[track_caller]
fn check(
    trust: &TrustProxy,
    which: ClientAddress,
    conn: Option<&ConnInfo>,
    fields: &[(&str, &str)],
    expected: &[(&str, &str)],
) -> super::step::Trusted {
    let mut headers = map(fields);
    let trusted = TrustStep::new(trust.clone(), which).apply(&mut headers, conn);
    assert_eq!(lines(&headers), expected, "{fields:?}");
    let real_ip = headers.get("x-real-ip").map(|value| value.to_str().expect("text").to_owned());
    assert_eq!(real_ip, trusted.client_addr.map(|address| address.to_string()), "one client");
    assert_eq!(headers["x-forwarded-proto"], trusted.scheme.as_str());
    trusted
}

#[track_caller]
fn client(trust: &TrustProxy, which: ClientAddress, fields: &[(&str, &str)]) -> String {
    let (mut headers, conn) = (map(fields), conn(PEER));
    let trusted = TrustStep::new(trust.clone(), which).apply(&mut headers, Some(&conn));
    assert!(trusted.peer_trusted);
    trusted.client_addr.expect("the peer has an address").to_string()
}

const FORGED: &[(&str, &str)] = &[
    ("x-real-ip", "10.0.1.1"),
    ("x-forwarded-for", "10.0.1.2"),
    ("x-forwarded-for", "10.0.1.3"),
    ("x-forwarded-proto", "https"),
    ("x_forwarded_for", "10.0.1.4"),
    ("x-forwarded_for", "10.0.1.4"),
    ("x_real_ip", "10.0.1.5"),
    ("x-real_ip", "10.0.1.5"),
    ("forwarded", "for=10.0.1.6"),
    ("x-forwarded-host", "evil"),
    ("x-forwarded-port", "1"),
    ("x_forwarded-prefix", "/evil"),
    ("x-forwarded-", "odd"),
    ("x-forwarded", "kept: no forwarding field"),
    ("x-request-id", "kept"),
];

#[test]
fn forwarding_fields_of_an_untrusted_peer_are_replaced_by_what_the_connection_says() {
    let kept = [
        ("x-forwarded", "kept: no forwarding field"),
        ("x-forwarded-for", "203.0.113.9"),
        ("x-forwarded-proto", "http"),
        ("x-real-ip", "203.0.113.9"),
        ("x-request-id", "kept"),
    ];
    let peer = conn("203.0.113.9");
    for trust in [TrustProxy::none(), TrustProxy::private(), ten(), TrustProxy::from_fn(|_| false)]
    {
        let trusted = check(&trust, ClientAddress::RealIp, Some(&peer), FORGED, &kept);
        assert!(!trusted.peer_trusted);
        assert_eq!(trusted.scheme, Scheme::Http);
    }
    let expected = [
        ("x-forwarded-for", "2001:db8::1"),
        ("x-forwarded-proto", "https"),
        ("x-real-ip", "2001:db8::1"),
    ];
    let peer = secure("2001:db8::1");
    check(&TrustProxy::none(), ClientAddress::ForwardedFor, Some(&peer), &[], &expected);
}

#[test]
fn an_untrusted_peer_without_address_keeps_only_the_scheme() {
    let kept = [
        ("x-forwarded", "kept: no forwarding field"),
        ("x-forwarded-proto", "http"),
        ("x-request-id", "kept"),
    ];
    let peer = unix();
    check(&ten(), ClientAddress::ForwardedFor, Some(&peer), FORGED, &kept);
    // A request without a connection is no Unix peer, and predicates are not asked about it.
    for trust in
        [TrustProxy::private(), TrustProxy::from_fn(|_| true), TrustProxy::none().with_unix()]
    {
        let trusted = check(&trust, ClientAddress::ForwardedFor, None, FORGED, &kept);
        assert_eq!(trusted.client_addr, None);
    }
}

#[test]
fn dangerous_all_believes_requests_without_a_connection() {
    let fields = [("x-forwarded-for", "203.0.113.5, 1.2.3.4"), ("x-forwarded-host", "a")];
    let expected = [
        ("x-forwarded-for", "203.0.113.5, 1.2.3.4"),
        ("x-forwarded-host", "a"),
        ("x-forwarded-proto", "http"),
        ("x-real-ip", "203.0.113.5"),
    ];
    let all = TrustProxy::dangerous_all();
    assert!(check(&all, ClientAddress::ForwardedFor, None, &fields, &expected).peer_trusted);
    let all = all.append_forwarded_for(true);
    check(&all, ClientAddress::ForwardedFor, None, &fields, &expected);
}

#[test]
fn fields_of_a_trusted_peer_are_kept() {
    let fields = [
        ("forwarded", "for=9.9.9.9"),
        ("x-forwarded-for", "10.0.1.2"),
        ("x-forwarded-host", "a"),
        ("x-forwarded-port", "8443"),
        ("x-forwarded-prefix", "/p"),
        ("x-forwarded-proto", "https"),
        ("x-real-ip", "10.0.1.1"),
    ];
    let peer = conn("127.0.0.1");
    let trusted =
        check(&TrustProxy::private(), ClientAddress::RealIp, Some(&peer), &fields, &fields);
    assert_eq!((trusted.scheme, trusted.peer_trusted), (Scheme::Https, true));
    let mut walked = fields;
    walked[6].1 = "10.0.1.2";
    check(&TrustProxy::private(), ClientAddress::ForwardedFor, Some(&peer), &fields, &walked);
}

#[test]
fn the_walk_goes_from_the_right_past_trusted_proxies() {
    let many = |count: usize| {
        let all: Vec<_> = (1..=count).map(|number| format!("10.1.0.{number}")).collect();
        all.join(",")
    };
    for (list, expected) in [
        ("1.2.3.4, 5.6.7.8", "5.6.7.8"),
        ("1.2.3.4, 10.0.0.1", "1.2.3.4"),
        ("10.1.1.1", "10.1.1.1"),
        ("10.1.1.1, 10.2.2.2", "10.1.1.1"),
        ("1.2.3.4, unknown, 10.0.0.1", "10.0.0.1"),
        ("1.2.3.4, _hidden", PEER),
        ("1.2.3.4,", PEER),
        ("1.2.3.4, , 10.3.3.3", "10.3.3.3"),
        ("", PEER),
        ("  \t5.6.7.8 ", "5.6.7.8"),
        ("5.6.7.8:443", "5.6.7.8"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("::ffff:1.2.3.4", "1.2.3.4"),
        ("[::ffff:1.2.3.4]:1", "1.2.3.4"),
        ("1.2.3.4, ::ffff:10.0.0.9", "1.2.3.4"),
        ("5.6.7.8:", PEER),
        ("5.6.7.8:65536", PEER),
        ("5.6.7.8:+1", PEER),
        ("[5.6.7.8]", PEER),
        ("fe80::1%eth0", PEER),
        ("\"5.6.7.8\"", PEER),
        (&many(32), "10.1.0.1"),
        (&many(33), "10.1.0.2"),
    ] {
        let fields = [("x-forwarded-for", list)];
        assert_eq!(client(&ten(), ClientAddress::ForwardedFor, &fields), expected, "{list}");
        assert_eq!(client(&ten(), ClientAddress::RealIp, &fields), expected, "{list}");
    }
    let two_lines = [("x-forwarded-for", "9.9.9.9, 1.2.3.4"), ("x-forwarded-for", "10.0.0.2")];
    assert_eq!(client(&ten(), ClientAddress::ForwardedFor, &two_lines), "1.2.3.4");
    assert_eq!(client(&ten(), ClientAddress::ForwardedFor, &[]), PEER);
}

#[test]
fn which_field_comes_first_is_the_setting() {
    use ClientAddress::{ForwardedFor, RealIp};
    let real = ("x-real-ip", "7.7.7.7");
    let list = ("x-forwarded-for", "8.8.8.8");
    for (which, fields, expected) in [
        (ForwardedFor, &[real, list][..], "8.8.8.8"),
        (ForwardedFor, &[real], "7.7.7.7"),
        (ForwardedFor, &[real, ("x-forwarded-for", "unknown")], PEER),
        (ForwardedFor, &[("x-real-ip", "nobody")], PEER),
        (ForwardedFor, &[], PEER),
        (RealIp, &[real, list], "7.7.7.7"),
        (RealIp, &[list], "8.8.8.8"),
        (RealIp, &[("x-real-ip", ""), list], "8.8.8.8"),
        (RealIp, &[real, ("x-real-ip", "6.6.6.6"), list], "8.8.8.8"),
        (RealIp, &[], PEER),
    ] {
        assert_eq!(client(&ten(), which, fields), expected, "{which:?} {fields:?}");
    }
}

#[test]
fn forwarded_for_stays_as_it_came_and_gets_the_peer_on_wish() {
    let plain = ten();
    let append = ten().append_forwarded_for(true);
    let out = |trust: &TrustProxy, fields: &[(&str, &str)]| {
        let (mut headers, conn) = (map(fields), conn(PEER));
        TrustStep::new(trust.clone(), ClientAddress::ForwardedFor).apply(&mut headers, Some(&conn));
        let lines = headers.get_all("x-forwarded-for").iter();
        lines.map(|line| line.to_str().expect("text").to_owned()).collect::<Vec<_>>()
    };
    let list = ("x-forwarded-for", "1.2.3.4,junk ");
    let second = ("x-forwarded-for", "5.6.7.8");
    assert_eq!(out(&plain, &[list, second]), ["1.2.3.4,junk ", "5.6.7.8"]);
    assert_eq!(out(&append, &[list, second]), ["1.2.3.4,junk ", "5.6.7.8, 10.0.0.1"]);
    assert_eq!(out(&plain, &[]), [PEER]);
    assert_eq!(out(&append, &[]), [PEER], "the peer is not listed twice");
    assert_eq!(out(&plain, &[("x-real-ip", "7.7.7.7")]), ["7.7.7.7"]);
    assert_eq!(out(&append, &[("x-real-ip", "7.7.7.7")]), ["7.7.7.7, 10.0.0.1"]);
    let all = TrustProxy::dangerous_all().append_forwarded_for(true);
    let fields = [("x-forwarded-for", "203.0.113.5, 1.2.3.4")];
    assert_eq!(out(&all, &fields), ["203.0.113.5, 1.2.3.4, 10.0.0.1"]);
    assert_eq!(client(&all, ClientAddress::ForwardedFor, &fields), "203.0.113.5");
}

#[test]
fn the_scheme_is_the_first_word_of_the_field_or_that_of_the_connection() {
    for (fields, http, https) in [
        (&["https"][..], "https", "https"),
        (&["http"], "http", "http"),
        (&["HTTPS , http"], "https", "https"),
        (&["wss"], "https", "https"),
        (&["ws"], "http", "http"),
        (&["https", "http"], "https", "https"),
        (&["ftp"], "http", "https"),
        (&[""], "http", "https"),
        (&[",https"], "http", "https"),
        (&[], "http", "https"),
    ] {
        let lines: Vec<_> = fields.iter().map(|value| ("x-forwarded-proto", *value)).collect();
        for (conn, expected) in [(conn(PEER), http), (secure(PEER), https)] {
            let mut headers = map(&lines);
            let step = TrustStep::new(ten(), ClientAddress::ForwardedFor);
            let trusted = step.apply(&mut headers, Some(&conn));
            assert_eq!(trusted.scheme.as_str(), expected, "{fields:?}");
            let written: Vec<_> = headers.get_all("x-forwarded-proto").iter().collect();
            assert_eq!(written, [expected], "{fields:?}");
        }
    }
}

#[test]
fn a_trusted_unix_peer_names_the_client_or_nobody() {
    let peer = unix();
    let private = TrustProxy::private();
    let none = [("x-forwarded-proto", "http")];
    let named =
        [("x-forwarded-for", "1.2.3.4"), ("x-forwarded-proto", "http"), ("x-real-ip", "1.2.3.4")];
    let real = [("x-real-ip", "1.2.3.4")];
    check(&private, ClientAddress::ForwardedFor, Some(&peer), &[], &none);
    check(&private, ClientAddress::ForwardedFor, Some(&peer), &[("x-real-ip", "junk")], &none);
    check(&private, ClientAddress::ForwardedFor, Some(&peer), &real, &named);
    let list = [("x-forwarded-for", "1.2.3.4")];
    let append = private.append_forwarded_for(true);
    check(&append, ClientAddress::ForwardedFor, Some(&peer), &list, &named);
}

#[test]
fn networks_are_asked_for_their_first_and_last_address_and_the_ones_beside() {
    let trusts = |trust: &TrustProxy, peer: &str| trust.trusts(Some(&conn(peer)));
    let two =
        trust_cidrs(["10.0.0.0/8", "192.168.1.0/24", "::ffff:198.51.100.0/120", "2001:db8::/32"])
            .expect("networks");
    for (peer, expected) in [
        ("10.1.2.3", true),
        ("10.255.255.255", true),
        ("11.0.0.0", false),
        ("9.255.255.255", false),
        ("192.168.1.5", true),
        ("192.168.2.5", false),
        ("8.8.8.8", false),
        ("198.51.100.7", true),
        ("198.51.101.0", false),
        ("::ffff:10.1.2.3", true),
        ("2001:db8:ffff::1", true),
        ("2001:db9::", false),
    ] {
        assert_eq!(trusts(&two, peer), expected, "{peer}");
    }
    for (peer, expected) in [
        ("127.0.0.1", true),
        ("127.255.255.255", true),
        ("128.0.0.0", false),
        ("::1", true),
        ("::2", false),
        ("10.0.0.0", true),
        ("172.16.0.0", true),
        ("172.31.255.255", true),
        ("172.32.0.0", false),
        ("172.15.255.255", false),
        ("192.168.0.0", true),
        ("192.169.0.0", false),
        ("fc00::1", true),
        ("fdff::1", true),
        ("fe00::1", false),
        ("fe80::1", false),
        ("169.254.1.1", false),
    ] {
        assert_eq!(trusts(&TrustProxy::private(), peer), expected, "{peer}");
        assert_eq!(trusts(&TrustProxy::trusted(), peer), expected, "{peer}");
    }
    let nobody = TrustProxy::cidrs(std::iter::empty::<IpNet>());
    assert!(!trusts(&nobody, "127.0.0.1") && !nobody.trusts(Some(&unix())) && !nobody.trusts(None));
    assert!(TrustProxy::private().trusts(Some(&unix())) && !ten().trusts(Some(&unix())));
    assert!(ten().with_unix().trusts(Some(&unix())));
}

#[test]
fn or_trusts_what_either_trusts() {
    let either =
        ten().or(TrustProxy::from_fn(|conn| conn.peer_addr().is_some_and(|a| a.is_ipv6())));
    let either = either.or(trust_cidrs(["192.0.2.1"]).expect("an address"));
    for (peer, expected) in
        [("10.0.0.9", true), ("2001:db8::1", true), ("192.0.2.1", true), ("192.0.2.2", false)]
    {
        assert_eq!(either.trusts(Some(&conn(peer))), expected, "{peer}");
    }
}

#[test]
fn a_predicate_judges_elements_by_their_address_alone() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let trust = TrustProxy::from_fn(|conn| {
        ASKED.fetch_add(1, Ordering::Relaxed);
        assert!(!conn.is_unix() && !conn.is_secure() && conn.socket_peer().is_none());
        let address: Option<SocketAddr> = conn.peer_addr();
        address.is_some_and(|address| address.ip().to_string().starts_with("10."))
    });
    let fields = [("x-forwarded-for", "1.1.1.1, 2.2.2.2, 10.0.0.7")];
    assert_eq!(client(&trust, ClientAddress::ForwardedFor, &fields), "2.2.2.2");
    assert_eq!(ASKED.load(Ordering::Relaxed), 3, "the peer, the proxy, the client");
}

#[test]
fn forwarded_is_read_in_each_form_of_its_rfc() {
    let trust = ten().read_forwarded(true);
    for (value, expected, scheme) in [
        // RFC 7239 §4, §6, §7.
        ("for=\"_gazonk\"", PEER, "http"),
        ("For=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17", "http"),
        ("for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60", "http"),
        ("for=192.0.2.43, for=198.51.100.17", "198.51.100.17", "http"),
        ("for=192.0.2.43, for=\"[2001:db8:cafe::17]\"", "2001:db8:cafe::17", "http"),
        ("for=192.0.2.43,for=\"[2001:db8:cafe::17]\",for=unknown", PEER, "http"),
        ("for=_hidden, for=_SEVKISEK", PEER, "http"),
        ("for=\"192.0.2.43:47011\"", "192.0.2.43", "http"),
        ("for=\"192.0.2.43:_port\"", "192.0.2.43", "http"),
        ("for=\"[::ffff:1.2.3.4]\"", "1.2.3.4", "http"),
        ("for=1.2.3.4;proto=https, for=10.0.0.2;proto=http", "1.2.3.4", "https"),
        ("for=1.2.3.4, for=10.0.0.2;proto=https", "1.2.3.4", "http"),
        ("proto=https;for=1.2.3.4", "1.2.3.4", "https"),
        ("for=1.2.3.4; proto=https ;host=\"a, b\"", "1.2.3.4", "https"),
        ("FOR=1.2.3.4;PROTO=HTTPS;secret=\"a\\\"b;c,d\"", "1.2.3.4", "https"),
        ("for=\"1.2.3.\\4\"", "1.2.3.4", "http"),
        (", ,for=1.2.3.4,,", "1.2.3.4", "http"),
        ("proto=https", PEER, "http"),
        ("for=garbage", PEER, "http"),
        ("for=1.2.3.4;", "1.2.3.4", "http"),
        // None of these parses: the X-fields count.
        ("for=1.2.3.4;for=5.6.7.8", "9.9.9.9", "https"),
        ("for=[::1]", "9.9.9.9", "https"),
        ("for=1.2.3.4:80", "9.9.9.9", "https"),
        ("for = 1.2.3.4", "9.9.9.9", "https"),
        ("for=\"1.2.3.4", "9.9.9.9", "https"),
        ("for=", "9.9.9.9", "https"),
        ("=1.2.3.4", "9.9.9.9", "https"),
        ("1.2.3.4", "9.9.9.9", "https"),
        ("for=1.2.3.4 proto=https", "9.9.9.9", "https"),
        ("", "9.9.9.9", "https"),
        (",", "9.9.9.9", "https"),
    ] {
        let fields =
            [("forwarded", value), ("x-forwarded-for", "9.9.9.9"), ("x-forwarded-proto", "https")];
        let (mut headers, conn) = (map(&fields), conn(PEER));
        let step = TrustStep::new(trust.clone(), ClientAddress::ForwardedFor);
        let trusted = step.apply(&mut headers, Some(&conn));
        let client = trusted.client_addr.expect("an address").to_string();
        assert_eq!((&*client, trusted.scheme.as_str()), (expected, scheme), "{value}");
        assert_eq!(headers["forwarded"], value);
    }
    let lines = [("forwarded", "for=1.2.3.4"), ("forwarded", "for=10.0.0.2")];
    assert_eq!(client(&trust, ClientAddress::RealIp, &lines), "1.2.3.4");
    let one_bad = [("forwarded", "for=1.2.3.4"), ("forwarded", "for"), ("x-real-ip", "7.7.7.7")];
    assert_eq!(client(&trust, ClientAddress::RealIp, &one_bad), "7.7.7.7");
    let unread = [("forwarded", "for=1.2.3.4")];
    assert_eq!(client(&ten(), ClientAddress::ForwardedFor, &unread), PEER, "off by default");
    let many: Vec<_> = (0..33).map(|number| format!("for=10.1.0.{number}")).collect();
    let fields = [("forwarded", &*many.join(","))];
    assert_eq!(client(&trust, ClientAddress::ForwardedFor, &fields), "10.1.0.1");
}

proptest! {
    /// Whatever a client sends through one trusted proxy that appends: the address that the proxy saw is the client's.
    #[test]
    fn nothing_left_of_the_first_untrusted_address_matters(left in "[ -~]{0,60}", more in 0_usize..5) {
        let proxies = [", 10.0.0.1", ", 10.0.0.2", ", 10.0.0.3", ", 10.0.0.4"][..more].concat();
        let list = format!("{left}, 203.0.113.7{proxies}");
        prop_assert_eq!(client(&ten(), ClientAddress::ForwardedFor, &[("x-forwarded-for", &list)]), "203.0.113.7");
    }

    #[test]
    fn no_forwarding_field_of_an_untrusted_peer_is_left(
        names in prop::collection::vec("(x[-_](forwarded[-_](for|host|a)?|real[-_]ip)|forwarded|x-other)", 0..8),
    ) {
        let fields: Vec<_> = names.iter().map(|name| (&**name, "forged")).collect();
        let (mut headers, conn) = (map(&fields), conn("203.0.113.7"));
        TrustStep::new(ten(), ClientAddress::RealIp).apply(&mut headers, Some(&conn));
        for (name, value) in &headers {
            prop_assert!(value != "forged" || name == "x-other", "{name}");
        }
        prop_assert_eq!(headers.len(), 3 + names.iter().filter(|name| *name == "x-other").count());
    }

    #[test]
    fn any_forwarded_line_is_read_without_harm(line in "[fFor=proto;,\"\\\\ 0-9.:\\[\\]_a-c]{0,60}") {
        client(&ten().read_forwarded(true), ClientAddress::ForwardedFor, &[("forwarded", &line)]);
    }

    #[test]
    fn a_set_of_networks_holds_what_one_of_them_holds(
        networks in prop::collection::vec((any::<u32>(), 0_u8..=32), 0..12),
        probes in prop::collection::vec(any::<u32>(), 1..20),
    ) {
        let networks: Vec<IpNet> = networks
            .into_iter()
            .map(|(address, length)| IpNet::new(IpAddr::V4(address.into()), length).expect("a length"))
            .collect();
        let edges = networks.iter().flat_map(|network| [network.network(), network.broadcast()]);
        let probes = probes.into_iter().map(|address| IpAddr::V4(address.into())).chain(edges);
        let trust = TrustProxy::cidrs(&networks);
        for probe in probes {
            let expected = networks.iter().any(|network| network.contains(&probe));
            prop_assert_eq!(trust.knows(probe), expected, "{} in {:?}", probe, networks);
        }
    }
}

/// Where the bytes of a field value are: equal for values that share them.
fn place(headers: &HeaderMap, name: &str) -> *const u8 {
    headers[name].as_bytes().as_ptr()
}

#[test]
fn the_text_of_the_peer_is_made_once_per_connection_and_shared_by_both_fields() {
    let step = TrustStep::new(ten(), ClientAddress::ForwardedFor);
    for peer in ["203.0.113.9", PEER] {
        let conn = conn(peer);
        let (mut first, mut second) = (map(&[]), map(&[]));
        step.apply(&mut first, Some(&conn));
        step.apply(&mut second, Some(&conn));
        let made = place(&first, "x-real-ip");
        for (headers, name) in
            [(&first, "x-forwarded-for"), (&second, "x-real-ip"), (&second, "x-forwarded-for")]
        {
            assert_eq!(place(headers, name), made, "{peer} {name}");
        }
    }
    let mut headers = map(&[("x-real-ip", "1.2.3.4")]);
    step.apply(&mut headers, Some(&conn(PEER)));
    assert_eq!(place(&headers, "x-real-ip"), place(&headers, "x-forwarded-for"), "another client");
}
