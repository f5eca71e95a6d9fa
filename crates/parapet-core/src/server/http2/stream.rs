//! One stream: hyper's request to ours, our response to hyper's.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::Reason;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, DATE};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, Version};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use parapet_header::strip_connection_fields;
use tokio::time::Instant;

use super::super::counted::Counts;
use super::super::hooks::{ConnState, LocalReply};
use super::super::progress::ProgressClock;
use super::super::service::{
    Arrival, ConnContext, admit, bad_request, forget_h2c, panicked, unsendable, wrong_length,
};
use super::super::stats::Count;
use super::super::timer::LazyTimer;
use super::exec::Queue;
use crate::body::Outcome;
use crate::response::Abort;
use crate::upgrade::{Offer, OfferKind, bad_upgrade};
use crate::{
    Body, BodyError, Request, Response, ResponseError, ResponseFuture, Upgraded, authority, path,
    plain_error, time::http_date,
};

/// What the streams of a connection share.
pub(super) struct Shared {
    pub(super) context: ConnContext,
    pub(super) queue: Queue,
    /// Streams whose exchange is not over.
    open: AtomicUsize,
    /// Streams opened so far.
    pub(super) opened: AtomicU64,
    /// Cost of the heads that are not answered yet.
    pending_bytes: AtomicUsize,
}

impl Shared {
    pub(super) fn new(context: ConnContext, queue: Queue) -> Arc<Self> {
        Arc::new(Self {
            context,
            queue,
            open: AtomicUsize::new(0),
            opened: AtomicU64::new(0),
            pending_bytes: AtomicUsize::new(0),
        })
    }

    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::Acquire)
    }
}

/// Held while a stream's exchange lasts.
struct OpenStream(Arc<Shared>);

impl OpenStream {
    fn new(shared: &Arc<Shared>) -> Self {
        shared.opened.fetch_add(1, Ordering::Relaxed);
        let ConnContext { conn, listener, registration, .. } = &shared.context;
        listener.counters.add(Count::StreamOpened);
        conn.requests_served.fetch_add(1, Ordering::Relaxed);
        if shared.open.fetch_add(1, Ordering::AcqRel) == 0 {
            registration.set_idle(false, Instant::now());
            listener.counters.add(Count::StreamsBegan);
            shared.context.state(ConnState::Active);
        }
        Self(Arc::clone(shared))
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        let ConnContext { listener, registration, .. } = &self.0.context;
        listener.counters.add(Count::StreamClosed);
        if self.0.open.fetch_sub(1, Ordering::AcqRel) == 1 {
            registration.set_idle(true, Instant::now());
            listener.counters.add(Count::StreamsEnded);
            self.0.context.state(ConnState::Idle);
        }
    }
}

/// Share of the bound on heads that are not answered yet.
struct PendingHead {
    shared: Arc<Shared>,
    cost: usize,
}

impl PendingHead {
    /// `None`: the connection holds too much already.
    fn reserve(shared: &Arc<Shared>, headers: &HeaderMap, uri: &Uri) -> Option<Self> {
        // What an entry of the map costs beside its bytes, so that one-byte references into the compression table are
        // not free.
        const ENTRY: usize = 128;
        let fields = headers
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len() + ENTRY)
            .sum::<usize>();
        let cost = fields + uri.path().len() + uri.query().map_or(0, str::len) + ENTRY;
        let limit = shared.context.service.settings.http2.max_pending_header_bytes;
        let pending = shared.pending_bytes.fetch_add(cost, Ordering::AcqRel);
        let held = Self { shared: Arc::clone(shared), cost };
        (pending.saturating_add(cost) <= limit).then_some(held)
    }
}

impl Drop for PendingHead {
    fn drop(&mut self) {
        self.shared.pending_bytes.fetch_sub(self.cost, Ordering::AcqRel);
    }
}

