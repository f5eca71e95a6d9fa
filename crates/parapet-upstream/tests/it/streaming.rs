use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use parapet_core::{
    Body, BodyEnd, BodyError, BodyObserver, BoxFuture, Deadline, Outcome, RequestHead, Response,
    Side,
};
use parapet_upstream::{Attempt, Error, RoundTrip, Transport, Upstream};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::support::{Backend, get, read, request, serve};

/// Answers with bodies that the test made.
struct Bodies(Mutex<Vec<Body>>);

impl RoundTrip for Bodies {
    fn round_trip<'a>(
        &'a self,
        _head: &'a RequestHead,
        _body: Body,
        _at: &'a Attempt,
    ) -> BoxFuture<'a, Result<Response, Error>> {
        Box::pin(async { Ok(Response::new(self.0.lock().await.pop().unwrap())) })
    }
}

/// A proxy before an upstream that answers with `body`.
fn answering(body: Body) -> Upstream {
    let transport = Transport::custom(Bodies(Mutex::new(vec![body])));
    Upstream::single_host("app", transport).unwrap()
}

fn trailers() -> HeaderMap {
    let pairs = [
        ("grpc-status", "0"),
        ("x-sum", "1"),
        ("content-length", "5"),
        ("content-type", "text/plain"),
        ("set-cookie", "a=b"),
        ("authorization", "x"),
        ("transfer-encoding", "chunked"),
        ("trailer", "x"),
        ("connection", "close"),
    ];
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

async fn with_trailers() -> Body {
    let (sender, body) = Body::channel(4);
    sender.data("hello").await.unwrap();
    sender.trailers(trailers()).await.unwrap();
    body
}

#[tokio::test]
async fn trailers_arrive_without_the_forbidden_ones() {
    let response = serve(&answering(with_trailers().await), get("/")).await;
    let (text, trailers) = read(response.into_body()).await.unwrap();
    assert_eq!((text.as_str(), names(&trailers)), ("hello", vec!["grpc-status", "x-sum"]));

    let backend = Backend::ok();
    let request = request("POST", "/").body(with_trailers().await).unwrap();
    serve(&backend.upstream(), request).await;
    let seen = backend.only();
    assert_eq!(
        (seen.body.as_str(), names(&seen.trailers)),
        ("hello", vec!["grpc-status", "x-sum"])
    );
}

#[tokio::test]
async fn each_frame_arrives_before_the_next_is_sent() {
    let (sender, body) = Body::channel(1);
    let response = serve(&answering(body), get("/")).await;
    let mut body = response.into_body();
    for event in ["one", "two", "three"] {
        sender.data(event).await.unwrap();
        let frame = body.frame().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), event);
    }
    sender.fail(BodyError::Io(std::io::ErrorKind::ConnectionReset.into())).await.unwrap();
    assert!(matches!(body.frame().await, Some(Err(BodyError::Io(_)))), "never a clean end");
}

/// Tells when a body is closed.
struct Closed(tokio::sync::mpsc::UnboundedSender<bool>);

impl BodyObserver for Closed {
    fn ended(&self, _side: Side, end: BodyEnd<'_>) {
        let _ = self.0.send(matches!(end.outcome, Outcome::Complete));
    }
}

#[tokio::test(start_paused = true)]
async fn deadline_cuts_a_body_that_stalls() {
    let (sender, stalled) = Body::channel(1);
    let (closed, mut outcome) = tokio::sync::mpsc::unbounded_channel();
    let stalled = stalled.observe(Arc::new(Closed(closed)), Side::Response);
    let (start, mut request) = (Instant::now(), get("/"));
    request.extensions_mut().insert(Deadline(start + Duration::from_millis(200)));
    let response = serve(&answering(stalled), request).await;
    assert_eq!(response.status(), 200);
    sender.data("part").await.unwrap();
    let mut body = response.into_body();
    assert!(body.frame().await.unwrap().unwrap().is_data());
    assert!(matches!(body.frame().await, Some(Err(BodyError::Timeout))));
    assert_eq!(start.elapsed().as_millis(), 200);
    assert_eq!(outcome.recv().await, Some(false), "what it holds is free while it is still held");
    drop(body);
}

#[tokio::test]
async fn known_length_stays_known() {
    let response = serve(&answering(Body::from("hello")), get("/")).await;
    assert_eq!(response.body().known_length(), Some(5));
}
