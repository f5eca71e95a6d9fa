use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use http::request::Builder;
use parapet_core::{
    Body, BoxFuture, LogFields, LogRecord, LogValue, Middleware, Request, RequestExt, RequestHead,
    Response, handler_fn,
};
use parapet_upstream::{Attempt, Error, RoundTrip, Target, Transport, Upstream};

/// A scripted upstream: reads each body, keeps what it saw, and answers by a function of the call's number.
#[derive(Clone)]
pub(crate) struct Backend(Arc<Inner>);

struct Inner {
    answer: Box<Answer>,
    seen: Mutex<Vec<Seen>>,
}

type Answer = dyn Fn(usize) -> Result<Response, Error> + Send + Sync;

/// One request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) head: RequestHead,
    pub(crate) body: String,
    pub(crate) trailers: http::HeaderMap,
    pub(crate) target: Option<String>,
}

impl Backend {
    pub(crate) fn new(
        answer: impl Fn(usize) -> Result<Response, Error> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(Inner { answer: Box::new(answer), seen: Mutex::default() }))
    }

    /// Answers 200 `ok`.
    pub(crate) fn ok() -> Self {
        Self::new(|_| Ok(Response::new(Body::from("ok"))))
    }

    /// Always fails.
    pub(crate) fn failing(error: Error) -> Self {
        Self::new(move |_| Err(error.clone()))
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.0.seen.lock().unwrap().clone()
    }

    /// The only request that arrived.
    pub(crate) fn only(&self) -> Seen {
        let seen = self.seen();
        assert_eq!(seen.len(), 1, "{seen:?}");
        seen[0].clone()
    }

    pub(crate) fn target(&self, host: &str) -> Target {
        Target::new(host, self).unwrap()
    }

    /// A proxy to `app:8080`, behind which this is.
    pub(crate) fn upstream(&self) -> Upstream {
        Upstream::single_host("app:8080", self).unwrap()
    }
}

impl From<&Backend> for Transport {
    fn from(backend: &Backend) -> Self {
        Transport::custom(backend.clone())
    }
}

impl RoundTrip for Backend {
    fn round_trip<'a>(
        &'a self,
        head: &'a RequestHead,
        body: Body,
        at: &'a Attempt,
    ) -> BoxFuture<'a, Result<Response, Error>> {
        Box::pin(async move {
            let number = {
                let mut seen = self.0.seen.lock().unwrap();
                seen.push(Seen {
                    head: head.clone(),
                    body: String::new(),
                    trailers: http::HeaderMap::new(),
                    target: at.picked().map(|target| target.host().to_owned()),
                });
                seen.len() - 1
            };
            let (body, trailers) = read(body).await.map_err(|e| Error::RequestBody(Arc::new(e)))?;
            let mut seen = self.0.seen.lock().unwrap();
            seen[number].body = body;
            seen[number].trailers = trailers;
            drop(seen);
            (self.0.answer)(number)
        })
    }
}

/// A round trip that never answers.
pub(crate) struct Silent;

impl RoundTrip for Silent {
    fn round_trip<'a>(
        &'a self,
        _head: &'a RequestHead,
        _body: Body,
        _at: &'a Attempt,
    ) -> BoxFuture<'a, Result<Response, Error>> {
        Box::pin(std::future::pending())
    }
}

/// Text and trailers of a whole body.
pub(crate) async fn read(
    mut body: Body,
) -> Result<(String, http::HeaderMap), parapet_core::BodyError> {
    let (mut text, mut trailers) = (Vec::new(), http::HeaderMap::new());
    while let Some(frame) = body.frame().await {
        match frame?.into_data() {
            Ok(data) => text.extend_from_slice(&data),
            Err(frame) => trailers = frame.into_trailers().unwrap(),
        }
    }
    Ok((String::from_utf8(text).unwrap(), trailers))
}

pub(crate) async fn serve(upstream: &Upstream, request: Request) -> Response {
    upstream.wrap(handler_fn(|_| async { http::StatusCode::NOT_FOUND })).serve(request).await
}

/// A request of `client.example`.
pub(crate) fn request(method: &str, target: &str) -> Builder {
    http::Request::builder().method(method).uri(target).header("host", "client.example")
}

pub(crate) fn get(target: &str) -> Request {
    request("GET", target).body(Body::empty()).unwrap()
}

pub(crate) fn status(status: u16) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
    response
}

/// A body of unknown length that cannot be read twice.
pub(crate) fn streamed(text: &'static str) -> Body {
    Body::from_stream(tokio_stream::once(Ok::<_, std::io::Error>(text)))
}

/// An access-log record that can be read.
#[derive(Default)]
pub(crate) struct Record(Mutex<BTreeMap<String, LogValue>>);

impl Record {
    /// Mounts a new record.
    pub(crate) fn mount(request: &mut Request) -> Arc<Self> {
        let record = Arc::new(Self::default());
        request.set_log(LogRecord::new(record.clone()));
        record
    }

    pub(crate) fn text(&self, name: &str) -> String {
        match self.get(name) {
            Some(LogValue::Shared(text)) => text.to_string(),
            other => panic!("{name} is {other:?}"),
        }
    }

    pub(crate) fn number(&self, name: &str) -> u64 {
        match self.get(name) {
            Some(LogValue::Uint(number)) => number,
            other => panic!("{name} is {other:?}"),
        }
    }
}

impl LogFields for Record {
    fn set(&self, name: Cow<'static, str>, value: LogValue) {
        self.0.lock().unwrap().insert(name.into_owned(), value);
    }

    fn get(&self, name: &str) -> Option<LogValue> {
        self.0.lock().unwrap().get(name).cloned()
    }

    fn disable(&self) {}
}
