use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::{HeaderMap, Version};
use parapet_core::{Body, Response, ResponseError};
use parapet_upstream::{Attempt, RoundRobin, RoundTrip, Upstream};

use crate::support::{Backend, get, read, request, serve, streamed};

#[tokio::test]
async fn request_arrives_and_response_comes_back() {
    let backend = Backend::ok();
    let response = serve(&backend.upstream(), get("/path")).await;
    assert_eq!(response.status(), 200);
    assert_eq!(read(response.into_body()).await.unwrap().0, "ok");
    let seen = backend.only();
    assert_eq!(seen.head.uri, "/path");
    assert_eq!(seen.target.as_deref(), Some("app:8080"));
}

#[tokio::test]
async fn target_is_joined_and_never_climbs_above_the_base() {
    for (base, target, expected) in [
        ("/prefix", "/path?p=1", "/prefix/path?p=1"),
        ("/prefix?q=2", "/path?p=1", "/prefix/path?q=2&p=1"),
        ("/prefix", "/foo/../admin", "/prefix/admin"),
        ("/prefix", "/../../etc/passwd", "/prefix/etc/passwd"),
        ("/prefix", "/%2e%2E/x", "/prefix/x"),
        ("/prefix", "/public//../admin", "/prefix/admin"),
        ("/prefix", "/a/..%2f..%2fadmin", "/prefix/admin"),
        ("/prefix", "/a/", "/prefix/a/"),
        ("/", "/a/", "/a/"),
        ("/", "/a%2Fb", "/a%2Fb"),
        ("/", "/a//b", "/a//b"),
        ("/prefix", "http://client.example", "/prefix/"),
        ("/", "https://elsewhere/x?", "/x"),
    ] {
        let backend = Backend::ok();
        let response = serve(&backend.upstream().path(base).unwrap(), get(target)).await;
        assert_eq!(response.status(), 200, "{base} {target}");
        assert_eq!(backend.only().head.uri.to_string(), expected, "{base} {target}");
    }
}

#[tokio::test]
async fn path_that_servers_read_differently_is_refused() {
    for target in ["/a/..;/b", "/a/..%5cb", "/%00", "/%zz"] {
        let backend = Backend::ok();
        let called = Arc::new(AtomicUsize::new(0));
        let hook = called.clone();
        let upstream = backend.upstream().on_round_trip(move |_, _| {
            hook.fetch_add(1, Ordering::Relaxed);
        });
        let response = serve(&upstream, get(target)).await;
        assert_eq!(response.status(), 400, "{target}");
        assert_eq!(response.extensions().get::<ResponseError>().unwrap().kind(), "bad_request");
        assert_eq!(read(response.into_body()).await.unwrap().0, "Bad Request\n");
        assert!(backend.seen().is_empty(), "{target}");
        assert_eq!(called.load(Ordering::Relaxed), 0, "{target}");
    }
}

#[tokio::test]
async fn host_is_the_clients_unless_set() {
    let backend = Backend::ok();
    serve(&backend.upstream(), get("/")).await;
    serve(&backend.upstream().host("www.example.org").unwrap(), get("/")).await;
    let from_uri = http::Request::get("http://uri.example:81/").body(Body::empty()).unwrap();
    serve(&backend.upstream(), from_uri).await;
    let hosts: Vec<_> =
        backend.seen().iter().map(|seen| seen.head.headers["host"].clone()).collect();
    assert_eq!(hosts, ["client.example", "www.example.org", "uri.example:81"]);
    assert!(backend.seen().iter().all(|seen| seen.target.as_deref() == Some("app:8080")));

    let no_host = http::Request::get("/").body(Body::empty()).unwrap();
    let response = serve(&backend.upstream(), no_host).await;
    assert_eq!((response.status().as_u16(), backend.seen().len()), (400, 3));
}

#[tokio::test]
async fn hop_by_hop_fields_stay_behind_both_ways() {
    let backend = Backend::new(|_| {
        let mut response = Response::new(Body::from("ok"));
        *response.headers_mut() = fields(&[
            ("connection", "x-a, close"),
            ("x-a", "1"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "close"),
            ("proxy-authenticate", "Basic"),
            ("upgrade", "h2c"),
            ("te", "gzip"),
            ("transfer-encoding", "chunked"),
            ("content-length", "9"),
            ("trailer", "x-sum"),
            ("x-b", "2"),
        ]);
        Ok(response)
    });
    let mut request = get("/");
    request.headers_mut().extend(fields(&[
        ("connection", "x-a, close, x-real-ip, cookie"),
        ("x-a", "1"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "close"),
        ("proxy-authorization", "Basic x"),
        ("te", "gzip"),
        ("x-real-ip", "192.0.2.1"),
        ("cookie", "a=b"),
        ("x-forwarded-for", "192.0.2.1"),
        ("x-b", "2"),
    ]));
    let response = serve(&backend.upstream(), request).await;
    assert_eq!(
        names(&backend.only().head.headers),
        ["cookie", "host", "x-b", "x-forwarded-for", "x-real-ip"]
    );
    assert_eq!(names(response.headers()), ["trailer", "x-b"]);
}

#[tokio::test]
async fn te_trailers_goes_on() {
    let backend = Backend::ok();
    for te in ["trailers", "gzip;q=0.5, Trailers"] {
        let request = request("GET", "/").header("te", te).body(Body::empty()).unwrap();
        serve(&backend.upstream(), request).await;
    }
    for seen in backend.seen() {
        assert_eq!(seen.head.headers["te"], "trailers");
        assert_eq!(seen.head.headers["connection"], "TE");
    }
}

