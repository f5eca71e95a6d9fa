use http::uri::Authority;
use http::{HeaderValue, StatusCode};
use ipnet::IpNet;
use parapet_core::{Body, Handler, Middleware, Request, RequestExt, Response, from_fn, handler_fn};
use parapet_host::{Host, HostMatcher};

/// A handler that answers with the host note it finds.
pub(crate) fn answering(name: &'static str) -> Handler {
    handler_fn(move |request: Request| async move {
        let mut response = Response::new(Body::full(name));
        if let Some(host) = request.matched_host() {
            response.headers_mut().insert("x-host", HeaderValue::from_str(host).unwrap());
        }
        response
    })
}

/// A request to `authority`; empty: HTTP/1.0 without any.
pub(crate) fn request(authority: &str) -> Request {
    let mut request = Request::new(Body::empty());
    if !authority.is_empty() {
        request.set_authority(authority.parse::<Authority>().unwrap());
    }
    request
}

/// Who answered a request to `authority`, and the note that was set.
pub(crate) async fn ask(handler: &Handler, authority: &str) -> (String, Option<String>) {
    let response = handler.serve(request(authority)).await;
    let note = response.headers().get("x-host").map(|host| host.to_str().unwrap().to_owned());
    let body = response.into_body().collect(64).await.unwrap().into_data();
    (String::from_utf8(body.to_vec()).unwrap(), note)
}

async fn check(host: Host, authority: &str, pattern: Option<&str>) {
    let handler = host.with(answering("site")).wrap(answering("next"));
    let name = if pattern.is_some() { "site" } else { "next" };
    let expected = (name.to_owned(), pattern.map(ToOwned::to_owned));
    assert_eq!(ask(&handler, authority).await, expected, "{authority:?}");
}

#[tokio::test]
async fn names_match_in_any_case_with_any_port_and_with_a_trailing_dot() {
    for (patterns, authority, matched) in [
        (&[][..], "localhost", None),
        (&["*"], "localhost", Some("*")),
        (&["*"], "", Some("*")),
        (&["moonrhythm.io"], "moonrhythm.io", Some("moonrhythm.io")),
        (&["google.com", "moonrhythm.io"], "moonrhythm.io", Some("moonrhythm.io")),
        (&["google.com", "*"], "moonrhythm.io", Some("*")),
        (&["google.com", "*"], "google.com", Some("google.com")),
        (&["google.com", "*"], "", Some("*")),
        (&["*.moonrhythm.io"], "www.moonrhythm.io", Some("*.moonrhythm.io")),
        (&["*.moonrhythm.io"], "www.test.moonrhythm.io", Some("*.moonrhythm.io")),
        (&["*.moonrhythm.io"], "WWW.Moonrhythm.IO:443", Some("*.moonrhythm.io")),
        (&["*.moonrhythm.io"], "moonrhythm.io", None),
        (&["*.moonrhythm.io"], ".moonrhythm.io", None),
        (&["*.moonrhythm.io"], "a..moonrhythm.io", None),
        (&["*.moonrhythm.io"], "amoonrhythm.io", None),
        (&["*.www.moonrhythm.io"], "aaa.www.test.moonrhythm.io", None),
        (&["*.io", "*.moonrhythm.io"], "a.moonrhythm.io", Some("*.moonrhythm.io")),
        (&["moonrhythm.io"], "google", None),
        (&["moonrhythm.io"], ".com", None),
        (&["moonrhythm.io"], ".", None),
        (&["moonrhythm.io"], "", None),
        (&["moonrhythm.io"], "www.moonrhythm.io", None),
        (&["moonrhythm.io"], "MoonRhythm.IO", Some("moonrhythm.io")),
        (&["moonrhythm.io"], "moonrhythm.io:8080", Some("moonrhythm.io")),
        (&["moonrhythm.io"], "moonrhythm.io.", Some("moonrhythm.io")),
        (&["moonrhythm.io"], "moonrhythm.io.:443", Some("moonrhythm.io")),
        (&["moonrhythm.io"], "moonrhythm.io..", None),
        (&["MoonRhythm.IO"], "moonrhythm.io", Some("MoonRhythm.IO")),
        (&["[::1]"], "[::1]:8080", Some("[::1]")),
        (&["[::1]"], "[::1]", Some("[::1]")),
        (&["[::1]"], "[0:0::1]", Some("[::1]")),
        (&["::1"], "[0:0:0:0:0:0:0:1]:80", Some("::1")),
        (&["10.0.0.1"], "10.0.0.1:80", Some("10.0.0.1")),
        (&["10.0.0.1"], "[::ffff:10.0.0.1]", Some("10.0.0.1")),
        (&["*.0.0.1.test"], "10.0.0.1", None),
    ] {
        check(parapet_host::new(patterns).unwrap(), authority, matched).await;
    }
}

