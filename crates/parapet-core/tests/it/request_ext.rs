//! The facts of a request that no server made, and their setters.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use http::HeaderValue;
use parapet_core::{
    Body, Deadline, LogFields, LogRecord, LogValue, Request, RequestExt as _, RequestId, Scheme,
    Upgrade,
};

use crate::support::get;

#[derive(Default)]
struct Fields(Mutex<Vec<(String, LogValue)>>);

impl LogFields for Fields {
    fn set(&self, name: Cow<'static, str>, value: LogValue) {
        self.0.lock().expect("no panic").push((name.into_owned(), value));
    }

    fn get(&self, name: &str) -> Option<LogValue> {
        let fields = self.0.lock().expect("no panic");
        fields.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    }

    fn disable(&self) {
        self.0.lock().expect("no panic").clear();
    }
}

#[test]
fn a_request_without_a_server_answers_with_what_it_has() {
    let mut request = get("http://Example:8080/a?b=1");
    assert_eq!(request.conn().id(), 0);
    assert!(request.conn().peer_addr().is_none() && !request.conn().is_unix());
    assert_eq!(request.client_addr(), None);
    assert!(!request.peer_trusted());
    assert_eq!(request.authority().expect("the URI's").as_str(), "Example:8080");
    assert_eq!(request.scheme(), Scheme::Http);
    assert_eq!(request.original_target(), "/a?b=1");
    assert_eq!((request.matched_host(), request.route()), (None, None));
    assert!(
        request.log().is_none() && request.request_id().is_none() && request.server().is_none()
    );
    assert_eq!(request.deadline(), None);
    assert!(!request.offers_upgrade() && Upgrade::take(&mut request).is_none());
    assert!(get("/a").authority().is_none());
    assert_eq!(Request::new(Body::empty()).original_target(), "/");
}

#[test]
fn the_client_address_field_and_log_change_together() {
    let fields = Arc::new(Fields::default());
    let mut request = get("/");
    request.headers_mut().append("x-real-ip", HeaderValue::from_static("1.1.1.1"));
    request.headers_mut().append("x-real-ip", HeaderValue::from_static("2.2.2.2"));
    request.set_log(LogRecord::new(fields.clone()));
    request.set_client_addr("::ffff:192.0.2.1".parse().expect("an address"));
    let address: IpAddr = "192.0.2.1".parse().expect("an address");
    assert_eq!(request.client_addr(), Some(address), "IPv4-mapped addresses are IPv4");
    let lines: Vec<_> = request.headers().get_all("x-real-ip").iter().collect();
    assert_eq!(lines, ["192.0.2.1"]);
    assert_eq!(fields.get("realIp"), Some(LogValue::from("192.0.2.1".to_owned())));
    request.set_client_addr("2001:db8::1".parse().expect("an address"));
    assert_eq!(request.headers()["x-real-ip"], "2001:db8::1");
}

#[test]
fn the_authority_changes_with_host_and_uri() {
    let mut request = get("http://old/path?q");
    request.headers_mut().insert("host", HeaderValue::from_static("old"));
    request.set_authority("new:81".parse().expect("an authority"));
    assert_eq!(request.authority().expect("set").as_str(), "new:81");
    assert_eq!(request.headers()["host"], "new:81");
    assert_eq!(request.uri(), "http://new:81/path?q");
    let mut request = get("/path");
    request.set_authority("new".parse().expect("an authority"));
    assert_eq!(
        (request.uri().to_string(), &request.headers()["host"]),
        ("/path".into(), &HeaderValue::from_static("new"))
    );
}

#[test]
fn match_notes_are_seen_by_handles_taken_before() {
    let mut request = get("/");
    request.set_route(Arc::from("/early"));
    let notes = request.notes();
    assert_eq!((notes.route().as_deref(), notes.matched_host()), (Some("/early"), None));
    request.set_matched_host(Arc::from("*.example"));
    request.set_route(Arc::from("/late/{id}"));
    assert_eq!((request.matched_host(), request.route()), (Some("*.example"), Some("/late/{id}")));
    assert_eq!(request.notes().route().as_deref(), Some("/late/{id}"));
    drop(request);
    assert_eq!(notes.matched_host().as_deref(), Some("*.example"));
    assert_eq!(notes.route().as_deref(), Some("/late/{id}"));
}

#[test]
fn id_and_deadline_are_read_back() {
    let mut request = get("/");
    let id = RequestId::new(HeaderValue::from_static("id-1")).expect("visible");
    request.set_request_id(id.clone());
    assert_eq!((request.request_id(), id.as_str()), (Some(&id), "id-1"));
    assert!(RequestId::new(HeaderValue::from_bytes(b"\xff").expect("a value")).is_none());
    let deadline = request.received_at();
    request.extensions_mut().insert(Deadline(deadline));
    assert_eq!(request.deadline(), Some(deadline));
}

#[test]
fn the_head_has_the_same_accessors() {
    let mut request = get("http://a/b");
    request.set_route(Arc::from("/b"));
    let (mut head, ()) = request.map(drop).into_parts();
    assert_eq!(head.route(), Some("/b"));
    head.set_path("/c").expect("a path");
    assert_eq!((head.uri.path(), head.original_target().as_str()), ("/c", "/b"));
}

#[test]
fn path_and_query_are_replaced_together_and_the_original_target_stays() {
    for (uri, expected) in
        [("/a?b", "/c?d"), ("http://h:1/a", "http://h:1/c?d"), ("h:443", "h:443")]
    {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = uri.parse().expect("a URI");
        let asked = request.original_target().clone();
        request.set_path_and_query("/c?d".parse().expect("a target"));
        assert_eq!(request.uri(), expected);
        assert_eq!(*request.original_target(), asked);
    }
}

#[test]
fn detached_facts_leave_log_id_and_notes_behind() {
    let mut request = get("/");
    request.set_log(LogRecord::new(Arc::new(Fields::default())));
    request.set_request_id(RequestId::new(HeaderValue::from_static("id")).expect("visible"));
    request.set_route(Arc::from("/r"));
    request.set_client_addr("192.0.2.1".parse().expect("an address"));
    request.set_authority("a.example".parse().expect("an authority"));
    let mut own = get("/own");
    own.extensions_mut().insert(request.detached_info());
    assert_eq!(own.client_addr(), request.client_addr());
    assert_eq!(own.authority(), request.authority());
    assert!(own.log().is_none() && own.request_id().is_none() && own.route().is_none());
    assert!(own.received_at() >= request.received_at());
    let copy = request.extensions().clone();
    own.extensions_mut().extend(copy);
    assert!(own.log().is_none(), "a cloned request is a request of its own");
}

#[test]
fn a_request_can_be_held_across_an_await() {
    fn is_send<T: Send>(_: T) {}
    is_send(async {
        let request = get("/");
        let held = &request;
        tokio::task::yield_now().await;
        held.body().known_length()
    });
}
