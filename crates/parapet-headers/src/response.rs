use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use http::header::CONTENT_LENGTH;
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use parapet_core::{
    Handler, Middleware, Request, RequestExt, Response, ResponseFuture, ResponseHead, Scheme, Serve,
};

use crate::field::{self, FRAMING, Kind, Message};
use crate::operation::Operation;
use crate::request::lines;
use crate::{Error, Place};

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

/// Appends each value as a line of its own.
///
/// # Errors
/// [`Error`]: a pair is no field, or a reserved one.
pub fn add_response<N, V>(pairs: impl IntoIterator<Item = (N, V)>) -> Result<ResponseHeaders, Error>
where
    N: TryInto<HeaderName> + AsRef<[u8]>,
    V: TryInto<HeaderValue> + AsRef<[u8]>,
{
    ResponseHeaders::default().add_as("add_response", pairs)
}

/// Replaces all lines of each name by one. `Connection: close` is allowed and ends the connection behind the response.
///
/// # Errors
/// [`Error`]: a pair is no field, or a reserved one.
pub fn set_response<N, V>(pairs: impl IntoIterator<Item = (N, V)>) -> Result<ResponseHeaders, Error>
where
    N: TryInto<HeaderName> + AsRef<[u8]>,
    V: TryInto<HeaderValue> + AsRef<[u8]>,
{
    ResponseHeaders::default().set_as("set_response", pairs)
}

/// Removes all lines of each name.
///
/// # Errors
/// [`Error`]: a name is none, or a reserved one.
pub fn delete_response<N>(names: impl IntoIterator<Item = N>) -> Result<ResponseHeaders, Error>
where
    N: TryInto<HeaderName> + AsRef<[u8]>,
{
    ResponseHeaders::default().delete_as("delete_response", names)
}

/// Rewrites each line of `name`. An empty result removes the line, as does one that is no field value.
///
/// # Errors
/// [`Error`]: `name` is none, or a reserved one.
pub fn map_response<N>(
    name: N,
    f: impl Fn(&str) -> String + Send + Sync + 'static,
) -> Result<ResponseHeaders, Error>
where
    N: TryInto<HeaderName> + AsRef<[u8]>,
{
    ResponseHeaders::default().map_as("map_response", name, f)
}

