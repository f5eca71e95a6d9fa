use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use http::header::HOST;
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue};
use parapet_core::{Handler, Middleware, Request, RequestExt, ResponseFuture, Serve};

use crate::builder::{Builder, builder};
use crate::field::{self, FRAMING, Kind, Message, Pair};
use crate::operation::{Make, MapText, MapValue, Operation, warn_once};
use crate::{Error, Place};

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
    MapHost { f: MapText, warned: Arc<AtomicBool> },
    Intercept(Intercept),
    Change(Change),
}

builder! {
    RequestHeaders, Request, "the request",
    add_request, set_request, delete_request, map_request,
    "`Host` changes the request's authority.", "`Host` changes the request's authority."
}

/// Hands the fields of each request to `f`. What it does to framing fields is undone.
pub fn intercept_request(f: impl Fn(&mut HeaderMap) + Send + Sync + 'static) -> RequestHeaders {
    RequestHeaders::default().step(Step::Intercept(Arc::new(f)))
}

impl RequestHeaders {
    /// The whole layer only for requests for which `f` is true. Default: all.
    #[must_use]
    pub fn when(self, f: impl Fn(&Request) -> bool + Send + Sync + 'static) -> Self {
        Self { condition: Some(Arc::new(f)), ..self }
    }

    /// Any other change of this crate's own.
    pub(crate) fn change(self, f: impl Fn(&mut Request) + Send + Sync + 'static) -> Self {
        self.step(Step::Change(Arc::new(f)))
    }

    fn step(mut self, step: Step) -> Self {
        Arc::make_mut(&mut self.steps).push(step);
        self
    }
}

/// `Host` is set and mapped by changing the request's authority.
impl Builder for RequestHeaders {
    type Head = Request;
    const MESSAGE: Message = Message::Request;

    fn operation(self, operation: Operation<Request>) -> Self {
        self.step(Step::Fields(operation))
    }

    fn set_pairs(mut self, operation: &'static str, pairs: Vec<Pair>) -> Result<Self, Error> {
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
        Ok(if fields.is_empty() { self } else { self.operation(Operation::Set(fields)) })
    }

    fn set_made(self, name: HeaderName, f: Make<Request>) -> Self {
        if name != HOST {
            return self.operation(Operation::SetWith { name, f });
        }
        let warned = AtomicBool::new(false);
        self.change(move |request| {
            if let Some(value) = f(request) {
                set_host(request, &value, &warned);
            }
        })
    }

    fn map_text(self, name: HeaderName, f: MapText) -> Self {
        let warned = Arc::new(AtomicBool::new(false));
        if name != HOST {
            return self.operation(Operation::Map { name, f, warned });
        }
        self.step(Step::MapHost { f, warned })
    }

    fn map_bytes(self, name: HeaderName, f: MapValue) -> Self {
        if name != HOST {
            return self.operation(Operation::MapValue { name, f });
        }
        let warned = AtomicBool::new(false);
        self.change(move |request| {
            if let Some(value) = request.headers().get(HOST).and_then(&*f) {
                set_host(request, &value, &warned);
            }
        })
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
                let Ok(host) = host.to_str() else { return };
                match HeaderValue::try_from(f(host)) {
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
