use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use http::header::HOST;
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue};
use parapet_core::{Handler, Middleware, Request, RequestExt, ResponseFuture, Serve};

use crate::field::{self, FRAMING, Kind, Message, Pair};
use crate::operation::{Operation, warn_once};
use crate::{Error, Place};

type MapHost = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;
type Intercept = Arc<dyn Fn(&mut HeaderMap) + Send + Sync>;
type Change = Arc<dyn Fn(&mut Request) + Send + Sync>;
type Condition = Arc<dyn Fn(&Request) -> bool + Send + Sync>;

/// Changes the fields of requests. Costs no allocation but what the values need.
#[derive(Clone, Default)]
pub struct RequestHeaders {
    steps: Arc<Vec<Step>>,
    condition: Option<Condition>,
}

#[derive(Clone)]
enum Step {
    Fields(Operation<Request>),
    SetHost(Authority),
    MapHost { f: MapHost, warned: Arc<AtomicBool> },
    Intercept(Intercept),
    Change(Change),
}

/// Appends each value as a line of its own.
///
/// # Errors
/// [`Error`]: a pair is no field, or a reserved one.
pub fn add_request<N, V>(pairs: impl IntoIterator<Item = (N, V)>) -> Result<RequestHeaders, Error>
where
    N: TryInto<HeaderName> + AsRef<[u8]>,
    V: TryInto<HeaderValue> + AsRef<[u8]>,
{
    RequestHeaders::default().add_as("add_request", pairs)
}

/// Replaces all lines of each name by one. `Host` changes the request's authority.
///
/// # Errors
/// [`Error`]: a pair is no field, or a reserved one.
pub fn set_request<N, V>(pairs: impl IntoIterator<Item = (N, V)>) -> Result<RequestHeaders, Error>
where
    N: TryInto<HeaderName> + AsRef<[u8]>,
    V: TryInto<HeaderValue> + AsRef<[u8]>,
{
    RequestHeaders::default().set_as("set_request", pairs)
}

/// Removes all lines of each name.
///
/// # Errors
/// [`Error`]: a name is none, or a reserved one.
pub fn delete_request<N>(names: impl IntoIterator<Item = N>) -> Result<RequestHeaders, Error>
where
    N: TryInto<HeaderName> + AsRef<[u8]>,
{
    RequestHeaders::default().delete_as("delete_request", names)
}

/// Rewrites each line of `name`. An empty result removes the line, as does one that is no field value.
///
/// # Errors
/// [`Error`]: `name` is none, or a reserved one.
pub fn map_request<N>(
    name: N,
    f: impl Fn(&str) -> String + Send + Sync + 'static,
) -> Result<RequestHeaders, Error>
where
    N: TryInto<HeaderName> + AsRef<[u8]>,
{
    RequestHeaders::default().map_as("map_request", name, f)
}

/// Hands the fields of each request to `f`. What it does to framing fields is undone.
pub fn intercept_request(f: impl Fn(&mut HeaderMap) + Send + Sync + 'static) -> RequestHeaders {
    RequestHeaders::default().step(Step::Intercept(Arc::new(f)))
}

impl RequestHeaders {
    /// As [`add_request`], behind the operations so far.
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

    /// As [`set_request`], behind the operations so far.
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

    /// As [`delete_request`], behind the operations so far.
    ///
    /// # Errors
    /// As there.
    pub fn delete<N>(self, names: impl IntoIterator<Item = N>) -> Result<Self, Error>
    where
        N: TryInto<HeaderName> + AsRef<[u8]>,
    {
        self.delete_as("delete", names)
    }

