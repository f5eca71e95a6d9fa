use std::sync::Arc;

use bytes::Bytes;
use http::HeaderValue;
use http::uri::PathAndQuery;
use parapet_core::path::{PathError, check_pattern, resolve};
use parapet_core::{Handler, Middleware, NotFound, Request, RequestExt, ResponseFuture, Serve};

use crate::Error;
use crate::forwarded::{append, field_value, forget_clients};
use crate::split::behind;

/// Takes a prefix off the path of requests that have it; the others go to next, unchanged.
///
/// Cheap to clone; one value may be wrapped in several chains. Layers nest: the inner one sees what the outer one left.
#[derive(Clone, Debug)]
pub struct StripPrefix {
    /// Without trailing slash; empty: no layer.
    prefix: Arc<str>,
    required: bool,
    forwarded_prefix: bool,
}

impl StripPrefix {
    /// Takes off `prefix`, written decoded; a trailing `/` is dropped, `""` and `/` are no layer.
    ///
    /// Nothing left is `/`. Costs one allocation for a request that has the prefix, two if its path has dot segments.
    ///
    /// # Errors
    /// A prefix without leading slash, encoded, or not in normal form.
    pub fn new(prefix: &str) -> Result<Self, Error> {
        if !prefix.is_empty() {
            check_pattern(prefix).map_err(|error| Error::of_prefix(prefix, error))?;
        }
        let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
        Ok(Self { prefix: prefix.into(), required: false, forwarded_prefix: false })
    }

    /// Whether a request without the prefix is answered with 404 `404 page not found`. Default: `false`, it goes to next.
    #[must_use]
    pub fn required(self, required: bool) -> Self {
        Self { required, ..self }
    }

    /// Whether `X-Forwarded-Prefix` tells what was taken off, by outer layers of this crate too. A field line of the
    /// client's is removed, also where the prefix does not match. Default: `false`.
    #[must_use]
    pub fn forwarded_prefix(self, forwarded_prefix: bool) -> Self {
        Self { forwarded_prefix, ..self }
    }
}

impl Middleware for StripPrefix {
    fn wrap(&self, next: Handler) -> Handler {
        if self.prefix.is_empty() {
            return next;
        }
        let forwarded = self.forwarded_prefix.then(|| field_value(&self.prefix));
        let otherwise = if self.required { Handler::new(NotFound) } else { next.clone() };
        Handler::new(Stripping { prefix: Arc::clone(&self.prefix), forwarded, next, otherwise })
    }
}

struct Stripping {
    prefix: Arc<str>,
    /// The prefix as the field has it.
    forwarded: Option<HeaderValue>,
    next: Handler,
    /// Where requests without the prefix go.
    otherwise: Handler,
}

impl Serve for Stripping {
    fn serve(&self, mut request: Request) -> ResponseFuture {
        if self.forwarded.is_some() {
            forget_clients(&mut request);
        }
        if matches!(request.uri().path(), "" | "*") {
            return self.next.serve(request); // CONNECT and `OPTIONS *` have no path
        }
        match stripped(&request, &self.prefix) {
            Ok(Some(target)) => request.set_path_and_query(target),
            Ok(None) => return self.otherwise.serve(request),
            Err(error) => return ResponseFuture::ready(error.answer("stripprefix")),
        }
        if let Some(prefix) = &self.forwarded {
            append(&mut request, prefix);
        }
        self.next.serve(request)
    }
}

/// Path and query of `request` without `prefix`; `None`: its path does not begin with it.
fn stripped(request: &Request, prefix: &str) -> Result<Option<PathAndQuery>, PathError> {
    let path = resolve(request.uri().path())?;
    let Some(rest) = behind(&path, prefix) else { return Ok(None) };
    let query = request.uri().query();
    // Of the exact size: `Bytes` takes it over without a copy.
    let mut target =
        String::with_capacity(1 + rest.len() + query.map_or(0, |query| 1 + query.len()));
    target.push('/');
    target.push_str(rest);
    if let Some(query) = query {
        target.push('?');
        target.push_str(query);
    }
    // Always valid: a slash and bytes of the target that it was.
    Ok(PathAndQuery::from_maybe_shared(Bytes::from(target)).ok())
}