/// Hands the head of each response to `f`, once, with its final status.
pub fn intercept_response(
    f: impl Fn(&mut ResponseView<'_>) + Send + Sync + 'static,
) -> ResponseHeaders {
    ResponseHeaders::default().step(Step::Intercept(Arc::new(f)))
}

impl ResponseHeaders {
    /// As [`add_response`], behind the operations so far.
    ///
    /// # Errors
    /// As there.
    #[expect(
        clippy::should_implement_trait,
        reason = "the operation's name everywhere; `+` would say nothing"
    )]
    pub fn add<N, V>(self, pairs: impl IntoIterator<Item = (N, V)>) -> Result<Self, Error>
    where
        N: TryInto<HeaderName> + AsRef<[u8]>,
        V: TryInto<HeaderValue> + AsRef<[u8]>,
    {
        self.add_as("add", pairs)
    }

    /// As [`set_response`], behind the operations so far.
    ///
    /// # Errors
    /// As there.
    pub fn set<N, V>(self, pairs: impl IntoIterator<Item = (N, V)>) -> Result<Self, Error>
    where
        N: TryInto<HeaderName> + AsRef<[u8]>,
        V: TryInto<HeaderValue> + AsRef<[u8]>,
    {
        self.set_as("set", pairs)
    }

    /// As [`delete_response`], behind the operations so far.
    ///
    /// # Errors
    /// As there.
    pub fn delete<N>(self, names: impl IntoIterator<Item = N>) -> Result<Self, Error>
    where
        N: TryInto<HeaderName> + AsRef<[u8]>,
    {
        self.delete_as("delete", names)
    }

    /// As [`map_response`], behind the operations so far.
    ///
    /// # Errors
    /// As there.
    pub fn map<N>(
        self,
        name: N,
        f: impl Fn(&str) -> String + Send + Sync + 'static,
    ) -> Result<Self, Error>
    where
        N: TryInto<HeaderName> + AsRef<[u8]>,
    {
        self.map_as("map", name, f)
    }

    /// Removes every field whose name begins with `prefix` (two characters at least), reserved ones excepted.
    ///
    /// # Errors
    /// [`Error::Name`].
    pub fn delete_prefix(self, prefix: &str) -> Result<Self, Error> {
        let prefix = field::prefix(prefix)?;
        Ok(self.step(Step::Fields(Operation::DeletePrefix(prefix))))
    }

    /// Sets each field that has no line yet.
    ///
    /// # Errors
    /// [`Error`]: a pair is no field, or a reserved one.
    pub fn set_if_absent<N, V>(self, pairs: impl IntoIterator<Item = (N, V)>) -> Result<Self, Error>
    where
        N: TryInto<HeaderName> + AsRef<[u8]>,
        V: TryInto<HeaderValue> + AsRef<[u8]>,
    {
        let pairs = field::pairs(pairs, Kind::Add, Message::Response, "set_if_absent")?;
        Ok(self.step(Step::Fields(Operation::SetIfAbsent(pairs))))
    }

    /// Appends each value that no line of its field equals.
    ///
    /// # Errors
    /// [`Error`]: a pair is no field, or a reserved one.
    pub fn append_if_absent<N, V>(
        self,
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, Error>
    where
        N: TryInto<HeaderName> + AsRef<[u8]>,
        V: TryInto<HeaderValue> + AsRef<[u8]>,
    {
        let pairs = field::pairs(pairs, Kind::Add, Message::Response, "append_if_absent")?;
        Ok(self.step(Step::Fields(Operation::AppendIfAbsent(pairs))))
    }

    /// Sets `name` to what `f` makes of the head; `None` does nothing.
    ///
    /// # Errors
    /// [`Error`]: `name` is none, or a reserved one.
    pub fn set_with<N>(
        self,
        name: N,
        f: impl Fn(&ResponseHead) -> Option<HeaderValue> + Send + Sync + 'static,
    ) -> Result<Self, Error>
    where
        N: TryInto<HeaderName> + AsRef<[u8]>,
    {
        let place = Place { operation: "set_with", index: 0 };
        let name = field::name(name, Kind::Set, Message::Response, place)?;
        Ok(self.step(Step::Fields(Operation::SetWith { name, f: Arc::new(f) })))
    }

    /// Appends what `f` makes of the head to `name`; `None` does nothing.
    ///
    /// # Errors
    /// [`Error`]: `name` is none, or a reserved one.
    pub fn add_with<N>(
        self,
        name: N,
        f: impl Fn(&ResponseHead) -> Option<HeaderValue> + Send + Sync + 'static,
    ) -> Result<Self, Error>
    where
        N: TryInto<HeaderName> + AsRef<[u8]>,
    {
        let place = Place { operation: "add_with", index: 0 };
        let name = field::name(name, Kind::Add, Message::Response, place)?;
        Ok(self.step(Step::Fields(Operation::AddWith { name, f: Arc::new(f) })))
    }

    /// Rewrites each line of `name` as bytes; `None` removes it.
    ///
    /// # Errors
    /// [`Error`]: `name` is none, or a reserved one.
    pub fn map_value<N>(
        self,
        name: N,
        f: impl Fn(&HeaderValue) -> Option<HeaderValue> + Send + Sync + 'static,
    ) -> Result<Self, Error>
    where
        N: TryInto<HeaderName> + AsRef<[u8]>,
    {
        let place = Place { operation: "map_value", index: 0 };
        let name = field::name(name, Kind::Map, Message::Response, place)?;
        Ok(self.step(Step::Fields(Operation::MapValue { name, f: Arc::new(f) })))
    }

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

    fn add_as<N, V>(
        self,
        operation: &'static str,
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, Error>
    where
        N: TryInto<HeaderName> + AsRef<[u8]>,
        V: TryInto<HeaderValue> + AsRef<[u8]>,
    {
        let pairs = field::pairs(pairs, Kind::Add, Message::Response, operation)?;
        Ok(if pairs.is_empty() { self } else { self.step(Step::Fields(Operation::Add(pairs))) })
    }

    fn set_as<N, V>(
        self,
        operation: &'static str,
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, Error>
    where
        N: TryInto<HeaderName> + AsRef<[u8]>,
        V: TryInto<HeaderValue> + AsRef<[u8]>,
    {
        let pairs = field::pairs(pairs, Kind::Set, Message::Response, operation)?;
        Ok(if pairs.is_empty() { self } else { self.step(Step::Fields(Operation::Set(pairs))) })
    }

    fn delete_as<N>(
        self,
        operation: &'static str,
        names: impl IntoIterator<Item = N>,
    ) -> Result<Self, Error>
    where
        N: TryInto<HeaderName> + AsRef<[u8]>,
    {
        let names = field::names(names, Message::Response, operation)?;
        Ok(if names.is_empty() { self } else { self.step(Step::Fields(Operation::Delete(names))) })
    }

    fn map_as<N>(
        self,
        operation: &'static str,
        name: N,
        f: impl Fn(&str) -> String + Send + Sync + 'static,
    ) -> Result<Self, Error>
    where
        N: TryInto<HeaderName> + AsRef<[u8]>,
    {
        let name = field::name(name, Kind::Map, Message::Response, Place { operation, index: 0 })?;
        let warned = Arc::new(AtomicBool::new(false));
        Ok(self.step(Step::Fields(Operation::Map { name, f: Arc::new(f), warned })))
    }

    fn step(mut self, step: Step) -> Self {
        Arc::make_mut(&mut self.steps).push(step);
        self
    }

    fn apply(&self, response: Response, asked: Asked) -> Response {
        let (mut head, mut body) = response.into_parts();
        if self.condition.as_ref().is_none_or(|condition| condition(&head)) {
            for step in &*self.steps {
                step.apply(&mut head, asked);
            }
            if self.trailers && !body.is_end_stream() {
                let steps = Arc::clone(&self.steps);
                let filter = move |frame: http_body::Frame<_>| match frame.into_trailers() {
                    Ok(mut trailers) => {
                        steps.iter().for_each(|step| step.apply_to_trailers(&mut trailers));
                        http_body::Frame::trailers(trailers)
                    }
                    Err(frame) => frame,
                };
                body = body.map_frames(filter).keep_length();
            }
        }
        Response::from_parts(head, body)
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
        match self.next.serve(request).into_ready() {
            Ok(response) => ResponseFuture::ready(self.layer.apply(response, asked)),
            Err(answer) => {
                let layer = Arc::clone(&self.layer);
                ResponseFuture::new(async move { layer.apply(answer.await, asked) })
            }
        }
    }
}
