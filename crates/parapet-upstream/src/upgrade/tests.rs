use parapet_core::{BoxFuture, plain_error};

use super::*;
use crate::Transport;

/// Answers with what `f` makes of the head.
struct Origin<F>(F);

impl<F> RoundTrip for Origin<F>
where
    F: Fn(&RequestHead) -> Response + Send + Sync + 'static,
{
    fn round_trip<'a>(
        &'a self,
        head: &'a RequestHead,
        _body: Body,
        _at: &'a Attempt,
    ) -> BoxFuture<'a, Result<Response, Error>> {
        let response = (self.0)(head);
        Box::pin(async move { Ok(response) })
    }
}

async fn ask(
    head: http::request::Builder,
    origin: impl Fn(&RequestHead) -> Response + Send + Sync + 'static,
) -> Result<Response, Error> {
    let target = Target::new("origin", Transport::custom(Origin(origin))).unwrap();
    let (head, mut body) = head.body(Body::empty()).unwrap().into_parts();
    Arc::new(target).send(&head, &mut body, &Attempt::new()).await
}

fn switched(protocol: &'static str) -> Response {
    let (io, _) = tokio::io::duplex(64);
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    response.headers_mut().insert(UPGRADE, HeaderValue::from_static(protocol));
    response.extensions_mut().insert(UpgradedUpstream::new(io, Bytes::new()));
    response
}

fn upgrade(protocols: &'static str) -> http::request::Builder {
    http::Request::get("/").header(CONNECTION, "Upgrade").header(UPGRADE, protocols)
}

fn extended_connect(protocol: &str) -> http::request::Builder {
    http::Request::builder()
        .method(Method::CONNECT)
        .uri("/chat")
        .header("sec-websocket-version", "13")
        .extension(ConnectProtocol(protocol.into()))
}

#[tokio::test]
async fn protocol_of_the_101_must_be_one_that_was_asked_for() {
    for (asked, chosen, fits) in [
        ("websocket", "websocket", true),
        ("websocket", "WebSocket", true),
        ("a/1, b", "b", true),
        ("websocket", "other", false),
        ("websocket", "", false),
        ("a", "a, b", false),
    ] {
        let result = ask(upgrade(asked), move |_| switched(chosen)).await;
        assert_eq!(result.is_ok(), fits, "{asked} {chosen}");
        if let Ok(response) = result {
            assert!(!response.body().is_end_stream(), "its guards must stay");
        }
    }
    let unasked = ask(http::Request::get("/"), |_| switched("websocket")).await;
    assert!(matches!(unasked, Err(Error::Protocol(_))), "{unasked:?}");
}

#[tokio::test]
async fn other_answers_to_an_upgrade_are_ordinary() {
    let ok = ask(upgrade("websocket"), |_| Response::new(Body::from("ok"))).await.unwrap();
    assert_eq!(ok.status(), 200);
    let early = ask(upgrade("websocket"), |_| plain_error(StatusCode::PROCESSING, "")).await;
    assert!(matches!(early, Err(Error::Protocol(_))), "{early:?}");
    let empty_handed = ask(upgrade("websocket"), |_| {
        let mut response = switched("websocket");
        response.extensions_mut().clear();
        response
    })
    .await;
    assert!(matches!(empty_handed, Err(Error::Protocol(_))), "{empty_handed:?}");
}

#[tokio::test]
async fn extended_connect_becomes_an_upgrade() {
    let response = ask(extended_connect("websocket"), |head| {
        assert_eq!(head.method, Method::GET);
        assert_eq!(head.uri, "/chat");
        assert_eq!(head.headers[CONNECTION], "Upgrade");
        assert_eq!(head.headers[UPGRADE], "websocket");
        assert_eq!(head.headers["sec-websocket-version"], "13");
        let key = head.headers["sec-websocket-key"].to_str().unwrap();
        assert_eq!(key.len(), 24, "16 bytes in base64");
        let mut response = switched("websocket");
        let proof = websocket_proof(key);
        response.headers_mut().insert("sec-websocket-accept", proof);
        response.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("chat"));
        response
    })
    .await
    .unwrap();
    assert_eq!(response.status(), 200);
    let names: Vec<_> = response.headers().keys().map(http::HeaderName::as_str).collect();
    assert_eq!(names, ["sec-websocket-protocol"]);
    assert!(response.extensions().get::<UpgradedUpstream>().unwrap().take().is_some());
}

#[tokio::test]
async fn extended_connect_with_a_wrong_proof_fails() {
    let result = ask(extended_connect("websocket"), |_| {
        let mut response = switched("websocket");
        let wrong = HeaderValue::from_static("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        response.headers_mut().insert("sec-websocket-accept", wrong);
        response
    })
    .await;
    assert!(matches!(result, Err(Error::Protocol(_))), "{result:?}");
}

#[tokio::test]
async fn extended_connect_passes_other_statuses_on() {
    let denied = |_: &RequestHead| plain_error(StatusCode::FORBIDDEN, "Forbidden");
    assert_eq!(ask(extended_connect("websocket"), denied).await.unwrap().status(), 403);
    let udp = ask(extended_connect("connect-udp"), |head| {
        assert!(head.headers.get("sec-websocket-key").is_none());
        switched("connect-udp")
    });
    assert_eq!(udp.await.unwrap().status(), 200);
}

#[test]
fn upgrade_must_be_a_list_of_protocols() {
    for (lines, expected) in [
        (&[&b"websocket"[..]][..], Some("websocket")),
        (&[b"HTTP/2.0, a/b"], Some("HTTP/2.0, a/b")),
        (&[b"a", b"b/1"], Some("a, b/1")),
        (&[b"\x80"], None),
        (&[b"web socket"], None),
        (&[b"a/"], None),
        (&[b"a/1/2"], None),
        (&[b"a", b"\"b\""], None),
    ] {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(UPGRADE, HeaderValue::from_bytes(line).unwrap());
        }
        let requested = requested(&headers);
        assert_eq!(requested.as_ref().map(|value| value.to_str().unwrap()), expected, "{lines:?}");
    }
}

fn websocket_proof(key: &str) -> HeaderValue {
    use base64::Engine as _;
    use sha1::{Digest, Sha1};
    let digest = Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11"));
    let proof = base64::engine::general_purpose::STANDARD.encode(digest);
    HeaderValue::try_from(proof).unwrap()
}
