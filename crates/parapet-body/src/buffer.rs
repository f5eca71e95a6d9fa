use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderValue, StatusCode};
use parapet_core::{
    BodyError, Handler, Middleware, Request, RequestExt, Response, ResponseError, ResponseFuture,
    Serve, plain_error,
};

use crate::Error;
use crate::buffering::{Buffered, Failure, Rules, buffer};
use crate::must_stream;
use crate::over_limit::too_large;
use crate::spill::SpillDir;

/// Reads the whole body of a request before it calls next.
///
/// Up to 16 KiB stay in memory, more goes to a temporary file. Set limits with [`limit_request`](crate::limit_request)
/// outside, or with [`max_size`](RequestBufferer::max_size): the disk has no other bound.
pub fn buffer_request() -> RequestBufferer {
    RequestBufferer {
        rules: Rules { memory_limit: 16 * 1024, max_size: None, read_timeout: None },
        temp_dir: None,
        skip: Skip(Arc::new(must_stream)),
    }
}

/// Reads the whole body of a request before it calls next. Made by [`buffer_request`].
///
/// Next gets a body of known length that it may read as often as it wants ([`Body::replay`](parapet_core::Body::replay)),
/// with the trailers that came; for one of unknown length, `Content-Length` takes the place of `Transfer-Encoding`, and log
/// field `requestBodySize` is set. A body that does not come to its end never reaches next: it is answered with 400 if it is
/// malformed or cut, 408 if it stalls, 413 if it is over a limit, 500 if the disk is full. If a temporary file cannot be
/// created at all, the body streams to next as if there were no layer.
///
/// A request holds at most the memory limit and one frame, and one file without a name, mode 0600. Dropping the response
/// future, and in the end the body, frees both; a read or write of the disk that runs at that moment ends by itself.
/// Requests without a body, or with one that was buffered already, cost nothing.
#[derive(Clone, Debug)]
pub struct RequestBufferer {
    rules: Rules,
    temp_dir: Option<PathBuf>,
    skip: Skip,
}

impl RequestBufferer {
    /// Largest body that is kept in memory, in bytes. Default: 16384. 0: every byte goes to a file.
    #[must_use]
    pub fn memory_limit(mut self, bytes: usize) -> Self {
        self.rules.memory_limit = bytes;
        self
    }

    /// Where temporary files live. Default: [`std::env::temp_dir`], as it is when the layer is mounted.
    ///
    /// # Errors
    /// [`Error::TempDir`]: it is no directory.
    pub fn temp_dir(self, path: impl Into<PathBuf>) -> Result<Self, Error> {
        let path = path.into();
        match std::fs::metadata(&path) {
            Ok(found) if found.is_dir() => Ok(Self { temp_dir: Some(path), ..self }),
            Ok(_) => Err(Error::TempDir { path, source: std::io::ErrorKind::NotADirectory.into() }),
            Err(source) => Err(Error::TempDir { path, source }),
        }
    }

    /// Most bytes that are buffered for one request; more is a 413. Default: `None`, no limit.
    #[must_use]
    pub fn max_size(mut self, bytes: impl Into<Option<u64>>) -> Self {
        self.rules.max_size = bytes.into();
        self
    }

    /// Longest time between two pieces of a body; then 408, and the connection is closed. Default: `None`, which leaves it
    /// to the server's own limits.
    #[must_use]
    pub fn read_timeout(mut self, longest: impl Into<Option<Duration>>) -> Self {
        self.rules.read_timeout = longest.into();
        self
    }

    /// Requests that pass unbuffered, in place of the default, [`must_stream`].
    #[must_use]
    pub fn skip_if(self, skip: impl Fn(&Request) -> bool + Send + Sync + 'static) -> Self {
        Self { skip: Skip(Arc::new(skip)), ..self }
    }
}

impl Middleware for RequestBufferer {
    fn wrap(&self, next: Handler) -> Handler {
        let shared = Shared {
            rules: self.rules.clone(),
            dir: SpillDir::new(self.temp_dir.clone()),
            no_file: AtomicBool::new(false),
            no_room: AtomicBool::new(false),
            next,
        };
        Handler::new(Buffering { skip: self.skip.clone(), shared: Arc::new(shared) })
    }
}

#[derive(Clone)]
struct Skip(Arc<dyn Fn(&Request) -> bool + Send + Sync>);

impl fmt::Debug for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Skip")
    }
}

