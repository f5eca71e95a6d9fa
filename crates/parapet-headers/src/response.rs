use std::fmt;
use std::sync::Arc;

use http::header::CONTENT_LENGTH;
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use parapet_core::{
    Handler, Middleware, Request, RequestExt, Response, ResponseFuture, ResponseHead, Scheme, Serve,
};

use crate::Error;
use crate::builder::{Builder, builder};
use crate::field::{self, FRAMING, Kind, Message};
use crate::operation::Operation;
use crate::request::lines;

type Intercept = Arc<dyn Fn(&mut ResponseView<'_>) + Send + Sync>;
type Change = Arc<dyn Fn(&mut ResponseHead, &Asked) + Send + Sync>;
type Condition = Arc<dyn Fn(&ResponseHead) -> bool + Send + Sync>;

/// Changes the fields of responses, whatever their status, on the way out. One box for a response that has to be waited
/// for, none for one that is ready.
#[derive(Clone, Default)]
pub struct ResponseHeaders {
    steps: Arc<Vec<Step>>,
    condition: Option<Condition>,
    trailers: bool,
}

#[derive(Clone)]
enum Step {
    Fields(Operation<ResponseHead>),
    Intercept(Intercept),
    Change(Change),
}

/// What a step has to know of the request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) https: bool,
    head: bool,
}

/// The head of a response in the hands of [`intercept_response`].
#[derive(Debug)]
pub struct ResponseView<'a>(&'a mut ResponseHead);

impl ResponseView<'_> {
    /// Status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// Changes the status. To or from 1xx: ignored.
    pub fn set_status(&mut self, status: StatusCode) {
        if !status.is_informational() && !self.0.status.is_informational() {
            self.0.status = status;
        }
    }

    /// Header fields.
    pub fn headers(&self) -> &HeaderMap {
        &self.0.headers
    }

    /// Header fields, to change. What is done to framing fields is undone, but for `Content-Length` of an answer to HEAD
    /// and of 304.
    pub fn headers_mut(&mut self) -> &mut HeaderMap {
        &mut self.0.headers
    }

    /// Notes that layers left.
    pub fn extensions(&self) -> &Extensions {
        &self.0.extensions
    }
}

builder! {
    ResponseHeaders, ResponseHead, "the head",
    add_response, set_response, delete_response, map_response,
    "`Connection: close` is allowed and ends the connection behind the response.", ""
}

/// Hands the head of each response to `f`, once, with its final status.
pub fn intercept_response(
    f: impl Fn(&mut ResponseView<'_>) + Send + Sync + 'static,
) -> ResponseHeaders {
    ResponseHeaders::default().step(Step::Intercept(Arc::new(f)))
}

impl ResponseHeaders {
    /// The whole layer only for responses for which `f` is true. Default: all, whatever their status.
    #[must_use]
    pub fn when(self, f: impl Fn(&ResponseHead) -> bool + Send + Sync + 'static) -> Self {
        Self { condition: Some(Arc::new(f)), ..self }
    }

    /// Whether `delete` and `map` also apply to trailer fields. Default: false.
    #[must_use]
    pub fn trailers(self, on: bool) -> Self {
        Self { trailers: on, ..self }
    }

    /// Any other change of this crate's own.
    pub(crate) fn change(
        self,
        f: impl Fn(&mut ResponseHead, &Asked) + Send + Sync + 'static,
    ) -> Self {
        self.step(Step::Change(Arc::new(f)))
    }

    fn step(mut self, step: Step) -> Self {
        Arc::make_mut(&mut self.steps).push(step);
        self
    }

    fn apply(&self, response: &mut Response, asked: Asked) {
        let applies = if self.is_for_map_only() {
            let headers = response.headers_mut();
            self.steps.iter().for_each(|step| step.apply_to_map(headers));
            true
        } else {
            let (mut head, body) = std::mem::take(response).into_parts();
            let applies = self.condition.as_ref().is_none_or(|condition| condition(&head));
            if applies {
                self.steps.iter().for_each(|step| step.apply(&mut head, asked));
            }
            *response = Response::from_parts(head, body);
            applies
        };
        if applies && self.trailers && !response.body().is_end_stream() {
            let steps = Arc::clone(&self.steps);
            let filter = move |frame: http_body::Frame<_>| match frame.into_trailers() {
                Ok(mut trailers) => {
                    steps.iter().for_each(|step| step.apply_to_trailers(&mut trailers));
                    http_body::Frame::trailers(trailers)
                }
                Err(frame) => frame,
            };
            let body = std::mem::take(response.body_mut());
            *response.body_mut() = body.map_frames(filter).keep_length();
        }
    }

    /// Nothing but the fields is read or changed: the response need not be taken apart.
    fn is_for_map_only(&self) -> bool {
        self.condition.is_none() && self.steps.iter().all(Step::is_for_map_only)
    }
}

impl Builder for ResponseHeaders {
    type Head = ResponseHead;
    const MESSAGE: Message = Message::Response;

    fn operation(self, operation: Operation<ResponseHead>) -> Self {
        self.step(Step::Fields(operation))
    }
}

impl Step {
    fn apply(&self, head: &mut ResponseHead, asked: Asked) {
        match self {
            Self::Fields(operation) => operation.apply(head, |head| &mut head.headers),
            Self::Intercept(f) => intercept(head, asked, f),
            Self::Change(f) => f(head, &asked),
        }
    }

    fn is_for_map_only(&self) -> bool {
        matches!(self, Self::Fields(operation) if operation.is_for_map_only())
    }

    fn apply_to_map(&self, headers: &mut HeaderMap) {
        if let Self::Fields(operation) = self {
            operation.apply_to_map(headers);
        }
    }

    fn apply_to_trailers(&self, trailers: &mut HeaderMap) {
        if let Self::Fields(
            operation @ (Operation::Delete(_)
            | Operation::DeletePrefix(_)
            | Operation::Map { .. }
            | Operation::MapValue { .. }),
        ) = self
        {
            operation.apply_to_map(trailers);
        }
    }
}

/// Runs `f` and puts the framing fields back as they were: core derives framing from the body.
fn intercept(head: &mut ResponseHead, asked: Asked, f: &Intercept) {
    let kept = FRAMING.map(|name| lines(&head.headers, &name));
    f(&mut ResponseView(head));
    let keeps_length = asked.head || head.status == StatusCode::NOT_MODIFIED;
    for (name, values) in FRAMING.into_iter().zip(kept) {
        if name == CONTENT_LENGTH && keeps_length {
            continue;
        }
        head.headers.remove(&name);
        for value in values {
            let _ = head.headers.try_append(&name, value);
        }
    }
}

impl Middleware for ResponseHeaders {
    fn wrap(&self, next: Handler) -> Handler {
        if self.steps.is_empty() {
            return next;
        }
        Handler::new(Changed { layer: Arc::new(self.clone()), next })
    }
}

impl fmt::Debug for ResponseHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseHeaders")
            .field("steps", &self.steps.len())
            .field("trailers", &self.trailers)
            .finish_non_exhaustive()
    }
}

struct Changed {
    layer: Arc<ResponseHeaders>,
    next: Handler,
}

impl Serve for Changed {
    fn serve(&self, request: Request) -> ResponseFuture {
        let asked = Asked {
            https: request.scheme() == Scheme::Https,
            head: *request.method() == Method::HEAD,
        };
        let layer = Arc::clone(&self.layer);
        self.next.serve(request).map(move |response| layer.apply(response, asked))
    }
}
