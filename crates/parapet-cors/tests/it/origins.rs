use http::Method;
use parapet_cors::{self as cors, Error, OriginReason};
use proptest::prelude::*;

use crate::support::{Answer, ask};

async fn passes(list: &[&str], origin: &str) -> bool {
    let layer = cors::allow_origins(list.iter().copied()).unwrap().same_origin(false);
    let answer = ask(&layer, Method::GET, &[("origin", origin)]).await;
    if answer != Answer::refused() {
        let marked = [&*format!("allow-origin: {origin}"), "vary: Origin"];
        assert_eq!(answer, Answer::next(&marked));
        return true;
    }
    false
}

#[tokio::test]
async fn patterns_fit_whole_labels_the_scheme_and_the_port() {
    let under = &["https://*.example.com"][..];
    let ports = &["http://localhost:*"][..];
    let rows = [
        (under, "https://a.example.com", true),
        (under, "https://a.b.example.com", true),
        (under, "https://A.Example.com", true),
        (under, "https://a.example.com:443", true),
        (under, "https://a_1-x.example.com", true),
        (under, "https://example.com", false),
        (under, "https://.example.com", false),
        (under, "https://a..example.com", false),
        (under, "https://example.com.evil.test", false),
        (under, "https://a.example.com.evil.test", false),
        (under, "https://evilexample.com", false),
        (under, "https://a.evilexample.com", false),
        (under, "http://a.example.com", false),
        (under, "https://a.example.com:8443", false),
        (under, "https://evil.test/.example.com", false),
        (under, "https://evil.test#.example.com", false),
        (under, "https://evil.test:1.example.com", false),
        (under, "https://user@a.example.com", false),
        (under, "https://evil.test@a.example.com", false),
        (under, "https://a.example.com/", false),
        (under, "a.example.com", false),
        (under, "xhttps://a.example.com", false),
        (under, "", false),
        (under, "null", false),
        (under, "*", false),
        (under, "https://*.example.com", false),
        (ports, "http://localhost:3000", true),
        (ports, "http://localhost", true),
        (ports, "http://localhost:80", true),
        (ports, "http://localhost:", false),
        (ports, "http://localhost:3000x", false),
        (ports, "http://localhost:123456", false),
        (ports, "http://localhost.evil.test:3000", false),
        (ports, "https://localhost:3000", false),
        (&["https://*.a.test:*"], "https://x.a.test:1", true),
        (&["https://*.a.test:8443"], "https://x.a.test:8443", true),
        (&["https://*.a.test:8443"], "https://x.a.test", false),
        (&["https://*.a.test:443"], "https://x.a.test", true),
    ];
    for (list, origin, expected) in rows {
        assert_eq!(passes(list, origin).await, expected, "{list:?} {origin}");
    }
}

#[tokio::test]
async fn exact_origins_are_compared_in_their_serialized_form() {
    let rows = [
        ("https://example.com", "https://example.com", true),
        ("https://example.com", "https://EXAMPLE.com", true),
        ("https://EXAMPLE.com", "https://example.com", true),
        ("https://example.com:443", "https://example.com", true),
        ("https://example.com", "https://example.com:443", true),
        ("https://example.com", "https://example.com:8443", false),
        ("https://example.com:08443", "https://example.com:8443", true),
        ("http://example.com:443", "http://example.com", false),
        ("https://example.com", "http://example.com", false),
        ("https://example.com", "https://www.example.com", false),
        ("https://example.com", "https://example.com.evil.test", false),
        ("https://example.com", "https://example.com/", false),
        ("http://[0:0::1]:8080", "http://[::1]:8080", true),
        ("http://192.0.2.1", "http://192.0.2.1", true),
        ("https://xn--e1afmkfd.test", "https://xn--e1afmkfd.test", true),
        ("chrome-extension://abcdef", "chrome-extension://abcdef", true),
        ("capacitor://localhost", "capacitor://localhost", true),
    ];
    for (entry, origin, expected) in rows {
        assert_eq!(passes(&[entry], origin).await, expected, "{entry} {origin}");
    }
}

#[test]
fn what_is_no_origin_is_an_error_that_says_what_to_write() {
    let rows = [
        ("*", OriginReason::Everybody),
        ("null", OriginReason::Null),
        ("", OriginReason::Scheme),
        ("example.com", OriginReason::Scheme),
        ("//example.com", OriginReason::Scheme),
        ("://example.com", OriginReason::Scheme),
        ("1http://example.com", OriginReason::Scheme),
        ("https://example.com/", OriginReason::Path),
        ("https://example.com/path", OriginReason::Path),
        ("https://example.com?query", OriginReason::Path),
        ("https://example.com#fragment", OriginReason::Path),
        ("https://user@example.com", OriginReason::User),
        ("https://", OriginReason::Host),
        ("https://:8080", OriginReason::Host),
        ("https://a..b", OriginReason::Host),
        ("https://a b.test", OriginReason::Host),
        ("https://[::1", OriginReason::Host),
        ("https://[::1]x", OriginReason::Host),
        ("https://[x]", OriginReason::Host),
        ("https://a.test:", OriginReason::Port),
        ("https://a.test:x", OriginReason::Port),
        ("https://a.test:65536", OriginReason::Port),
        ("https://a.test:1:2", OriginReason::Port),
        ("https://b\u{fc}cher.test", OriginReason::NotAscii),
        ("https://*.com", OriginReason::Wildcard),
        ("https://*", OriginReason::Wildcard),
        ("https://*.*.example.com", OriginReason::Wildcard),
        ("https://a.*.example.com", OriginReason::Wildcard),
        ("https://*a.example.com", OriginReason::Wildcard),
        ("https://example.*", OriginReason::Wildcard),
    ];
    for (value, reason) in rows {
        let error = cors::allow_origins(["https://good.test", value]).unwrap_err();
        assert_eq!(error, Error::Origin { value: value.into(), reason });
    }
    let texts = ["*", "null", "https://a.test/", "https://*.com"]
        .map(|value| cors::allow_origins([value]).unwrap_err().to_string());
    insta::assert_snapshot!(texts.join("\n"), @r#"
    "*" is no origin: for every origin take cors::new(), which sends no credentials
    "null" is no origin: any site can send it; if it must be, set dangerous_allow_null(true)
    "https://a.test/" is no origin: an origin is scheme, host and port: drop the path, query and trailing /
    "https://*.com" is no origin: a * stands for the first labels, with two or more behind it, or for the port: https://*.example.com, http://localhost:*
    "#);
}

proptest! {
    /// Whatever is sent: under a pattern for subdomains is only what ends so and begins with whole labels.
    #[test]
    fn only_hosts_below_the_suffix_fit(
        before in "[a-z./@:#*\\-]{0,12}",
        scheme in prop_oneof![Just("https://"), Just("http://"), Just("")],
        after in prop_oneof![Just(""), Just(":1"), Just("/"), Just(".evil.test")],
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let origin = format!("{scheme}{before}.example.com{after}");
        let labels = before.split('.').all(|label| {
            !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
        });
        let expected = scheme == "https://" && after.is_empty() && labels;
        prop_assert_eq!(runtime.block_on(passes(&["https://*.example.com"], &origin)), expected);
    }
}
