use std::sync::Arc;

use http::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, CACHE_CONTROL, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH,
    CONTENT_RANGE, ETAG, SEC_WEBSOCKET_KEY,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use parapet_core::{Body, Handler, Middleware, Request, Response, ResponseFuture, Serve};
use parapet_header::{add_vary, directives, has_token, has_value, weaken};

#[cfg(feature = "br")]
use crate::BrOptions;
#[cfg(any(feature = "gzip", feature = "zstd", feature = "br"))]
use crate::Error;
#[cfg(feature = "zstd")]
use crate::ZstdLevel;
use crate::accept::Accept;
use crate::budget::Budget;
use crate::compressed::Compressed;
use crate::media_types::MediaTypes;
use crate::{Encoding, digests};

/// Compresses response bodies with an encoding that the client accepts.
///
/// Costs one box for a response that has to be waited for, none for one that is ready, and one more for a body that is
/// compressed; its encoder comes with the first byte. Dropping the response body frees all of it at once.
#[derive(Clone, Debug)]
pub struct Compress {
    /// In the server's order of preference, each name once.
    offers: Vec<Encoding>,
    types: MediaTypes,
    min_length: u64,
    vary: bool,
    max_memory: usize,
}

/// Compresses with gzip at level 6.
#[cfg(feature = "gzip")]
pub fn gzip() -> Compress {
    Compress::of(Encoding::GZIP)
}

/// Compresses with gzip at a level: 1 (fast) to 9 (small), 0 stores the bytes as they are, −1 is 6.
///
/// # Errors
/// [`Error::Level`].
#[cfg(feature = "gzip")]
pub fn gzip_with_level(level: i32) -> Result<Compress, Error> {
    Encoding::gzip(level).map(Compress::of)
}

/// Compresses with deflate, in the zlib framing that RFC 9110 §8.4.1.2 asks for, at level 6.
#[cfg(feature = "gzip")]
pub fn deflate() -> Compress {
    Compress::of(Encoding::DEFLATE)
}

/// Compresses with Zstandard at [`ZstdLevel::Default`].
#[cfg(feature = "zstd")]
pub fn zstd() -> Compress {
    Compress::of(Encoding::ZSTD)
}

/// Compresses with Zstandard at a level.
///
/// # Errors
/// [`Error::Level`].
#[cfg(feature = "zstd")]
pub fn zstd_with_level(level: ZstdLevel) -> Result<Compress, Error> {
    Encoding::zstd(level).map(Compress::of)
}

/// Compresses with Brotli at quality 4.
#[cfg(feature = "br")]
pub fn br() -> Compress {
    Compress::of(Encoding::BR)
}

/// Compresses with Brotli at a quality: 0 (fast) to 11 (small).
///
/// # Errors
/// [`Error::Level`].
#[cfg(feature = "br")]
pub fn br_with_quality(quality: u32) -> Result<Compress, Error> {
    br_with_options(BrOptions { quality, ..BrOptions::default() })
}

/// Compresses with Brotli at a quality and with a window.
///
/// # Errors
/// [`Error::Level`], [`Error::Window`].
#[cfg(feature = "br")]
pub fn br_with_options(options: BrOptions) -> Result<Compress, Error> {
    Encoding::br(options).map(Compress::of)
}

/// Compresses with the encoding that the client weighs most; among equals with the first of `offers`.
///
/// `negotiated(Encoding::all())` offers all. A client that names `identity` with a greater weight than all of them gets
/// the bytes as they are. Of two offers with one name the first counts; without an offer there is no layer.
pub fn negotiated(offers: impl IntoIterator<Item = Encoding>) -> Compress {
    let mut distinct = Vec::<Encoding>::new();
    for offer in offers {
        if !distinct.iter().any(|other| other.name() == offer.name()) {
            distinct.push(offer);
        }
    }
    Compress::new(distinct)
}

impl Compress {
    #[cfg(any(feature = "gzip", feature = "zstd", feature = "br"))]
    fn of(encoding: Encoding) -> Self {
        Self::new(vec![encoding])
    }

    fn new(offers: Vec<Encoding>) -> Self {
        Self {
            offers,
            types: MediaTypes::default(),
            min_length: 860,
            vary: true,
            max_memory: 256 << 20,
        }
    }

    /// Media types to compress, separated by spaces and without parameters; `*` for all, none for no layer. Content
    /// without a type counts as `application/octet-stream`. Default: text, JSON, XML, scripts, fonts without a
    /// compression of their own, WebAssembly. `text/event-stream` is not among them.
    #[must_use]
    pub fn types(self, types: &str) -> Self {
        Self { types: MediaTypes::parse(types), ..self }
    }

    /// Length in bytes below which a body is left as it is, if its length is known. Default: 860. 0: no minimum.
    #[must_use]
    pub fn min_length(self, bytes: usize) -> Self {
        Self { min_length: u64::try_from(bytes).unwrap_or(u64::MAX), ..self }
    }

    /// Whether `Vary` of each response that would be compressed for some client names `Accept-Encoding`. Default: true.
    /// Without it a shared cache may give a compressed answer to a client that cannot read it.
    #[must_use]
    pub fn vary(self, on: bool) -> Self {
        Self { vary: on, ..self }
    }

    /// Bytes that the encoders of all responses together may hold at most, where the layer is mounted. Default: 256 MiB,
    /// which is 20 of br or 64 of zstd at a time, as long as their clients read slowly. A response beyond goes out as it is,
    /// with one warning when that begins.
    #[must_use]
    pub fn max_memory(self, bytes: usize) -> Self {
        Self { max_memory: bytes, ..self }
    }
}