struct Buffering {
    skip: Skip,
    shared: Arc<Shared>,
}

/// What a request that is being buffered needs.
struct Shared {
    rules: Rules,
    dir: SpillDir,
    /// The last file that was wanted could not be created.
    no_file: AtomicBool,
    /// The last file could not be written to its end.
    no_room: AtomicBool,
    next: Handler,
}

impl Serve for Buffering {
    fn serve(&self, request: Request) -> ResponseFuture {
        let Self { skip, shared } = self;
        let length = request.body().known_length();
        if length == Some(0) || (skip.0)(&request) {
            return shared.next.serve(request);
        }
        if length.zip(shared.rules.max_size).is_some_and(|(length, max)| length > max) {
            return ResponseFuture::ready(too_large());
        }
        if request.body().replay().is_some() {
            return shared.next.serve(request);
        }
        let shared = Arc::clone(shared);
        ResponseFuture::new(async move { shared.serve(request, length).await })
    }
}

impl Shared {
    async fn serve(&self, request: Request, known: Option<u64>) -> Response {
        let (head, body) = request.into_parts();
        let buffered = match buffer(body, &self.rules, &self.dir).await {
            Ok(buffered) => buffered,
            Err(failure) => {
                if let Failure::Write(error) = &failure {
                    self.cannot_write(error);
                }
                return refusal(failure);
            }
        };
        let request = match buffered {
            Buffered::Unbuffered { body, error } => {
                self.cannot_create(&error);
                Request::from_parts(head, body)
            }
            Buffered::Complete { content, trailers } => {
                if content.is_file() {
                    for trouble in [&self.no_file, &self.no_room] {
                        if trouble.load(Ordering::Relaxed) {
                            trouble.store(false, Ordering::Relaxed);
                        }
                    }
                }
                let length = content.len();
                let mut request = Request::from_parts(head, content.into_body(trailers));
                if known.is_none() {
                    announce(&mut request, length);
                }
                request
            }
        };
        self.next.serve(request).await
    }

    /// A warning when it begins: every upload may fail so, and a client must not fill the log.
    fn cannot_create(&self, error: &std::io::Error) {
        let dir = self.dir.path();
        if self.no_file.swap(true, Ordering::Relaxed) {
            tracing::debug!(?dir, %error, "no temporary file: a request body streams unbuffered");
        } else {
            tracing::warn!(?dir, %error, "no temporary file: request bodies stream unbuffered");
        }
    }

    /// An error when it begins, for the same reason: a log that shares the full disk is of no use to anybody.
    fn cannot_write(&self, error: &std::io::Error) {
        let dir = self.dir.path();
        if self.no_room.swap(true, Ordering::Relaxed) {
            tracing::debug!(?dir, %error, "the temporary file of a request body cannot be written");
        } else {
            tracing::error!(?dir, %error, "the temporary file of a request body cannot be written");
        }
    }
}

/// The length is known by now.
fn announce(request: &mut Request, length: u64) {
    if let Some(log) = request.log() {
        log.set("requestBodySize", length);
    }
    let headers = request.headers_mut();
    headers.remove(TRANSFER_ENCODING);
    // A full map is left as it is: `insert` would panic there.
    let _full = headers.try_insert(CONTENT_LENGTH, HeaderValue::from(length));
}

/// The answer to a request whose body did not come to its end.
fn refusal(failure: Failure) -> Response {
    let (status, text, kind) = match &failure {
        Failure::Body(BodyError::LengthLimitExceeded) => return too_large(),
        Failure::Body(BodyError::Timeout) | Failure::Stalled => {
            (StatusCode::REQUEST_TIMEOUT, "Request Timeout", "timeout")
        }
        // Nobody is there to read it.
        Failure::Body(BodyError::Disconnected | BodyError::Reset(_)) => {
            (StatusCode::BAD_REQUEST, "Bad Request", "canceled")
        }
        Failure::Body(_) => (StatusCode::BAD_REQUEST, "Bad Request", "body"),
        Failure::Write(_) => (StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error", "spill"),
        Failure::NoRuntime(_) => {
            (StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error", "runtime")
        }
    };
    let mut response = plain_error(status, text);
    if status == StatusCode::REQUEST_TIMEOUT {
        // RFC 9110 §15.5.9: we will not wait for the rest.
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response.extensions_mut().insert(ResponseError::new("body", kind, failure));
    response
}

#[cfg(test)]
mod tests;