#[tokio::test]
async fn networks_match_addresses_inside() {
    for (nets, authority, matched) in [
        (&[][..], "10.0.1.1", None),
        (&["0.0.0.0/0"], "10.0.1.1", Some("0.0.0.0/0")),
        (&["10.0.1.1/32"], "10.0.1.1", Some("10.0.1.1/32")),
        (&["192.168.0.0/16", "10.0.0.0/8"], "10.0.1.1", Some("10.0.0.0/8")),
        (&["10.55.55.55/32", "10.0.0.0/8"], "10.0.0.2", Some("10.0.0.0/8")),
        (&["10.0.0.0/8", "10.0.0.0/16"], "10.0.0.2", Some("10.0.0.0/16")),
        (&["10.0.0.1/8"], "10.200.0.2:80", Some("10.0.0.1/8")),
        (&["10.0.1.1/32"], "10.0.1.2", None),
        (&["10.0.1.1/32"], "localhost", None),
        (&["::1/128"], "[::1]", Some("::1/128")),
        (&["::1/128"], "[::1]:80", Some("::1/128")),
        (&["fd00::/8"], "[fd12::1]", Some("fd00::/8")),
        (&["::/0"], "[fd12::1]", Some("::/0")),
        (&["::/0"], "10.0.0.1", None),
        (&["10.0.0.0/8"], "[::ffff:10.1.1.1]", Some("10.0.0.0/8")),
        (&["::ffff:10.0.0.0/104"], "10.1.1.1", Some("::ffff:10.0.0.0/104")),
    ] {
        check(parapet_host::cidr(nets).unwrap(), authority, matched).await;
        let nets: Vec<IpNet> = nets.iter().map(|net| net.parse().unwrap()).collect();
        check(Host::from_nets(nets), authority, matched).await;
    }
}

#[tokio::test]
async fn what_falls_out_goes_on_unless_the_block_is_exclusive() {
    let stamp = || {
        from_fn(|request, next| async move {
            let mut response = next.run(request).await;
            response.headers_mut().insert("x-stamp", HeaderValue::from_static("1"));
            response
        })
    };
    let host = || parapet_host::new(["a.test"]).unwrap().with(stamp());
    let open = host().wrap(answering("next"));
    let exclusive = host().exclusive(true).wrap(answering("next"));
    for (handler, authority, status, stamped) in [
        (&open, "a.test", StatusCode::OK, true),
        (&open, "b.test", StatusCode::OK, false),
        (&exclusive, "a.test", StatusCode::NOT_FOUND, true),
        (&exclusive, "b.test", StatusCode::OK, false),
    ] {
        let response = handler.serve(request(authority)).await;
        assert_eq!(response.status(), status, "{authority}");
        assert_eq!(response.headers().contains_key("x-stamp"), stamped, "{authority}");
    }
    let response = exclusive.serve(request("a.test")).await;
    let body = response.into_body().collect(64).await.unwrap();
    assert_eq!(body.data(), "404 page not found\n");
}

#[tokio::test]
async fn an_inner_block_overwrites_the_note_of_an_outer_one() {
    let inner = parapet_host::new(["a.test"]).unwrap().with(answering("inner"));
    let outer = parapet_host::new(["*.test", "a.test"]).unwrap().with(inner);
    let handler = parapet_host::new(["*"]).unwrap().with(outer).wrap(answering("next"));
    assert_eq!(ask(&handler, "a.test").await, ("inner".into(), Some("a.test".into())));
    assert_eq!(ask(&handler, "b.test").await, ("next".into(), Some("*.test".into())));
    assert_eq!(ask(&handler, "b.example").await, ("next".into(), Some("*".into())));
}

#[test]
fn forwarding_fields_are_not_looked_at() {
    let matcher = HostMatcher::new(["a.test"]).unwrap();
    let mut request = request("b.test");
    request.headers_mut().insert("x-forwarded-host", HeaderValue::from_static("a.test"));
    request.headers_mut().insert("host", HeaderValue::from_static("a.test"));
    assert!(!matcher.is_match(&request));
}

#[test]
fn a_name_of_many_labels_is_no_harder_than_a_short_one() {
    let matcher = HostMatcher::new(["*.example.com", "*"]).unwrap();
    let deep = format!("{}example.com", "a.".repeat(120));
    assert!(HostMatcher::new(["*.example.com"]).unwrap().is_match(&request(&deep)));
    let long = format!("{}.example.com", "a".repeat(250));
    assert!(matcher.is_match(&request(&long)), "only * matches what is over 256 bytes");
    assert!(!HostMatcher::new(["*.example.com"]).unwrap().is_match(&request(&long)));
}

#[test]
fn everything_public_is_shareable_and_printable() {
    fn is_shareable<T: Clone + Send + Sync + std::fmt::Debug>(_: &T) {}
    is_shareable(&parapet_host::new(["a.test"]).unwrap());
    is_shareable(&HostMatcher::new(["a.test"]).unwrap());
    is_shareable(&parapet_host::HostRouter::builder().build().unwrap());
    is_shareable(&parapet_host::strip_port());
    is_shareable(&parapet_host::to_lower());
}