    /// As [`map_request`], behind the operations so far.
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
        Ok(self.fields(Operation::DeletePrefix(prefix)))
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
        let pairs = field::pairs(pairs, Kind::Add, Message::Request, "set_if_absent")?;
        Ok(self.fields(Operation::SetIfAbsent(pairs)))
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
        let pairs = field::pairs(pairs, Kind::Add, Message::Request, "append_if_absent")?;
        Ok(self.fields(Operation::AppendIfAbsent(pairs)))
    }

    /// Sets `name` to what `f` makes of the request; `None` does nothing. `Host` changes the request's authority.
    ///
    /// # Errors
    /// [`Error`]: `name` is none, or a reserved one.
    pub fn set_with<N>(
        self,
        name: N,
        f: impl Fn(&Request) -> Option<HeaderValue> + Send + Sync + 'static,
    ) -> Result<Self, Error>
    where
        N: TryInto<HeaderName> + AsRef<[u8]>,
    {
        let place = Place { operation: "set_with", index: 0 };
        let name = field::name(name, Kind::Set, Message::Request, place)?;
        if name == HOST {
            let warned = AtomicBool::new(false);
            return Ok(self.change(move |request| {
                if let Some(value) = f(request) {
                    set_host(request, &value, &warned);
                }
            }));
        }
        Ok(self.fields(Operation::SetWith { name, f: Arc::new(f) }))
    }

    /// Appends what `f` makes of the request to `name`; `None` does nothing.
    ///
    /// # Errors
    /// [`Error`]: `name` is none, or a reserved one.
    pub fn add_with<N>(
        self,
        name: N,
        f: impl Fn(&Request) -> Option<HeaderValue> + Send + Sync + 'static,
    ) -> Result<Self, Error>
    where
        N: TryInto<HeaderName> + AsRef<[u8]>,
    {
        let place = Place { operation: "add_with", index: 0 };
        let name = field::name(name, Kind::Add, Message::Request, place)?;
        Ok(self.fields(Operation::AddWith { name, f: Arc::new(f) }))
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
        let name = field::name(name, Kind::Map, Message::Request, place)?;
        if name == HOST {
            let warned = AtomicBool::new(false);
            return Ok(self.change(move |request| {
                if let Some(value) = request.headers().get(HOST).and_then(&f) {
                    set_host(request, &value, &warned);
                }
            }));
        }
        Ok(self.fields(Operation::MapValue { name, f: Arc::new(f) }))
    }

    /// The whole layer only for requests for which `f` is true. Default: all.
    #[must_use]
    pub fn when(self, f: impl Fn(&Request) -> bool + Send + Sync + 'static) -> Self {
        Self { condition: Some(Arc::new(f)), ..self }
    }

    /// Any other change of this crate's own.
    pub(crate) fn change(self, f: impl Fn(&mut Request) + Send + Sync + 'static) -> Self {
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
        let pairs = field::pairs(pairs, Kind::Add, Message::Request, operation)?;
        Ok(if pairs.is_empty() { self } else { self.fields(Operation::Add(pairs)) })
    }

    fn set_as<N, V>(
        mut self,
        operation: &'static str,
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, Error>
    where
        N: TryInto<HeaderName> + AsRef<[u8]>,
        V: TryInto<HeaderValue> + AsRef<[u8]>,
    {
        let pairs = field::pairs(pairs, Kind::Set, Message::Request, operation)?;
        let (hosts, fields): (Vec<Pair>, Vec<Pair>) =
            pairs.into_iter().partition(|(name, _)| *name == HOST);
        for (index, (_, value)) in hosts.into_iter().enumerate() {
            let text = field::shown(value.as_bytes());
            let host = text.parse::<Authority>().ok().filter(|host| !host.as_str().contains('@'));
            let Some(host) = host else {
                return Err(Error::Host { place: Place { operation, index }, value: text });
            };
            self = self.step(Step::SetHost(host));
        }
        Ok(if fields.is_empty() { self } else { self.fields(Operation::Set(fields)) })
    }

    fn delete_as<N>(
        self,
        operation: &'static str,
        names: impl IntoIterator<Item = N>,
    ) -> Result<Self, Error>
    where
        N: TryInto<HeaderName> + AsRef<[u8]>,
    {
        let names = field::names(names, Message::Request, operation)?;
        Ok(if names.is_empty() { self } else { self.fields(Operation::Delete(names)) })
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
        let name = field::name(name, Kind::Map, Message::Request, Place { operation, index: 0 })?;
        let warned = Arc::new(AtomicBool::new(false));
        if name == HOST {
            let f: MapHost = Arc::new(move |host| Some(f(host)));
            return Ok(self.step(Step::MapHost { f, warned }));
        }
        Ok(self.fields(Operation::Map { name, f: Arc::new(f), warned }))
    }

    fn fields(self, operation: Operation<Request>) -> Self {
        self.step(Step::Fields(operation))
    }

    fn step(mut self, step: Step) -> Self {
        Arc::make_mut(&mut self.steps).push(step);
        self
    }
}