#[tokio::test]
async fn length_comes_from_the_body() {
    let rows: [(&str, Option<&str>, Body, Option<&str>); 9] = [
        ("GET", None, Body::empty(), None),
        ("GET", Some("5"), Body::empty(), None),
        ("POST", None, Body::empty(), Some("0")),
        ("PUT", Some("7"), Body::empty(), Some("0")),
        ("DELETE", None, Body::empty(), None),
        ("POST", Some("5"), Body::from("hello"), Some("5")),
        ("POST", Some("9"), Body::from("hello"), Some("5")),
        ("POST", None, Body::from("hello"), Some("5")),
        ("POST", Some("5"), streamed("hello"), None),
    ];
    for (method, received, body, sent) in rows {
        let backend = Backend::ok();
        let row = format!("{method} {received:?} {body:?}");
        let mut request = request(method, "/").body(body).unwrap();
        if let Some(received) = received {
            request.headers_mut().insert("content-length", received.parse().unwrap());
        }
        serve(&backend.upstream(), request).await;
        let length = backend.only().head.headers.get("content-length").cloned();
        assert_eq!(length.as_ref().map(|value| value.to_str().unwrap()), sent, "{row}");
    }
}

#[tokio::test]
async fn announced_trailers_are_for_bodies() {
    for (body, kept) in [(Body::empty(), false), (streamed("hello"), true)] {
        let backend = Backend::ok();
        let request = request("POST", "/").header("trailer", "x-sum").body(body).unwrap();
        serve(&backend.upstream(), request).await;
        assert_eq!(backend.only().head.headers.contains_key("trailer"), kept);
    }
}

#[tokio::test]
async fn cookie_lines_are_joined() {
    let backend = Backend::ok();
    let request = request("GET", "/")
        .header("cookie", "a=1")
        .header("cookie", "b=2")
        .header("cookie", "c=3")
        .body(Body::empty())
        .unwrap();
    serve(&backend.upstream(), request).await;
    let cookies: Vec<_> = backend.only().head.headers.get_all("cookie").iter().cloned().collect();
    assert_eq!(cookies, ["a=1; b=2; c=3"]);
}

#[tokio::test]
async fn nothing_is_added_but_via_on_wish() {
    let backend = Backend::new(|_| {
        let mut response = Response::new(Body::empty());
        *response.version_mut() = Version::HTTP_10;
        Ok(response)
    });
    let response = serve(&backend.upstream(), get("/")).await;
    assert_eq!(names(&backend.only().head.headers), ["host"]);
    assert!(response.headers().is_empty());

    let upstream = backend.upstream().via("edge.example".parse::<http::uri::Authority>().unwrap());
    let mut request = request("GET", "/").header("via", "1.0 fred").body(Body::empty()).unwrap();
    *request.version_mut() = Version::HTTP_2;
    let response = serve(&upstream, request).await;
    let seen = backend.seen()[1].head.headers.get_all("via").iter().cloned().collect::<Vec<_>>();
    assert_eq!(seen, ["1.0 fred", "2.0 edge.example"]);
    assert_eq!(response.headers()["via"], "1.0 edge.example");
}

#[tokio::test]
async fn max_forwards_is_counted_down() {
    let backend = Backend::ok();
    let request = request("OPTIONS", "*").header("max-forwards", "7").body(Body::empty()).unwrap();
    serve(&backend.upstream(), request).await;
    let seen = backend.only();
    assert_eq!(seen.head.headers["max-forwards"], "6");
    assert_eq!(seen.head.uri, "*");
}

#[tokio::test]
async fn upgrade_that_the_connection_cannot_give_goes_on_as_a_plain_request() {
    let backend = Backend::ok();
    let request = request("GET", "/")
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .body(Body::empty())
        .unwrap();
    let response = serve(&backend.upstream(), request).await;
    assert_eq!(response.status(), 200);
    assert_eq!(names(&backend.only().head.headers), ["host"]);
}

#[tokio::test]
async fn upstream_can_be_the_transport_of_another() {
    let backend = Backend::ok();
    let inner = backend.upstream().path("/inner").unwrap().host("inner.example").unwrap();
    // One attempt as it is: the inner proxy rewrites nothing.
    let (head, body) = get("/x").into_parts();
    let response = inner.round_trip(&head, body, &Attempt::new()).await.unwrap();
    assert_eq!(response.status(), 200);
    let outer = Upstream::single_host("outer", parapet_upstream::Transport::custom(inner)).unwrap();
    assert_eq!(serve(&outer, get("/y")).await.status(), 200);
    let targets: Vec<_> = backend
        .seen()
        .iter()
        .map(|seen| (seen.head.uri.to_string(), seen.target.clone().unwrap()))
        .collect();
    let app = "app:8080".to_owned();
    assert_eq!(targets, [("/x".to_owned(), app.clone()), ("/y".to_owned(), app)]);
    assert!(RoundTrip::targets(&outer).is_some());
}

#[tokio::test]
async fn clones_and_swapped_sets_share_the_targets() {
    let (old, new) = (Backend::ok(), Backend::ok());
    let set = parapet_upstream::TargetSet::new([old.target("old")]);
    let upstream = Upstream::new(RoundRobin::new(set.clone()));
    let copy = upstream.clone();
    serve(&upstream, get("/")).await;
    set.swap([new.target("new")]);
    serve(&upstream, get("/")).await;
    serve(&copy, get("/")).await;
    assert_eq!((old.seen().len(), new.seen().len()), (1, 2));
}

fn fields(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| (name.parse::<http::HeaderName>().unwrap(), value.parse().unwrap()))
        .collect()
}

fn names(headers: &HeaderMap) -> Vec<&str> {
    let mut names: Vec<_> = headers.keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    names
}
