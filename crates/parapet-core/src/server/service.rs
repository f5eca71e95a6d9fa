//! What all connections of a server share, and the step from a decoded head to the chain.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use http::header::UPGRADE;
use http::uri::{Authority, PathAndQuery};
use http::{HeaderMap, HeaderName, StatusCode, Version};
use parapet_header::has_token;
use tokio::time::Instant;

use super::Server;
use super::hooks::{ConnState, ConnectionError, Hooks, LocalReply};
use super::layer::ConnectionLayer;
use super::listen::ListenerContext;
use super::registry::{Registration, Registry};
use super::settings::Settings;
use crate::request_info::RequestInfo;
use crate::trust::TrustStep;
use crate::upgrade::Offer;
use crate::{
    Chain, ConnInfo, Error, Handler, Middleware, NotFound, Request, RequestExt, Response,
    ResponseFuture, Serve, ServerHandle, authority, plain_error,
};

/// Everything that serving needs, frozen.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) handler: Handler,
    pub(crate) settings: Settings,
    pub(crate) limits: parapet_h1::Limits,
    pub(crate) handle: ServerHandle,
    pub(crate) hooks: Hooks,
    pub(crate) layers: Layers,
    pub(crate) registry: Arc<Registry>,
    /// Whether another process has the listeners, too: what waits on them is its to serve.
    pub(crate) handed_over: AtomicBool,
    /// For connections that no listener of ours accepted.
    pub(crate) default_listener: Arc<ListenerContext>,
}

/// Connection layers, in the order in which they run.
pub(crate) struct Layers(pub(crate) Vec<Arc<dyn ConnectionLayer>>);

impl std::fmt::Debug for Layers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Layers").field("len", &self.0.len()).finish()
    }
}

/// One connection's share of the service.
#[derive(Debug)]
pub(crate) struct ConnContext {
    pub(crate) service: Arc<Service>,
    pub(crate) listener: Arc<ListenerContext>,
    pub(crate) conn: Arc<ConnInfo>,
    pub(crate) registration: Registration,
    #[cfg(feature = "tls")]
    pub(crate) authority_check: crate::tls::AuthorityCheck,
}

impl ConnContext {
    /// The connection changed its state: counted, and told to the hooks.
    pub(crate) fn state(&self, state: ConnState) {
        self.listener.counters.moved(&self.registration.control.counted, state);
        self.service.hooks.state(&self.conn, state);
    }

    /// The connection failed: counted, and told to the hooks.
    pub(crate) fn failed(&self, error: &ConnectionError) {
        self.listener.counters.failed(error);
        self.service.hooks.failed(&self.conn, error);
    }

    /// A request was answered before any handler saw it: counted, and told to the hooks.
    pub(crate) fn local_reply(&self, reply: &LocalReply) {
        self.listener.counters.local_reply(reply.status);
        self.service.hooks.local_reply(&self.conn, reply);
    }

    /// When the connection is too old, if it has such an age.
    pub(crate) fn ends_at(&self) -> Option<Instant> {
        let age = self.service.settings.max_connection_age?;
        // ± 10 %, so that connections made together do not end together.
        let jitter = 0.9 + 0.2 * f64::from((self.conn.id() % 1000) as u32) / 1000.0;
        self.conn.accepted_at().checked_add(age.mul_f64(jitter))
    }

    /// Whether a request for `authority` may come over this connection's TLS session (RFC 9110 §7.4).
    #[cfg_attr(
        not(feature = "tls"),
        expect(clippy::unused_self, reason = "without TLS there is no session to ask")
    )]
    pub(crate) fn allows_authority(&self, authority: Option<&Authority>) -> bool {
        #[cfg(feature = "tls")]
        if !self.authority_check.is_off()
            && let Some(tls) = self.conn.tls()
        {
            let host = authority.map_or("", Authority::host);
            return self.authority_check.allows(tls.server_name(), host);
        }
        let _ = authority;
        true
    }
}

/// What the wire said of a request, beside its fields.
#[derive(Debug)]
pub(crate) struct Arrival {
    /// Path and query as received.
    pub(crate) target: PathAndQuery,
    pub(crate) authority: Option<Authority>,
    pub(crate) received_at: Instant,
    pub(crate) upgrade: Option<Offer>,
}

impl Service {
    pub(crate) fn new(server: Server) -> Result<Arc<Self>, Error> {
        let (service, _listens) = Self::split(server)?;
        Ok(service)
    }