impl Mounted {
    fn apply(&self, response: &mut Response, wanted: Option<Encoding>, method: Asked) {
        let Self { layer, budget } = self;
        if !layer.fits(response, method) {
            return;
        }
        let headers = response.headers_mut();
        if layer.vary {
            add_vary(headers, &ACCEPT_ENCODING);
        }
        let Some(encoding) = wanted else { return };
        let length = response.body().known_length();
        let memory = match method {
            Asked::Head => None,
            Asked::Content => match budget.take(encoding.memory(length)) {
                Some(memory) => Some(memory),
                None => return,
            },
        };
        let headers = response.headers_mut();
        if headers.try_insert(CONTENT_ENCODING, encoding.value()).is_err() {
            return; // a full map: encoded bytes that nothing tells of would be garbage
        }
        describe(headers);
        let body = std::mem::take(response.body_mut());
        *response.body_mut() = match memory {
            Some(memory) => Body::new(Compressed::new(body, encoding, memory)),
            // Not to be sent, and its length must not be told: that of the encoded bytes would be another.
            None => body.map_frames(|frame| frame),
        };
    }
}

impl Compress {
    /// Whether the response is one to compress, for a client that accepts it.
    fn fits(&self, response: &Response, method: Asked) -> bool {
        let headers = response.headers();
        let has = Present::of(headers);
        // What fails most often stands first.
        self.types.contains_that_of(headers)
            && has_whole_content(response.status())
            && !has.content_range
            && length(response, method).is_none_or(|bytes| bytes > 0 && bytes >= self.min_length)
            && (!has.content_encoding
                || headers.get_all(CONTENT_ENCODING).iter().all(HeaderValue::is_empty))
            && !(has.cache_control
                && directives(headers, &CACHE_CONTROL)
                    .any(|(name, _)| name.eq_ignore_ascii_case(b"no-transform")))
    }
}

impl Middleware for Compress {
    fn wrap(&self, next: Handler) -> Handler {
        if self.offers.is_empty() || self.types.is_none() {
            return next;
        }
        let (layer, budget) = (self.clone(), Budget::new(self.max_memory));
        let (mounted, accept) = (Arc::new(Mounted { layer, budget }), Accept::new(&self.offers));
        Handler::new(Compressing { mounted, accept, next })
    }
}

/// The settings at one place, and the memory that is left there.
struct Mounted {
    layer: Compress,
    budget: Budget,
}

struct Compressing {
    mounted: Arc<Mounted>,
    accept: Accept,
    next: Handler,
}

impl Compressing {
    /// The encoding that this request allows, whatever the response will be.
    fn wanted(&self, request: &HeaderMap) -> Option<Encoding> {
        self.accept.choose(request).filter(|_| {
            !has_value(request, &SEC_WEBSOCKET_KEY) && !has_token(request, &CONNECTION, "upgrade")
        })
    }
}

impl Serve for Compressing {
    fn serve(&self, request: Request) -> ResponseFuture {
        // The answer to CONNECT is a tunnel, or never stored.
        if *request.method() == Method::CONNECT {
            return self.next.serve(request);
        }
        let wanted = self.wanted(request.headers());
        if wanted.is_none() && !self.mounted.layer.vary {
            return self.next.serve(request);
        }
        let method = if *request.method() == Method::HEAD { Asked::Head } else { Asked::Content };
        let mounted = Arc::clone(&self.mounted);
        self.next.serve(request).map(move |response| mounted.apply(response, wanted, method))
    }
}

/// What the request's method asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// HEAD: the head that the content would have.
    Head,
    Content,
}

/// Which of the fields that most responses lack are there: one pass costs less than a look-up of each.
#[derive(Default)]
struct Present {
    content_range: bool,
    content_encoding: bool,
    cache_control: bool,
}

impl Present {
    fn of(headers: &HeaderMap) -> Self {
        let mut present = Self::default();
        for name in headers.keys() {
            present.content_range |= *name == CONTENT_RANGE;
            present.content_encoding |= *name == CONTENT_ENCODING;
            present.cache_control |= *name == CACHE_CONTROL;
        }
        present
    }
}

/// Whether a response with this status has content, and all of it (RFC 9110 §15).
fn has_whole_content(status: StatusCode) -> bool {
    let without = [
        StatusCode::NO_CONTENT,
        StatusCode::RESET_CONTENT,
        StatusCode::PARTIAL_CONTENT,
        StatusCode::NOT_MODIFIED,
    ];
    !status.is_informational() && !without.contains(&status)
}

/// Length of the content, if it is known. An empty body tells nothing in an answer to HEAD.
fn length(response: &Response, method: Asked) -> Option<u64> {
    let known = response.body().known_length();
    let of_body = known.filter(|bytes| *bytes > 0 || method == Asked::Content);
    of_body.or_else(|| response.headers().get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok())
}

/// Takes out of the head what is not true of the encoded content.
fn describe(headers: &mut HeaderMap) {
    headers.remove(CONTENT_LENGTH);
    headers.remove(ACCEPT_RANGES); // a range of the encoded bytes cannot be had
    digests::remove(headers);
    if let Some(tag) = headers.get_mut(ETAG) {
        *tag = weaken(tag); // RFC 9110 §8.8.1: a strong tag names exact bytes
    }
}
