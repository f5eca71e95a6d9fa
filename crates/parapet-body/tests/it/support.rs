use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use http::{HeaderMap, HeaderValue};
use parapet_core::{
    Body, BodyError, Handler, LogFields, LogRecord, LogValue, Request, RequestExt, Response,
    handler_fn,
};

/// A body of unknown length with these frames.
pub(crate) async fn unknown(frames: &[&[u8]]) -> Body {
    let (sender, body) = Body::channel(frames.len() + 1);
    for frame in frames {
        sender.data(frame.to_vec()).await.unwrap();
    }
    sender.finish().await.unwrap();
    body
}

/// The same with trailer `x-sum: 1` behind them.
pub(crate) async fn with_trailers(frames: &[&[u8]]) -> Body {
    let (sender, body) = Body::channel(frames.len() + 1);
    for frame in frames {
        sender.data(frame.to_vec()).await.unwrap();
    }
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", HeaderValue::from_static("1"));
    sender.trailers(trailers).await.unwrap();
    body
}

/// A body that fails behind its first frame.
pub(crate) async fn failing(first: &'static str, error: BodyError) -> Body {
    let (sender, body) = Body::channel(2);
    sender.data(first).await.unwrap();
    sender.fail(error).await.unwrap();
    body
}

pub(crate) fn post(body: Body) -> Request {
    http::Request::post("/upload").header("x-client", "1").body(body).unwrap()
}

/// Reads a request's body and answers with its bytes; what the body fails with is a 502, as a proxy would have it.
pub(crate) fn echo() -> Handler {
    handler_fn(|request: Request| async move {
        match request.into_body().collect(1 << 30).await {
            Ok(read) => {
                let mut response = Response::new(Body::full(read.data().clone()));
                if let Some(trailers) = read.trailers() {
                    response.headers_mut().extend(trailers.clone());
                }
                response
            }
            Err(error) => {
                let mut response = Response::new(error.to_string().into());
                *response.status_mut() = http::StatusCode::BAD_GATEWAY;
                response
            }
        }
    })
}

/// Status and content of a response.
pub(crate) async fn read(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    let body = response.into_body().collect(1 << 30).await.unwrap();
    (status, String::from_utf8(body.data().to_vec()).unwrap())
}

/// Open files of this process that were made in `dir`.
pub(crate) fn spills(dir: &Path) -> Vec<PathBuf> {
    std::fs::read_dir("/proc/self/fd")
        .unwrap()
        .filter_map(|entry| {
            let entry = entry.ok()?.path();
            std::fs::read_link(&entry).ok()?.starts_with(dir).then_some(entry)
        })
        .collect()
}

/// Waits until no file made in `dir` is open: a call that runs on the blocking pool ends by itself.
pub(crate) async fn no_spill(dir: &Path) {
    let none = async {
        while !spills(dir).is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(parapet_testkit::LONG, none).await.unwrap();
    assert_eq!(std::fs::read_dir(dir).unwrap().count(), 0);
}

/// A log record that keeps what is set.
#[derive(Default)]
pub(crate) struct Fields(Mutex<Vec<(String, LogValue)>>);

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

    pub(crate) fn all(&self) -> Vec<(String, LogValue)> {
        self.0.lock().unwrap().clone()
    }
}

/// A directory of its own.
pub(crate) fn dir() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}
