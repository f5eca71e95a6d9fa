//! Adapters both ways: axum and tower-http in a chain, a handler in their place.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use axum::Router;
use axum::routing::{get, post};
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode};
use parapet_core::{
    Body, BodyError, BoxError, BoxFuture, Chain, IntoResponse as _, Middleware as _,
    RequestExt as _, RequestId, ResponseError, handler_fn, tower,
};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_service::Service;

use crate::support::{get as get_request, text};

fn post_request(uri: &str, body: Body) -> parapet_core::Request {
    Request::post(uri).body(body).expect("a request")
}

#[tokio::test]
async fn an_axum_router_is_a_handler() {
    let router = Router::new()
        .route("/hello", get(async || "from axum"))
        .route("/echo", post(async |body: Bytes| body));
    let handler = tower::service(router);
    let response = handler.serve(get_request("/hello")).await;
    assert_eq!(response.body().known_length(), Some(9), "the length stays known");
    assert_eq!(text(response).await, "from axum");
    let response = handler.serve(post_request("/echo", Body::full("to and fro"))).await;
    assert_eq!(text(response).await, "to and fro");
    assert_eq!(handler.serve(get_request("/none")).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_axum_handler_sees_the_facts_of_the_request() {
    let router = Router::new().route(
        "/",
        get(async |request: axum::extract::Request| {
            request.request_id().map(|id| id.as_str().to_owned()).unwrap_or_default()
        }),
    );
    let mut request = get_request("/");
    request.set_request_id(RequestId::new(HeaderValue::from_static("id-7")).expect("visible"));
    assert_eq!(text(tower::service(router).serve(request).await).await, "id-7");
}

#[tokio::test]
async fn a_handler_is_the_fallback_of_an_axum_router() {
    let handler = handler_fn(async |request: parapet_core::Request| {
        let path = request.uri().path().to_owned();
        let data = request.into_body().collect(100).await?.into_data();
        Ok::<_, BodyError>(format!("{path} {}", String::from_utf8_lossy(&data)))
    });
    let router = Router::new().fallback_service(handler.into_service());
    let response = tower::service(router).serve(post_request("/behind", Body::full("body"))).await;
    assert_eq!(text(response).await, "/behind body");
}

#[tokio::test]
async fn tower_layers_are_middlewares_in_their_order() {
    let stamp = |value| {
        tower::layer(SetResponseHeaderLayer::appending(
            http::header::VIA,
            HeaderValue::from_static(value),
        ))
    };
    let chain = Chain::new().with(stamp("outer")).with(stamp("inner"));
    let handler = chain.wrap(handler_fn(async |_| "hello"));
    for _ in 0..2 {
        let response = handler.serve(get_request("/")).await;
        let via: Vec<_> = response.headers().get_all(http::header::VIA).iter().collect();
        assert_eq!(via, ["inner", "outer"], "the outermost sees the response last");
        assert_eq!(response.body().known_length(), Some(5));
    }
}

#[tokio::test]
async fn a_layer_that_changes_the_request_body_is_a_middleware() {
    let echo = handler_fn(async |request: parapet_core::Request| {
        let data = request.into_body().collect(1_000).await?.into_data();
        Ok::<_, BodyError>(data)
    });
    let handler = tower::layer(RequestBodyLimitLayer::new(8)).wrap(echo);
    let response = handler.serve(post_request("/", Body::full("12345678"))).await;
    assert_eq!(text(response).await, "12345678");
    // Of unknown length, so that the layer finds out only while the handler reads.
    let stream = futures_util::stream::iter([Ok::<_, BodyError>("12345"), Ok("6789")]);
    let response = handler.serve(post_request("/", Body::from_stream(stream))).await;
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_layer_that_changes_the_response_body_is_a_middleware() {
    let handler = tower::layer(CatchPanicLayer::new()).wrap(handler_fn(
        async |request: parapet_core::Request| {
            assert!(request.uri().path() != "/panic", "as asked");
            "calm"
        },
    ));
    assert_eq!(text(handler.serve(get_request("/")).await).await, "calm");
    let response = handler.serve(get_request("/panic")).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
}

/// Ready at the second poll, then answers or fails.
#[derive(Clone)]
struct Slow {
    polls: usize,
    clones_ready: Arc<AtomicUsize>,
}

impl Service<parapet_core::Request> for Slow {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response<Body>, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.polls += 1;
        if self.polls < 2 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.clones_ready.fetch_add(1, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: parapet_core::Request) -> Self::Future {
        assert!(self.polls >= 2, "called before it was ready");
        Box::pin(async move {
            if request.uri().path() == "/fail" {
                Err("out of luck".into())
            } else {
                Ok("ok".into_response())
            }
        })
    }
}

#[tokio::test]
async fn a_service_is_cloned_and_its_readiness_awaited_for_each_request() {
    let clones_ready = Arc::new(AtomicUsize::new(0));
    let handler = tower::service(Slow { polls: 0, clones_ready: Arc::clone(&clones_ready) });
    for _ in 0..3 {
        assert_eq!(text(handler.serve(get_request("/")).await).await, "ok");
    }
    assert_eq!(clones_ready.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn an_error_of_a_service_is_a_500_with_the_error_as_note() {
    let handler = tower::service(Slow { polls: 0, clones_ready: Arc::default() });
    let response = handler.serve(get_request("/fail")).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let note = response.extensions().get::<ResponseError>().expect("a note").clone();
    assert_eq!((note.source(), note.kind()), ("core", "tower"));
    assert_eq!(note.error().to_string(), "out of luck");
    assert_eq!(text(response).await, "Internal Server Error\n", "the client learns nothing of it");
}

#[tokio::test]
async fn a_handler_is_a_service_for_any_body() {
    let length = handler_fn(async |request: parapet_core::Request| {
        let known = request.body().known_length();
        let replayable = request.body().replay().is_some();
        format!("{known:?} {replayable}")
    });
    let mut service = length.into_service();
    let foreign = http::Request::new(axum::body::Body::from("12345"));
    let answer: Result<_, Infallible> = service.call(foreign).await;
    let Ok(response) = answer;
    assert_eq!(text(response).await, "Some(5) false");
    // A body of ours is not wrapped again: it can still be replayed.
    let Ok(response) = service.call(http::Request::new(Body::full("1234"))).await;
    assert_eq!(text(response).await, "Some(4) true");
}
