use std::sync::Arc;

use futures_util::FutureExt;
use parapet_core::{Body, BodyError, ResponseError};
use parapet_upstream::ConnectErrorKind as Connect;
use parapet_upstream::{Attempt, Error, HttpTransport, ShedReason, TimeoutKind};

use crate::support::{Backend, get, read, request, serve, status};

fn connect(kind: Connect) -> Error {
    Error::connect(kind, "10.0.0.1:80 said no")
}

fn shed(reason: ShedReason) -> Error {
    Error::Unavailable { reason }
}

fn body(error: BodyError) -> Error {
    Error::RequestBody(Arc::new(error))
}

#[tokio::test]
async fn each_failure_has_its_status_and_kind() {
    for (error, status, kind) in [
        (shed(ShedReason::Empty), 503, "shed_empty"),
        (shed(ShedReason::Saturated), 503, "shed_saturated"),
        (shed(ShedReason::AllDark), 503, "shed_all_dark"),
        (shed(ShedReason::AllOpen), 503, "shed_all_open"),
        (shed(ShedReason::Adaptive), 503, "shed_adaptive"),
        (shed(ShedReason::ConnLimit), 503, "shed_conn_limit"),
        (connect(Connect::Timeout), 504, "connect_timeout"),
        (Error::Timeout(TimeoutKind::ResponseHeader), 504, "header_timeout"),
        (Error::Timeout(TimeoutKind::PerTry), 504, "try_timeout"),
        (Error::Timeout(TimeoutKind::Deadline), 504, "deadline"),
        (connect(Connect::Refused), 502, "connect_refused"),
        (connect(Connect::Reset), 502, "connect_reset"),
        (connect(Connect::Dns), 502, "connect_dns"),
        (connect(Connect::Tls), 502, "connect_tls"),
        (connect(Connect::Other), 502, "connect"),
        (Error::Closed { reused: false, bytes_sent: true }, 502, "closed"),
        (Error::Protocol("bad head"), 502, "protocol"),
        (Error::other("broken"), 502, "other"),
        (body(BodyError::LengthLimitExceeded), 413, "request_body"),
        (body(BodyError::Timeout), 408, "request_body"),
        (body(BodyError::Malformed("chunk size")), 400, "request_body"),
        (body(BodyError::Other("spill".into())), 400, "request_body"),
        (body(BodyError::Disconnected), 502, "canceled"),
        (body(BodyError::Reset(8)), 502, "canceled"),
        (Error::Canceled, 502, "canceled"),
    ] {
        let upstream = Backend::failing(error.clone()).upstream().retries(0);
        let response = serve(&upstream, get("/")).await;
        let row = format!("{error:?}");
        assert_eq!(response.status(), status, "{row}");
        let note = response.extensions().get::<ResponseError>().unwrap();
        assert_eq!((note.source(), note.kind()), ("upstream", kind), "{row}");
        assert!(note.error().downcast_ref::<Error>().is_some(), "{row}");
        assert_eq!(response.headers()["x-content-type-options"], "nosniff", "{row}");
        let closes = response.headers().get("connection").is_some_and(|value| value == "close");
        assert_eq!(closes, status < 500, "{row}");
        let text = match status {
            400 => "Bad Request\n",
            408 => "Request Timeout\n",
            413 => "Request Entity Too Large\n",
            502 => "Bad Gateway\n",
            503 => "Service Unavailable\n",
            _ => "Gateway Timeout\n",
        };
        assert_eq!(read(response.into_body()).await.unwrap().0, text, "{row}");
    }
}

#[tokio::test]
async fn failing_client_body_is_the_clients_fault() {
    for (error, status) in [
        (BodyError::Malformed("chunk size"), 400),
        (BodyError::LengthLimitExceeded, 413),
        (BodyError::Timeout, 408),
    ] {
        let backend = Backend::ok();
        let (sender, body) = Body::channel(2);
        sender.data("part").await.unwrap();
        sender.fail(error).await.unwrap();
        let request = request("GET", "/").body(body).unwrap();
        let response = serve(&backend.upstream(), request).await;
        assert_eq!(response.status(), status);
        assert_eq!(backend.seen().len(), 1, "never tried again");
    }
}

#[tokio::test]
async fn error_handler_makes_the_response() {
    let backend = Backend::failing(Error::Protocol("bad head"));
    let upstream = backend.upstream().retries(0).error_handler(|head, error| {
        let mut response = status(521);
        response.headers_mut().insert("x-path", head.uri.path().parse().unwrap());
        response.headers_mut().insert("x-error", error.to_string().parse().unwrap());
        response
    });
    let response = serve(&upstream, get("/x")).await;
    assert_eq!(response.status(), 521);
    assert_eq!(response.headers()["x-path"], "/x");
    assert_eq!(response.headers()["x-error"], "the response breaks the protocol: bad head");
    assert_eq!(response.extensions().get::<ResponseError>().unwrap().kind(), "protocol");
}

#[tokio::test]
async fn panicking_error_handler_leaves_the_default() {
    let backend = Backend::failing(Error::Protocol("bad head"));
    let upstream = backend.upstream().retries(0).error_handler(|_, _| panic!("oops"));
    assert_eq!(serve(&upstream, get("/")).await.status(), 502);
}

#[test]
fn source_of_a_custom_dialer_is_found_again() {
    use std::error::Error as _;
    #[derive(Debug, PartialEq, thiserror::Error)]
    #[error("sentinel")]
    struct Sentinel;
    for error in [Error::connect(Connect::Other, Sentinel), Error::other(Sentinel)] {
        let source = error.source().unwrap();
        assert_eq!(source.downcast_ref::<Sentinel>(), Some(&Sentinel), "{error}");
    }
}

#[test]
fn without_a_runtime_a_request_is_an_error_and_no_panic() {
    let client = crate::backend::Client::new("127.0.0.1:9", HttpTransport::new());
    let result = client.get().now_or_never();
    assert!(matches!(result, Some(Err(Error::Other(_)))), "{result:?}");
    let soon = tokio::time::Instant::now() + std::time::Duration::from_secs(1);
    let at = Attempt::new().with_deadline(soon);
    let get = http::Request::get("/");
    let result = client.attempt(get, Body::empty(), &at).now_or_never();
    assert!(matches!(result, Some(Err(Error::Other(_)))), "{result:?}");
}