/// Answers one request of a connection. An error resets the stream with its code.
pub(super) fn answer(
    shared: &Arc<Shared>,
    mut inbound: http::Request<Incoming>,
) -> impl Future<Output = Result<http::Response<Body>, h2::Error>> + Send + use<> {
    let received_at = Instant::now();
    let stream = OpenStream::new(shared);
    let pending = PendingHead::reserve(shared, inbound.headers(), inbound.uri());
    let shared = Arc::clone(shared);
    async move {
        let Some(pending) = pending else { return Err(Reason::REFUSED_STREAM.into()) };
        let method = inbound.method().clone();
        let on_upgrade = (method == Method::CONNECT).then(|| hyper::upgrade::on(&mut inbound));
        let response = match request(&shared, inbound, received_at) {
            Ok(request) => respond(&shared, request).await,
            Err(refusal) => {
                let (response, kind) = *refusal;
                let reply = LocalReply { status: response.status(), kind, received_at };
                shared.context.local_reply(&reply);
                response
            }
        };
        drop(pending);
        if response.extensions().get::<Abort>().is_some() {
            return Err(Reason::CANCEL.into());
        }
        let response = finish_head(&shared, &method, response);
        Ok(match on_upgrade {
            Some(on_upgrade) if response.body().is_tunnel() => {
                open_tunnel(&shared, response, on_upgrade, stream)
            }
            _ => response.map(|body| body.with_guard(stream)),
        })
    }
}

/// Runs the chain; a panic is a 500.
async fn respond(shared: &Arc<Shared>, request: Request) -> Response {
    let service = &shared.context.service;
    let mut answer = match catch_unwind(AssertUnwindSafe(|| service.handler.serve(request))) {
        Ok(answer) => answer,
        Err(_) => ResponseFuture::ready(caught(shared)),
    };
    std::future::poll_fn(|cx| {
        match catch_unwind(AssertUnwindSafe(|| Pin::new(&mut answer).poll(cx))) {
            Ok(polled) => polled,
            Err(_) => Poll::Ready(caught(shared)),
        }
    })
    .await
}

fn caught(shared: &Shared) -> Response {
    tracing::error!(target: "parapet_core", "a handler panicked");
    let response = panicked();
    tell(shared, &response);
    response
}

fn tell(shared: &Shared, response: &Response) {
    if let Some(error) = response.extensions().get::<ResponseError>() {
        shared.context.service.hooks.response_error(&shared.context.conn, error);
    }
}

/// Our request out of hyper's, or the answer that no handler sees.
fn request(
    shared: &Arc<Shared>,
    inbound: http::Request<Incoming>,
    received_at: Instant,
) -> Result<Request, Box<(Response, &'static str)>> {
    let ConnContext { service, listener, conn, .. } = &shared.context;
    let protocol = inbound
        .extensions()
        .get::<hyper::ext::Protocol>()
        .map(|protocol| Arc::from(protocol.as_str()));
    let (mut head, body) = inbound.into_parts();
    if head.headers.len() > service.settings.max_header_count {
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        return Err(Box::new((
            plain_error(status, "Request Header Fields Too Large"),
            "too many field lines",
        )));
    }
    let target =
        head.uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    if target.as_str().len() > service.settings.max_target_bytes {
        return Err(Box::new((
            plain_error(StatusCode::URI_TOO_LONG, "URI Too Long"),
            "target too long",
        )));
    }
    if path::has_bad_escape(target.path().as_bytes()) {
        return Err(Box::new((bad_request(), "malformed percent-encoding in the path")));
    }
    let authority = head.uri.authority().cloned();
    let Ok(authority) = authority::http2(authority, &mut head.headers) else {
        return Err(Box::new((bad_request(), "authority")));
    };
    if !shared.context.allows_authority(authority.as_ref()) {
        let response = plain_error(StatusCode::MISDIRECTED_REQUEST, "Misdirected Request");
        return Err(Box::new((response, "server_name")));
    }
    forget_h2c(&mut head.headers);
    let connect = head.method == Method::CONNECT;
    head.uri = match (&authority, connect && protocol.is_none()) {
        (Some(authority), true) => Uri::from(authority.clone()),
        _ => Uri::from(target.clone()),
    };
    head.version = Version::HTTP_2;
    let grpc = head
        .headers
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"));
    let body = if http_body::Body::is_end_stream(&body) || connect {
        Body::empty()
    } else {
        let clock = (!grpc).then(|| ProgressClock::new((&service.settings).into()));
        Body::new(StreamBody { body, clock, timer: LazyTimer::default() })
    };
    let upgrade = connect.then_some(Offer { kind: OfferKind::Connect, protocol });
    let arrival = Arrival { target, authority, received_at, upgrade };
    let mut request = Request::new(body);
    *request.method_mut() = head.method;
    *request.uri_mut() = head.uri;
    *request.version_mut() = head.version;
    *request.headers_mut() = head.headers;
    admit(&mut request, arrival, &listener.trust, Some(conn), Some(&service.handle));
    Ok(request)
}

