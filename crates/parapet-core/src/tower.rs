//! Adapters to and from tower: a tower `Layer` as a middleware, a tower `Service` (an axum `Router`) as a handler, a
//! [`Handler`] as a tower `Service`.
//!
//! ```
//! use parapet_core::{Middleware, handler_fn, tower};
//! use tower_http::set_header::SetResponseHeaderLayer;
//!
//! let stamp = SetResponseHeaderLayer::overriding(
//!     http::header::SERVER,
//!     http::HeaderValue::from_static("edge-1"),
//! );
//! let handler = tower::layer(stamp).wrap(handler_fn(|_| async { "hello" }));
//! # let rt = tokio::runtime::Builder::new_current_thread().build()?;
//! let response = rt.block_on(handler.serve(http::Request::new(parapet_core::Body::empty())));
//! assert_eq!(response.headers()["server"], "edge-1");
//! # Ok::<(), std::io::Error>(())
//! ```

use std::any::Any;
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::StatusCode;
use http_body::{Frame, SizeHint};
use http_body_util::LengthLimitError;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    Body, BodyError, BoxError, Handler, Middleware, Request, Response, ResponseError,
    ResponseFuture, Serve, plain_error,
};

/// A tower layer as a middleware. Its service is made once, at set-up, and cloned for each request.
pub fn layer<L>(layer: L) -> TowerLayer<L> {
    TowerLayer(layer)
}

/// A tower service as a handler.
///
/// The service is cloned for each request, since `call` needs `&mut`, and its readiness is awaited inside the response
/// future. An error becomes plain error(500) with the error as [`ResponseError`] (kind `tower`).
pub fn service<S, B>(service: S) -> Handler
where
    S: Service<Request, Response = http::Response<B>> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    Handler::new(TowerService(service))
}

/// What [`layer`] returns.
#[derive(Clone)]
pub struct TowerLayer<L>(L);

impl<L, B> Middleware for TowerLayer<L>
where
    L: Layer<HandlerService> + Send + Sync + 'static,
    L::Service: Service<Request, Response = http::Response<B>> + Clone + Send + Sync + 'static,
    <L::Service as Service<Request>>::Error: Into<BoxError>,
    <L::Service as Service<Request>>::Future: Send,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    fn wrap(&self, next: Handler) -> Handler {
        service(self.0.layer(next.into_service()))
    }
}

impl<L> fmt::Debug for TowerLayer<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TowerLayer({})", std::any::type_name::<L>())
    }
}

struct TowerService<S>(S);

impl<S, B> Serve for TowerService<S>
where
    S: Service<Request, Response = http::Response<B>> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    fn serve(&self, request: Request) -> ResponseFuture {
        let mut service = self.0.clone();
        ResponseFuture::new(async move {
            match call(&mut service, request).await {
                Ok(response) => response.map(into_body),
                Err(error) => failed(error.into()),
            }
        })
    }
}

async fn call<S: Service<Request>>(
    service: &mut S,
    request: Request,
) -> Result<S::Response, S::Error> {
    std::future::poll_fn(|cx| service.poll_ready(cx)).await?;
    service.call(request).await
}

fn failed(error: BoxError) -> Response {
    let mut response = plain_error(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error");
    response.extensions_mut().insert(ResponseError::new("core", "tower", error));
    response
}

impl Handler {
    /// The handler as a tower service: always ready, never an error, for requests with any body of `Bytes`.
    pub fn into_service(self) -> HandlerService {
        HandlerService(self)
    }
}

/// A [`Handler`] as a tower service; made by [`Handler::into_service`].
#[derive(Clone, Debug)]
pub struct HandlerService(Handler);

impl<B> Service<http::Request<B>> for HandlerService
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = HandlerFuture;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> HandlerFuture {
        HandlerFuture(self.0.serve(request.map(into_body)))
    }
}

/// The future of [`HandlerService`]. Dropping it cancels the work below.
#[derive(Debug)]
#[must_use = "a response future does nothing until it is polled"]
pub struct HandlerFuture(ResponseFuture);

impl Future for HandlerFuture {
    type Output = Result<Response, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map(Ok)
    }
}

/// A body that is ours already stays as it is, with its guards and its known length; others are boxed.
fn into_body<B>(body: B) -> Body
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let mut body = Some(body);
    if let Some(ours) = (&mut body as &mut dyn Any).downcast_mut::<Option<Body>>() {
        return ours.take().unwrap_or_default();
    }
    body.map_or_else(Body::empty, |inner| Body::new(Foreign { inner }))
}

pin_project! {
    /// A body of tower's world with the error type of ours.
    struct Foreign<B> {
        #[pin]
        inner: B,
    }
}

impl<B> http_body::Body for Foreign<B>
where
    B: http_body::Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.project().inner.poll_frame(cx).map_err(|error| body_error(error.into()))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// What a body-limit layer fails with is a limit of ours too, so that it is answered with 413; the rest keeps its cause.
fn body_error(error: BoxError) -> BodyError {
    if error.is::<LengthLimitError>() { BodyError::LengthLimitExceeded } else { error.into() }
}
