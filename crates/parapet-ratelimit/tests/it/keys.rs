use std::sync::Arc;

use bytes::Bytes;
use http::HeaderName;
use parapet_core::{Body, Middleware, Request, RequestExt};
use parapet_ratelimit::{Error, Key, RateLimiter, key};

use crate::fixtures::{ok, request};

/// The key of a limiter without a `key` setting, as it sees it.
fn same(f: impl Fn(&Request) -> Option<Key>, a: &Request, b: &Request) -> bool {
    f(a).unwrap() == f(b).unwrap()
}

#[test]
fn clients_are_addresses_and_ipv6_subscribers() {
    let rows = [
        ("127.0.0.1", "127.0.0.1", true),
        ("::1", "127.0.0.1", false),
        ("hello", "hello", true),
        ("hello", "world", false),
        ("fe80::1%eth0", "fe80::1", false),
        ("::ffff:10.0.0.1", "10.0.0.1", true),
        ("10.0.0.1", "10.0.0.2", false),
        ("2001:db8:0:1::1", "2001:db8:0:1::2", true),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", false),
    ];
    for (a, b, expected) in rows {
        let (a, b) = (request(a), request(b));
        assert_eq!(same(key::client_ip(), &a, &b), expected, "{a:?} {b:?}");
    }
    let each = key::client_ip_prefix(128).unwrap();
    assert!(!same(each, &request("2001:db8:0:1::1"), &request("2001:db8:0:1::2")));
    let wide = key::client_ip_prefix(1).unwrap();
    assert!(same(wide, &request("2001:db8::1"), &request("7fff::")));
    for bits in [0, 129, 255] {
        assert_eq!(key::client_ip_prefix(bits).err(), Some(Error::BadPrefixLength(bits)));
    }
    let nobody = http::Request::new(Body::empty());
    assert_eq!(key::client_ip()(&nobody), Some(Key::empty()));
}

#[test]
fn the_address_of_the_trust_rules_wins_over_the_field() {
    let mut request = request("10.0.0.1");
    request.set_client_addr("192.0.2.7".parse().unwrap());
    request.headers_mut().insert("x-real-ip", "203.0.113.1".parse().unwrap());
    assert_eq!(format!("{:?}", key::client_ip()(&request).unwrap()), "Key(192.0.2.7)");
}

#[tokio::test]
async fn the_default_key_is_the_client() {
    let handler = parapet_ratelimit::fixed_window_per_hour(1).wrap(ok());
    let mut seen = Vec::new();
    for client in ["10.0.0.1", "10.0.0.1", "10.0.0.2"] {
        seen.push(handler.serve(request(client)).await.status().as_u16());
    }
    assert_eq!(seen, [200, 429, 200]);
}

#[test]
fn ready_keys_tell_what_they_are_named_after() {
    let ask = |uri: &str| {
        let request = http::Request::builder().uri(uri).header("x-user", "alice");
        request.body(Body::empty()).unwrap()
    };
    let api = ask("http://Example.com:8080/api/v1/items?page=2");
    let text = |key: Option<Key>, expected: &str| {
        assert_eq!(key, Some(Key::from(expected.to_owned())), "{expected}");
    };
    let (user, absent) = (HeaderName::from_static("x-user"), HeaderName::from_static("x-absent"));
    text(key::header(user.clone())(&api), "alice");
    assert_eq!(key::header(absent.clone())(&api), None);
    text(key::host()(&api), "example.com");
    text(key::global()(&api), "");
    text(key::path_prefix(1)(&api), "/api");
    text(key::path_prefix(2)(&api), "/api/v1");
    text(key::path_prefix(3)(&api), "/api/v1/items");
    text(key::path_prefix(9)(&api), "/api/v1/items");
    text(key::path_prefix(0)(&api), "");
    text(key::path_prefix(1)(&ask("/a/../api/x")), "/api");
    text(key::or(key::header(absent.clone()), key::host())(&api), "example.com");
    text(key::both(key::host(), key::header(user))(&api), "example.com+alice");
    assert_eq!(key::both(key::host(), key::header(absent))(&api), None);
}

#[test]
fn keys_are_made_of_addresses_texts_and_bytes() {
    let text = Key::from("a".to_owned());
    assert_eq!(Key::from(Arc::<str>::from("a")), text);
    assert_eq!(Key::from(Bytes::from_static(b"a")), text);
    assert_eq!(Key::from("a"), text);
    let address = |text: &str| text.parse::<std::net::IpAddr>().unwrap();
    assert_eq!(Key::from(address("2001:db8::1")), Key::from(address("2001:db8::2")));
    assert_ne!(
        Key::from_addr(address("2001:db8::1"), 128),
        Key::from_addr(address("2001:db8::2"), 128)
    );
    assert_eq!(Key::from_addr(address("::1"), 0), Err(Error::BadPrefixLength(0)));
    let _ = RateLimiter::new(parapet_ratelimit::FixedWindow::per_second(1))
        .key(move |_| Some(address("::1")));
}