/// Replaces what cannot be sent, and makes the head one of HTTP/2.
fn finish_head(shared: &Shared, method: &Method, response: Response) -> Response {
    let status = response.status();
    let connected = *method == Method::CONNECT && status.is_success();
    let declared = response.headers().get(CONTENT_LENGTH).cloned();
    let mut response = if status.is_informational() || response.body().is_tunnel() != connected {
        replace(shared, response, bad_upgrade())
    } else if differs(method, &response, declared.as_ref()) {
        replace(shared, response, wrong_length())
    } else if response.headers().values().any(has_blank_end) {
        let text = "a field value of the response begins or ends with a blank";
        replace(shared, response, unsendable("field_value", text))
    } else {
        response
    };
    strip_connection_fields(response.headers_mut());
    if !response.headers().contains_key(DATE) {
        let _ = response.headers_mut().try_insert(DATE, http_date());
    }
    let status = response.status();
    let bodiless = *method == Method::HEAD
        || status == StatusCode::NO_CONTENT
        || status == StatusCode::NOT_MODIFIED;
    if bodiless {
        let length = response.body().known_length().filter(|length| *length > 0);
        if *method == Method::HEAD
            && declared.is_none()
            && let Some(length) = length
        {
            let _ = response.headers_mut().try_insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        response.body_mut().complete_unread();
    }
    response
}

fn differs(method: &Method, response: &Response, declared: Option<&HeaderValue>) -> bool {
    let sends_body = *method != Method::HEAD && response.status() != StatusCode::NOT_MODIFIED;
    match (declared, response.body().known_length()) {
        (Some(declared), Some(known)) if sends_body => {
            declared.to_str().ok().and_then(|text| text.parse().ok()) != Some(known)
        }
        _ => false,
    }
}

/// What RFC 9113 §8.2.1 forbids of what a `HeaderValue` may hold: the client would take the response for malformed.
fn has_blank_end(value: &HeaderValue) -> bool {
    matches!(value.as_bytes(), [b' ' | b'\t', ..] | [.., b' ' | b'\t'])
}

fn replace(shared: &Shared, response: Response, answer: Response) -> Response {
    drop(response);
    tell(shared, &answer);
    answer
}

/// Runs the tunnel of a CONNECT in the connection's task once hyper has the stream.
fn open_tunnel(
    shared: &Arc<Shared>,
    mut response: Response,
    on_upgrade: hyper::upgrade::OnUpgrade,
    stream: OpenStream,
) -> Response {
    let mut body = std::mem::take(response.body_mut());
    let server = shared.context.service.handle.clone();
    if let Some(tunnel) = body.take_tunnel() {
        shared.queue.push(async move {
            let counts = Counts::default();
            if let Ok(io) = on_upgrade.await {
                let io = counts.over(Box::new(TokioIo::new(io)));
                let io = Upgraded::new(Bytes::new(), io, Some(server));
                let (future, response_body) = tunnel.start(io);
                let mut future = future;
                std::future::poll_fn(|cx| {
                    match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
                        Ok(polled) => polled,
                        Err(_) => Poll::Ready(()),
                    }
                })
                .await;
                drop(response_body);
            }
            body.tunnel_ended(counts.sent(), counts.received(), &Outcome::Complete);
            drop(stream);
        });
    }
    response
}

/// A request body over HTTP/2, under the read timeout.
struct StreamBody {
    body: Incoming,
    clock: Option<ProgressClock>,
    timer: LazyTimer,
}

impl http_body::Body for StreamBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        match Pin::new(&mut this.body).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                if let (Some(clock), Some(data)) = (&mut this.clock, frame.data_ref()) {
                    clock.progress(data.len());
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(body_error(&error)))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => {
                let Some(clock) = &mut this.clock else { return Poll::Pending };
                ready!(this.timer.poll(clock.wanted(Instant::now), cx));
                Poll::Ready(Some(Err(BodyError::Timeout)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn body_error(error: &hyper::Error) -> BodyError {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(cause) = source {
        if let Some(error) = cause.downcast_ref::<h2::Error>() {
            return match error.reason() {
                Some(Reason::PROTOCOL_ERROR) => BodyError::Malformed("HTTP/2 protocol error"),
                Some(reason) if error.is_remote() => BodyError::Reset(reason.into()),
                _ => BodyError::Disconnected,
            };
        }
        source = cause.source();
    }
    BodyError::Disconnected
}
