use http::StatusCode;

use crate::{Request, ResponseFuture, Serve, plain_error};

/// Answers every request with plain error(404, `404 page not found`): the end of a server without handler, and of every
/// block that lets nothing fall through.
///
/// ```
/// use parapet_core::{Body, Handler, NotFound, Request};
/// let handler = Handler::new(NotFound);
/// # let rt = tokio::runtime::Builder::new_current_thread().build()?;
/// let response = rt.block_on(handler.serve(Request::new(Body::empty())));
/// assert_eq!(response.status(), 404);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "it has nothing to set")]
pub struct NotFound;

impl Serve for NotFound {
    fn serve(&self, _request: Request) -> ResponseFuture {
        ResponseFuture::ready(plain_error(StatusCode::NOT_FOUND, "404 page not found"))
    }
}
