use std::borrow::Cow;
use std::sync::{Arc, Mutex};

use http::{HeaderMap, HeaderValue};
use parapet_core::{
    Body, LogFields, LogRecord, LogValue, Middleware, Request, RequestExt, Response, handler_fn,
};
use parapet_requestid::SetRequestId;

/// What the origin got and what the client got.
pub(crate) struct Exchange {
    pub(crate) origin: HeaderMap,
    pub(crate) core: String,
    pub(crate) client: HeaderMap,
}

impl Exchange {
    pub(crate) fn forwarded(&self, name: &str) -> Vec<String> {
        lines(&self.origin, name)
    }

    pub(crate) fn answered(&self, name: &str) -> Vec<String> {
        lines(&self.client, name)
    }
}

fn lines(map: &HeaderMap, name: &str) -> Vec<String> {
    map.get_all(name)
        .iter()
        .map(|line| String::from_utf8_lossy(line.as_bytes()).into_owned())
        .collect()
}

pub(crate) fn request(name: &'static str, ids: &[&str]) -> Request {
    let mut request = Request::new(Body::empty());
    for id in ids {
        request.headers_mut().append(name, HeaderValue::from_bytes(id.as_bytes()).unwrap());
    }
    request
}

/// The origin answers with the lines `echo` of X-Request-Id.
pub(crate) async fn exchange(
    layer: SetRequestId,
    request: Request,
    echo: &'static [&'static str],
) -> Exchange {
    let seen = Arc::new(Mutex::new((HeaderMap::new(), String::new())));
    let noted = Arc::clone(&seen);
    let origin = handler_fn(move |request: Request| {
        let core = request.request_id().map(|id| id.as_str().to_owned()).unwrap_or_default();
        *noted.lock().unwrap() = (request.headers().clone(), core);
        async move {
            let mut response = Response::new(Body::empty());
            for id in echo {
                response.headers_mut().append("x-request-id", HeaderValue::from_static(id));
            }
            response
        }
    });
    let response = layer.wrap(origin).serve(request).await;
    let (origin, core) = seen.lock().unwrap().clone();
    Exchange { origin, core, client: response.headers().clone() }
}

/// A log record that keeps what is set.
#[derive(Default)]
pub(crate) struct Fields(pub(crate) Mutex<Vec<(String, LogValue)>>);

impl LogFields for Fields {
    fn set(&self, name: Cow<'static, str>, value: LogValue) {
        self.0.lock().unwrap().push((name.into_owned(), value));
    }
    fn get(&self, _: &str) -> Option<LogValue> {
        None
    }
    fn disable(&self) {}
}

impl Fields {
    pub(crate) fn mount(request: &mut Request) -> Arc<Self> {
        let fields = Arc::new(Self::default());
        request.set_log(LogRecord::new(Arc::clone(&fields) as Arc<dyn LogFields>));
        fields
    }
}