impl Middleware for RequestHeaders {
    fn wrap(&self, next: Handler) -> Handler {
        if self.steps.is_empty() {
            return next;
        }
        Handler::new(Changed { layer: self.clone(), next })
    }
}

impl fmt::Debug for RequestHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestHeaders").field("steps", &self.steps.len()).finish_non_exhaustive()
    }
}

struct Changed {
    layer: RequestHeaders,
    next: Handler,
}

impl Serve for Changed {
    fn serve(&self, mut request: Request) -> ResponseFuture {
        if self.layer.condition.as_ref().is_none_or(|condition| condition(&request)) {
            for step in &*self.layer.steps {
                step.apply(&mut request);
            }
        }
        self.next.serve(request)
    }
}

impl Step {
    fn apply(&self, request: &mut Request) {
        match self {
            Self::Fields(operation) => operation.apply(request, http::Request::headers_mut),
            Self::SetHost(host) => request.set_authority(host.clone()),
            Self::MapHost { f, warned } => {
                let Some(host) = request.headers().get(HOST) else { return };
                let Some(mapped) = host.to_str().ok().and_then(|host| f(host)) else { return };
                match HeaderValue::try_from(mapped) {
                    Ok(value) => set_host(request, &value, warned),
                    Err(_) => warn_once(warned, &HOST),
                }
            }
            Self::Intercept(f) => {
                let kept = FRAMING.map(|name| lines(request.headers(), &name));
                let host = request.headers().get(HOST).cloned();
                f(request.headers_mut());
                restore_host(request, host);
                for (name, values) in FRAMING.into_iter().zip(kept) {
                    request.headers_mut().remove(&name);
                    for value in values {
                        let _ = request.headers_mut().try_append(&name, value);
                    }
                }
            }
            Self::Change(f) => f(request),
        }
    }
}

/// All lines of a field, to be put back.
pub(crate) fn lines(headers: &HeaderMap, name: &HeaderName) -> Vec<HeaderValue> {
    headers.get_all(name).iter().cloned().collect()
}

/// `Host` and the authority never differ: a new one becomes both, one that is no authority or is gone is put back.
fn restore_host(request: &mut Request, before: Option<HeaderValue>) {
    let after = request.headers().get(HOST);
    if after == before.as_ref() && request.headers().get_all(HOST).iter().count() <= 1 {
        return;
    }
    let authority = after.and_then(|host| Authority::try_from(host.as_bytes()).ok());
    match (authority.filter(|host| !host.as_str().contains('@')), before) {
        (Some(authority), _) => request.set_authority(authority),
        (None, Some(before)) => drop(request.headers_mut().try_insert(HOST, before)),
        (None, None) => drop(request.headers_mut().remove(HOST)),
    }
}

/// A run-time value for `Host` that is no authority is left out, with one warning.
fn set_host(request: &mut Request, value: &HeaderValue, warned: &AtomicBool) {
    match Authority::try_from(value.as_bytes()) {
        Ok(host) if !host.as_str().contains('@') => request.set_authority(host),
        _ => warn_once(warned, &HOST),
    }
}