    /// The service, and the listeners that are to be opened.
    pub(crate) fn split(server: Server) -> Result<(Arc<Self>, super::run::Plan), Error> {
        let Server {
            settings,
            chain,
            handler,
            listens,
            #[cfg(feature = "tls")]
            tls,
            layers,
            hooks,
            background,
            on_start,
            on_hangup,
            handover,
            handle,
        } = server;
        settings.check()?;
        let limits = parapet_h1::Limits::request()
            .head_bytes(settings.max_header_bytes)
            .field_lines(settings.max_header_count)
            .target_bytes(settings.max_target_bytes)
            .allow_utf8_target(settings.allow_utf8_target);
        let default_listener = Arc::new(ListenerContext::new(
            &settings,
            #[cfg(feature = "tls")]
            tls.as_ref(),
        )?);
        handle.count(&default_listener);
        let service = Arc::new(Self {
            handler: compose(&chain, handler),
            limits,
            handle,
            hooks,
            layers: Layers(layers),
            registry: Arc::new(Registry::new()),
            handed_over: AtomicBool::new(false),
            default_listener,
            settings,
        });
        let plan = super::run::Plan {
            listens,
            #[cfg(feature = "tls")]
            tls,
            background,
            on_start,
            on_hangup,
            handover,
        };
        Ok((service, plan))
    }

    /// The chain behind the trust step, for requests made in-process.
    pub(crate) fn into_handler(self: Arc<Self>) -> Handler {
        Handler::new(InProcess(self))
    }
}

/// The trust step and the core's facts, once per request, outside every middleware.
pub(crate) fn admit(
    request: &mut Request,
    arrival: Arrival,
    trust: &TrustStep,
    conn: Option<&Arc<ConnInfo>>,
    server: Option<&ServerHandle>,
) {
    let trusted = trust.apply(request.headers_mut(), conn.map(|conn| &**conn));
    let info = RequestInfo {
        conn: conn.cloned(),
        server: server.cloned(),
        client_addr: trusted.client_addr,
        peer_trusted: trusted.peer_trusted,
        scheme: trusted.scheme,
        authority: arrival.authority,
        original_target: Some(arrival.target),
        upgrade: arrival.upgrade,
        ..RequestInfo::new(arrival.received_at)
    };
    request.extensions_mut().insert(info);
}

/// `Upgrade: h2c` and `HTTP2-Settings` never reach a backend, which must not be talked into HTTP/2 behind the proxy.
pub(crate) fn forget_h2c(headers: &mut HeaderMap) {
    const HTTP2_SETTINGS: HeaderName = HeaderName::from_static("http2-settings");
    if headers.contains_key(UPGRADE) && has_token(headers, &UPGRADE, "h2c") {
        headers.remove(UPGRADE);
    }
    headers.remove(HTTP2_SETTINGS);
}

fn compose(chain: &Chain, handler: Option<Handler>) -> Handler {
    chain.wrap(handler.unwrap_or_else(|| Handler::new(NotFound)))
}

struct InProcess(Arc<Service>);

impl Serve for InProcess {
    fn serve(&self, mut request: Request) -> ResponseFuture {
        let Self(service) = self;
        let authority = request.uri().authority().cloned();
        // No wire, no rule of the wire: a request without Host is a test's, not an attack's.
        let authority = authority::http1(authority, Version::HTTP_10, request.headers_mut());
        let Ok(authority) = authority else { return ResponseFuture::ready(bad_request()) };
        let arrival = Arrival {
            target: request.original_target().clone(),
            authority,
            received_at: Instant::now(),
            upgrade: None,
        };
        admit(&mut request, arrival, &service.default_listener.trust, None, None);
        service.handler.serve(request)
    }
}

pub(crate) fn bad_request() -> Response {
    plain_error(StatusCode::BAD_REQUEST, "Bad Request")
}

/// In place of a response whose Content-Length is not its body's.
pub(crate) fn wrong_length() -> Response {
    unsendable("content_length", "Content-Length of the response differs from its body")
}

/// In place of a response that there is none of, or that cannot be sent as it is.
pub(crate) fn unsendable(kind: &'static str, text: &'static str) -> Response {
    let mut response = plain_error(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error");
    response.extensions_mut().insert(crate::ResponseError::new("core", kind, text));
    response
}

/// The answer to a panic of a handler.
pub(crate) fn panicked() -> Response {
    unsendable("panic", "the handler panicked")
}
