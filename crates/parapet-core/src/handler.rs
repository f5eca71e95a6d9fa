use std::any::type_name;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use smallvec::SmallVec;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{Body, IntoResponse};

/// A request as every layer sees it.
pub type Request = http::Request<Body>;
/// A response as every layer sees it.
pub type Response = http::Response<Body>;
/// Method, URI, version, fields and extensions of a request: what hooks and checks get, by reference.
pub type RequestHead = http::request::Parts;
/// Status, version, fields and extensions of a response: what hooks and checks get, by reference.
pub type ResponseHead = http::response::Parts;
/// A boxed future that can move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
/// Any error, boxed.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A byte stream in both directions. Implemented by every type that fits.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Io for T {}

/// A boxed byte stream: what connection layers take and give.
pub type BoxIo = Box<dyn Io>;

/// Something that answers a request. Implemented by terminal handlers and by each wrapped layer.
///
/// Infallible: an error becomes a response where it happens, with a
/// [`ResponseError`](crate::ResponseError) in the response's extensions. Dropping the returned future cancels the work
/// below it: guards run, upstream connections are closed or given back.
pub trait Serve: Send + Sync + 'static {
    /// Answers `request`.
    fn serve(&self, request: Request) -> ResponseFuture;

    /// Name of the implementing type, for `Debug` of [`Handler`].
    #[doc(hidden)]
    fn type_name(&self) -> &'static str {
        type_name::<Self>()
    }
}

/// A cheap-clone, `'static` handle to a [`Serve`]: can be kept, detached and raced.
#[derive(Clone)]
pub struct Handler(Arc<dyn Serve>);

impl Handler {
    /// Makes a handle to `serve`.
    pub fn new(serve: impl Serve) -> Self {
        Self(Arc::new(serve))
    }

    /// Answers `request`.
    pub fn serve(&self, request: Request) -> ResponseFuture {
        self.0.serve(request)
    }

    /// Whether both are handles to one value: a layer that does nothing gave back what it got.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// Prints the name of the type behind the handle only.
impl fmt::Debug for Handler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Handler({})", self.0.type_name())
    }
}

impl From<Arc<dyn Serve>> for Handler {
    fn from(serve: Arc<dyn Serve>) -> Self {
        Self(serve)
    }
}

/// What [`Serve::serve`] returns: a response that is ready, or one boxed future with what is to be changed in its answer.
///
/// A layer that only looks at the request returns the future of the next handler as it is; one that changes the head of
/// the answer says so with [`map`](Self::map). Neither puts a future around a future.
#[must_use = "a response future does nothing until it is polled"]
pub struct ResponseFuture(State);

#[expect(
    clippy::large_enum_variant,
    reason = "a ready response costs no box; the future is moved a few times at most"
)]
enum State {
    Ready(Option<Response>),
    Waiting(Waiting),
}

/// An answer that has to be waited for.
pub(crate) struct Waiting {
    future: BoxFuture<'static, Response>,
    /// In the order in which they run: innermost first.
    changes: SmallVec<[Change; USUAL_CHANGES]>,
}

type Change = Box<dyn FnOnce(&mut Response) + Send>;

/// So many take no room of their own: no more than a response that is ready takes in its place.
const USUAL_CHANGES: usize = 6;

impl ResponseFuture {
    /// A response that needs no waiting. Costs no allocation.
    pub fn ready(response: Response) -> Self {
        Self(State::Ready(Some(response)))
    }

    /// Boxes `future`.
    pub fn new(future: impl Future<Output = Response> + Send + 'static) -> Self {
        let future = Box::pin(future);
        Self(State::Waiting(Waiting { future, changes: SmallVec::new() }))
    }

    /// Hands the response to `change` on its way out: at once if it is ready, else when the future has answered. A future
    /// that is dropped before drops `change` without calling it.
    ///
    /// Far cheaper than a future of its own around this one: a box for what `change` holds, none if that is nothing.
    ///
    /// ```
    /// use http::HeaderValue;
    /// use parapet_core::{Handler, Request, ResponseFuture, Serve};
    ///
    /// struct ServedBy(Handler);
    ///
    /// impl Serve for ServedBy {
    ///     fn serve(&self, request: Request) -> ResponseFuture {
    ///         self.0.serve(request).map(|response| {
    ///             response.headers_mut().insert("x-served-by", HeaderValue::from_static("edge-1"));
    ///         })
    ///     }
    /// }
    /// ```
    #[inline]
    pub fn map(mut self, change: impl FnOnce(&mut Response) + Send + 'static) -> Self {
        match &mut self.0 {
            State::Ready(Some(response)) => change(response),
            State::Ready(None) => {}
            State::Waiting(waiting) => {
                waiting.changes.push(Box::new(change));
            }
        }
        self
    }

    /// Takes the response out if it is ready without polling, else gives the future back.
    ///
    /// # Errors
    /// The future itself, when it has to be awaited.
    #[expect(clippy::result_large_err, reason = "neither side is an error: nothing is boxed")]
    pub fn into_ready(self) -> Result<Response, Self> {
        match self.0 {
            State::Ready(Some(response)) => Ok(response),
            state => Err(Self(state)),
        }
    }

    /// As [`into_ready`](Self::into_ready), with what is small to move of an answer that waits.
    pub(crate) fn into_waiting(self) -> Result<Response, Waiting> {
        match self.0 {
            State::Ready(Some(response)) => Ok(response),
            State::Ready(None) => {
                Err(Waiting { future: Box::pin(std::future::pending()), changes: SmallVec::new() })
            }
            State::Waiting(waiting) => Err(waiting),
        }
    }
}

impl From<Response> for ResponseFuture {
    fn from(response: Response) -> Self {
        Self::ready(response)
    }
}

impl Future for ResponseFuture {
    type Output = Response;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Response> {
        match &mut self.0 {
            // Polled again after it answered: stays pending, as a fused future would.
            State::Ready(response) => response.take().map_or(Poll::Pending, Poll::Ready),
            State::Waiting(waiting) => Pin::new(waiting).poll(cx),
        }
    }
}

impl Future for Waiting {
    type Output = Response;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Response> {
        let mut answer = self.future.as_mut().poll(cx);
        if let Poll::Ready(response) = &mut answer {
            for change in self.changes.drain(..) {
                change(response);
            }
        }
        answer
    }
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            State::Ready(_) => "ResponseFuture(ready)",
            State::Waiting(_) => "ResponseFuture(boxed)",
        })
    }
}

/// Makes a terminal handler from an async closure.
///
/// ```
/// use parapet_core::handler_fn;
/// let handler = handler_fn(|_request| async { "hello" });
/// ```
pub fn handler_fn<F, Fut>(f: F) -> Handler
where
    F: Fn(Request) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: IntoResponse> + Send + 'static,
{
    Handler::new(HandlerFn(f))
}

/// [`handler_fn`] with state that is cloned for each request.
pub fn handler_fn_with<S, F, Fut>(state: S, f: F) -> Handler
where
    S: Clone + Send + Sync + 'static,
    F: Fn(S, Request) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: IntoResponse> + Send + 'static,
{
    Handler::new(HandlerFn(move |request| f(state.clone(), request)))
}

struct HandlerFn<F>(F);

impl<F, Fut> Serve for HandlerFn<F>
where
    F: Fn(Request) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: IntoResponse> + Send + 'static,
{
    fn serve(&self, request: Request) -> ResponseFuture {
        let answer = (self.0)(request);
        ResponseFuture::new(async move { answer.await.into_response() })
    }
}
