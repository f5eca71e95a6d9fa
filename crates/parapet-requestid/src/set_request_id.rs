use std::fmt;
use std::sync::Arc;

use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, COOKIE, HOST, PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION, SET_COOKIE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderName, HeaderValue};
use parapet_core::{Handler, Middleware, Request, RequestExt, RequestId, ResponseFuture, Serve};
use parapet_header::{KEEP_ALIVE, PROXY_CONNECTION, X_REQUEST_ID};

use crate::incoming::{Trust, incoming, is_well_formed};
use crate::{Error, IdFormat};

/// A [`SetRequestId`] with its defaults: field `X-Request-Id`, incoming ids are kept, fresh ones are UUIDv4.
pub fn new() -> SetRequestId {
    SetRequestId {
        header: X_REQUEST_ID,
        trust: Trust::Everybody,
        source: Source::Format(IdFormat::default()),
        response: true,
    }
}

/// Gives each request an id. Made by [`new`].
///
/// A kept id costs one box, a fresh one two allocations (the id, shared by all who hold it, and the box); without
/// [`response`](Self::response), or if next answers without waiting, there is no box.
#[derive(Clone, Debug)]
pub struct SetRequestId {
    header: HeaderName,
    trust: Trust,
    source: Source,
    response: bool,
}

impl SetRequestId {
    /// Field that carries the id, on both messages. Default: `X-Request-Id`.
    ///
    /// # Errors
    /// [`Error::Header`]: a framing or hop-by-hop field, `Host`, `Authorization`, `Cookie` or `Set-Cookie`.
    pub fn header(self, header: HeaderName) -> Result<Self, Error> {
        if RESERVED.contains(&header) {
            return Err(Error::Header(header));
        }
        Ok(Self { header, ..self })
    }

    /// Whether an incoming well-formed id is kept, whoever sent it. Default: true, for a place behind another proxy; at
    /// the edge say false.
    #[must_use]
    pub fn trust_proxy(self, trust: bool) -> Self {
        Self { trust: if trust { Trust::Everybody } else { Trust::Nobody }, ..self }
    }

    /// Keeps an incoming id only if the server trusts the peer as a proxy: right at the edge and behind one. Replaces
    /// what [`trust_proxy`](Self::trust_proxy) said.
    #[must_use]
    pub fn trust_peer_only(self) -> Self {
        Self { trust: Trust::TrustedPeers, ..self }
    }

    /// Form of fresh ids. Default: [`IdFormat::UuidV4`]. Replaces a [`generator`](Self::generator).
    #[must_use]
    pub fn format(self, format: IdFormat) -> Self {
        Self { source: Source::Format(format), ..self }
    }

    /// Makes fresh ids. One that is no well-formed id (1 to 128 bytes of `0-9 A-Z a-z - _ . : + = /`) is replaced by a
    /// UUIDv4.
    #[must_use]
    pub fn generator(self, generator: impl Fn() -> HeaderValue + Send + Sync + 'static) -> Self {
        Self { source: Source::Generator(Arc::new(generator)), ..self }
    }

    /// Whether the id is written on the response, over what next wrote there. Default: true.
    #[must_use]
    pub fn response(self, response: bool) -> Self {
        Self { response, ..self }
    }
}

impl Middleware for SetRequestId {
    fn wrap(&self, next: Handler) -> Handler {
        Handler::new(Identified { layer: self.clone(), next })
    }
}

#[derive(Clone)]
enum Source {
    Format(IdFormat),
    Generator(Arc<dyn Fn() -> HeaderValue + Send + Sync>),
}

impl Source {
    fn fresh(&self) -> HeaderValue {
        match self {
            Self::Format(format) => format.fresh(),
            Self::Generator(generator) => {
                let id = generator();
                if is_well_formed(&id) { id } else { IdFormat::UuidV4.fresh() }
            }
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Format(format) => format.fmt(f),
            Self::Generator(_) => f.write_str("Generator"),
        }
    }
}

struct Identified {
    layer: SetRequestId,
    next: Handler,
}

impl Serve for Identified {
    fn serve(&self, mut request: Request) -> ResponseFuture {
        let Self { layer, next } = self;
        let kept = if layer.trust.covers(request.peer_trusted()) {
            incoming(request.headers(), &layer.header)
        } else {
            None
        };
        let id = kept.unwrap_or_else(|| {
            let id = layer.source.fresh();
            // A full map is left as it is: `insert` would panic there.
            let _full = request.headers_mut().try_insert(layer.header.clone(), id.clone());
            id
        });
        if let Some(log) = request.log() {
            log.set("requestId", id.clone());
        }
        if let Some(id) = RequestId::new(id.clone()) {
            request.set_request_id(id);
        }
        let answer = next.serve(request);
        if !layer.response {
            return answer;
        }
        // What the client reads is what the log says, in one line, even if the origin echoes the id.
        let name = layer.header.clone();
        answer.map(|response| drop(response.headers_mut().try_insert(name, id)))
    }
}

static RESERVED: [HeaderName; 14] = [
    AUTHORIZATION,
    CONNECTION,
    CONTENT_LENGTH,
    COOKIE,
    HOST,
    KEEP_ALIVE,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    PROXY_CONNECTION,
    SET_COOKIE,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];
