use std::fmt;
use std::future::Future;
use std::sync::Arc;

use crate::{Handler, IntoResponse, Middleware, Request, ResponseFuture, Serve};

/// The handler behind a [`from_fn`] middleware.
#[derive(Clone, Debug)]
pub struct Next(Handler);

impl Next {
    /// Passes `request` on.
    pub fn run(&self, request: Request) -> ResponseFuture {
        self.0.serve(request)
    }

    /// The handler itself, for what must outlive the request.
    pub fn into_handler(self) -> Handler {
        self.0
    }
}

/// Makes a middleware from one async function.
///
/// ```
/// use parapet_core::{Middleware, from_fn, handler_fn};
/// let layer = from_fn(|request, next| async move {
///     let mut response = next.run(request).await;
///     response.headers_mut().insert("x-served-by", http::HeaderValue::from_static("edge-1"));
///     response
/// });
/// let handler = layer.wrap(handler_fn(|_| async { "hello" }));
/// ```
pub fn from_fn<F, Fut>(f: F) -> FromFn<F>
where
    F: Fn(Request, Next) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: IntoResponse> + Send + 'static,
{
    FromFn(Arc::new(f))
}

/// [`from_fn`] with state that is cloned for each request.
pub fn from_fn_with<S, F, Fut>(state: S, f: F) -> impl Middleware
where
    S: Clone + Send + Sync + 'static,
    F: Fn(S, Request, Next) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: IntoResponse> + Send + 'static,
{
    from_fn(move |request, next| f(state.clone(), request, next))
}

/// What [`from_fn`] returns.
pub struct FromFn<F>(Arc<F>);

impl<F> Clone for FromFn<F> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<F> fmt::Debug for FromFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FromFn")
    }
}

impl<F, Fut> Middleware for FromFn<F>
where
    F: Fn(Request, Next) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: IntoResponse> + Send + 'static,
{
    fn wrap(&self, next: Handler) -> Handler {
        Handler::new(Wrapped { f: Arc::clone(&self.0), next: Next(next) })
    }
}

struct Wrapped<F> {
    f: Arc<F>,
    next: Next,
}

impl<F, Fut> Serve for Wrapped<F>
where
    F: Fn(Request, Next) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: IntoResponse> + Send + 'static,
{
    fn serve(&self, request: Request) -> ResponseFuture {
        let answer = (self.f)(request, self.next.clone());
        ResponseFuture::new(async move { answer.await.into_response() })
    }
}
