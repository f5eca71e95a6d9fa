use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{HeaderName, Method, StatusCode, header};
use parapet_core::{
    Body, BodyError, CloseDelimited, InformationalSink, Protocol, RequestExt, RequestHead,
    Response, recycle,
};
use parapet_h1::{Connection, DecodeError, Framing, InboundResponse, RequestKind, ResponseEvent};
use parapet_header::{has_token, strip_hop_by_hop};
use tokio::time::Instant;

use super::failure::Failure;
use super::{Unit, Upload};
use crate::body::{Ahead, UpstreamBody};
use crate::pool::{Permit, Pool};
use crate::transport::Settings;
use crate::{Attempt, Error, TimeoutKind, UpgradedUpstream};

/// One round trip, up to the head of the response.
///
/// Dropped before the head, it closes the connection, unless nothing was written on it yet.
pub(crate) async fn send(
    pool: &Arc<Pool>,
    head: &RequestHead,
    body: &mut Body,
    at: &Attempt,
) -> Result<Response, Error> {
    let plan = Plan::of(head, body, pool.settings());
    let spare = if plan.repeatable(head) { Spare::of(body) } else { Spare::None };
    let now = Instant::now();
    let taken = if let Some(unit) = pool.take_idle(now, matches!(spare, Spare::None)) {
        Taken { unit, reused: true, at: now }
    } else {
        let out = in_time(at, Box::pin(pool.check_out(matches!(spare, Spare::None)))).await?;
        Taken { unit: out.unit, reused: out.reused, at: Instant::now() }
    };
    at.note_connection(taken.reused, Protocol::Http1);
    let mut exchange = Exchange::new(pool, head, at, plan, std::mem::take(body), taken);
    exchange.begin()?;
    match poll_fn(|cx| exchange.poll(cx)).await {
        Ok(response) => Ok(response),
        Err(Failure::Fatal(error)) => Err(exchange.fail(error)),
        // Boxed, so that the rare case does not make every request's future larger.
        Err(Failure::Closed) => Box::pin(send_again(exchange, spare)).await,
    }
}

/// The connection had been closed: sends the request on another one, where that is safe.
async fn send_again(mut exchange: Exchange<'_>, spare: Spare) -> Result<Response, Error> {
    let Again { permit, second } = exchange.closed(spare)?;
    let (pool, at) = (exchange.pool, exchange.at);
    pool.counters.replayed();
    let fresh = in_time(at, Box::pin(pool.open(permit))).await?;
    at.note_connection(false, Protocol::Http1);
    at.note_replayed();
    exchange.begin_again(fresh, second)?;
    match poll_fn(|cx| exchange.poll(cx)).await {
        Ok(response) => Ok(response),
        Err(Failure::Fatal(error)) => Err(exchange.fail(error)),
        Err(Failure::Closed) => Err(exchange.closed_error()),
    }
}

/// How a request is written, and what its answer may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(super) framing: Framing,
    pub(super) connection: Connection,
    pub(super) kind: RequestKind,
}

impl Plan {
    fn of(head: &RequestHead, body: &Body, settings: &Settings) -> Self {
        let kind = RequestKind {
            head: head.method == Method::HEAD,
            connect: head.method == Method::CONNECT,
            upgrade: head.headers.contains_key(header::UPGRADE),
        };
        let framing = match body.known_length() {
            _ if kind.connect || body.is_end_stream() => Framing::None,
            Some(0) => Framing::None,
            Some(length) => Framing::Length(length),
            None => Framing::Chunked,
        };
        let connection = match settings.disable_keep_alives {
            _ if kind.upgrade => Connection::Upgrade,
            true => Connection::Close,
            false => Connection::KeepAlive,
        };
        Self { framing, connection, kind }
    }

    /// Whether sending the request twice does what sending it once does (RFC 9110 §9.2.2). An upgrade begins a
    /// conversation.
    fn repeatable(&self, head: &RequestHead) -> bool {
        let safe =
            matches!(head.method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE);
        !self.kind.upgrade && (safe || head.headers.contains_key(IDEMPOTENCY_KEY))
    }
}

/// The body of a request that may be sent twice (RFC 9110 §9.2.2).
enum Spare {
    None,
    /// There is no content.
    Empty,
    /// Boxed: few requests that may be repeated have content.
    Copy(Box<Body>),
}

impl Spare {
    fn of(body: &Body) -> Self {
        if body.is_end_stream() {
            return Self::Empty;
        }
        body.replay().map_or(Self::None, |copy| Self::Copy(Box::new(copy)))
    }

    fn into_body(self) -> Option<Body> {
        match self {
            Self::None => None,
            Self::Empty => Some(Body::empty()),
            Self::Copy(body) => Some(*body),
        }
    }
}

/// Bounds the wait for a connection by the deadline of the attempt.
pub(crate) async fn in_time<T>(
    at: &Attempt,
    connect: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    match at.head_deadline() {
        None => connect.await,
        Some((deadline, kind)) => {
            // A timer would panic.
            tokio::runtime::Handle::try_current().map_err(Error::other)?;
            match tokio::time::timeout_at(deadline, connect).await {
                Ok(result) => result,
                Err(_) => Err(Error::Timeout(kind)),
            }
        }
    }
}

/// A request on a connection, before its head has come back.
struct Exchange<'a> {
    pool: &'a Arc<Pool>,
    head: &'a RequestHead,
    at: &'a Attempt,
    plan: Plan,
    /// `None`: lost, or handed on with the response.
    unit: Option<Box<Unit>>,
    reused: bool,
    upload: Upload,
    times: Times,
}

/// A connection for an exchange, taken at this time.
struct Taken {
    unit: Box<Unit>,
    reused: bool,
    at: Instant,
}

/// A request that goes out a second time.
struct Again {
    /// The first connection's place under the limit.
    permit: Option<Permit>,
    second: Second,
}

/// What is sent on the second connection.
enum Second {
    /// What the first should have taken, of which it took nothing.
    Rest(Box<Unit>),
    /// The head anew, and a second copy of the body.
    Copy(Body),
}

/// When the waiting ends.
struct Times {
    /// When the exchange began.
    begun: Instant,
    /// The first poll is over: the clock is read again.
    late: bool,
    /// The head has to be there.
    head: Option<(Instant, TimeoutKind)>,
    /// The body is sent without a 100.
    gate: Option<Instant>,
    /// The head has to be there after the end of the request.
    response: Option<Instant>,
}

impl<'a> Exchange<'a> {
    fn new(
        pool: &'a Arc<Pool>,
        head: &'a RequestHead,
        at: &'a Attempt,
        plan: Plan,
        body: Body,
        taken: Taken,
    ) -> Self {
        let Taken { unit, reused, at: begun } = taken;
        let times =
            Times { begun, late: false, head: at.head_deadline(), gate: None, response: None };
        let upload = Upload::new(body);
        let mut this = Self { pool, head, at, plan, unit: Some(unit), reused, upload, times };
        this.gate();
        this
    }

    /// Lets the body wait for 100, if that is asked for and wanted (RFC 9110 §10.1.1).
    fn gate(&mut self) {
        let limit = self.pool.settings().expect_continue_timeout;
        if !limit.is_zero()
            && self.plan.framing != Framing::None
            && has_token(&self.head.headers, &header::EXPECT, "100-continue")
        {
            self.upload.close_gate();
            self.times.gate = self.times.begun.checked_add(limit);
        }
    }

    fn begin(&mut self) -> Result<(), Error> {
        let Some(unit) = &mut self.unit else { return Err(lost()) };
        let title_case = self.pool.settings().title_case_headers;
        unit.begin(self.head, self.plan, title_case).map_err(|_| {
            Error::RequestBody(Arc::new(BodyError::Malformed("the request cannot be sent")))
        })
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Response, Failure>> {
        loop {
            let Some(unit) = &mut self.unit else {
                return Poll::Ready(Err(Failure::Fatal(lost())));
            };
            if self.upload.is_running()
                && let Poll::Ready(Err(error)) =
                    self.upload.poll(&mut unit.io, &mut unit.encoder, &mut unit.out, cx)
            {
                return Poll::Ready(Err(error.into()));
            }
            match self.poll_read(cx) {
                Poll::Ready(Ok(Some((head, framing)))) => {
                    return Poll::Ready(Ok(self.respond(head, framing, cx)));
                }
                Poll::Ready(Ok(None)) => continue, // the gate is open
                Poll::Ready(Err(failure)) => return Poll::Ready(Err(failure)),
                Poll::Pending => {}
            }
            ready!(self.poll_times(cx))?;
        }
    }

    /// Reads up to the final head; `None`: the body may be sent now.
    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<(InboundResponse, Framing)>, Failure>> {
        let Some(unit) = &mut self.unit else { return Poll::Ready(Err(Failure::Closed)) };
        loop {
            match next_head(unit)? {
                ResponseEvent::NeedMore => match ready!(unit.poll_fill(cx)) {
                    Ok(0) => return Poll::Ready(Err(Failure::Closed)),
                    Ok(_) => {}
                    Err(error) => {
                        return Poll::Ready(Err(Failure::of_read(error, unit, self.reused)));
                    }
                },
                ResponseEvent::Informational(head) if head.status == StatusCode::CONTINUE => {
                    if self.upload.is_gated() {
                        self.upload.open_gate();
                        self.times.gate = None;
                        return Poll::Ready(Ok(None));
                    }
                }
                ResponseEvent::Informational(head) => inform(self.head, head),
                ResponseEvent::Head(head, framing) => {
                    return Poll::Ready(Ok(Some((head, framing))));
                }
                ResponseEvent::Data(_) | ResponseEvent::Trailers(_) | ResponseEvent::End { .. } => {
                    return Poll::Ready(Err(Failure::Fatal(lost())));
                }
            }
        }
    }

    /// Ready when something has changed by the passing of time.
    fn poll_times(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        let Some(unit) = &mut self.unit else { return Poll::Ready(Err(Failure::Closed)) };
        let times = &mut self.times;
        if times.response.is_none() && !self.upload.is_running() {
            let limit = self.pool.settings().response_header_timeout;
            // Most requests are out after the first poll: no need to read the clock for them.
            let sent = if times.late { Instant::now() } else { times.begun };
            times.response = sent.checked_add(limit);
        }
        times.late = true;
        let head = times.head.map(|(at, _)| at);
        let wanted = [head, times.gate, times.response].into_iter().flatten().min();
        ready!(unit.timer.poll(wanted, cx));
        if times.gate.is_some() && times.gate == wanted {
            times.gate = None;
            self.upload.open_gate();
            return Poll::Ready(Ok(()));
        }
        let kind = match times.head {
            Some((at, kind)) if Some(at) == wanted => kind,
            _ => TimeoutKind::ResponseHeader,
        };
        Poll::Ready(Err(Failure::Fatal(Error::Timeout(kind))))
    }

    /// The final head is there.
    fn respond(
        &mut self,
        inbound: InboundResponse,
        framing: Framing,
        cx: &mut Context<'_>,
    ) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = inbound.status;
        *response.version_mut() = inbound.version;
        *response.headers_mut() = inbound.headers;
        let Some(mut unit) = self.unit.take() else { return response };
        let RequestKind { connect, upgrade, .. } = self.plan.kind;
        let status = response.status();
        if (upgrade && status == StatusCode::SWITCHING_PROTOCOLS)
            || (connect && status.is_success())
        {
            let (io, unread) = unit.into_io();
            response.extensions_mut().insert(UpgradedUpstream::new(io, unread.freeze()));
            *response.body_mut() = Body::new(crate::body::Open);
            return response;
        }
        if self.upload.is_running()
            && (self.upload.is_gated()
                || status.as_u16() >= 400
                || has_token(response.headers(), &header::CONNECTION, "close"))
        {
            self.upload.stop();
        }
        if framing == Framing::UntilClose {
            response.extensions_mut().insert(CloseDelimited);
        }
        let mut ahead = Ahead::read(&mut unit);
        if let Some((data, reusable, hint)) = ahead.take_whole() {
            if self.upload.is_running() {
                // Whatever it says, the response is complete.
                let _ = self.upload.poll(&mut unit.io, &mut unit.encoder, &mut unit.out, cx);
            }
            if reusable && self.upload.is_done() && unit.read.is_empty() {
                self.pool.check_in(unit, hint, self.head.server());
            }
            *response.body_mut() = Body::full(data);
        } else {
            let left = if let Framing::Length(length) = framing { Some(length) } else { None };
            let upload = std::mem::replace(&mut self.upload, Upload::new(Body::empty()));
            *response.body_mut() = Body::new(UpstreamBody::new(
                unit,
                Arc::clone(self.pool),
                self.head.server().cloned(),
                upload,
                ahead,
                left,
                self.at.deadline(),
            ));
        }
        response
    }

    /// The attempt is over, and the connection with it.
    fn fail(&mut self, error: Error) -> Error {
        self.unit = None;
        error
    }

    fn closed_error(&mut self) -> Error {
        let bytes_sent = self.unit.take().is_some_and(|unit| unit.out.written > 0);
        Error::Closed { reused: self.reused, bytes_sent }
    }

    /// The connection ended before the head: whether the request may be sent again, as if nothing had happened. Only
    /// a reused connection can have ended for a reason that has nothing to do with the request (RFC 9112 §9.3.1).
    fn closed(&mut self, spare: Spare) -> Result<Again, Error> {
        let Some(mut unit) = self.unit.take() else { return Err(lost()) };
        let bytes_sent = unit.out.written > 0;
        let stale = self.reused && !unit.received;
        let permit = unit.take_permit();
        match spare.into_body() {
            _ if stale && !bytes_sent => Ok(Again { permit, second: Second::Rest(unit) }),
            Some(copy) if stale => Ok(Again { permit, second: Second::Copy(copy) }),
            _ => Err(Error::Closed { reused: self.reused, bytes_sent }),
        }
    }

    fn begin_again(&mut self, mut fresh: Box<Unit>, second: Second) -> Result<(), Error> {
        self.reused = false;
        self.times.begun = Instant::now();
        self.times.late = false;
        self.times.response = None;
        match second {
            Second::Rest(mut old) => {
                fresh.take_over(&mut old, self.plan.kind);
                self.upload.resume();
                self.unit = Some(fresh);
                Ok(())
            }
            Second::Copy(body) => {
                self.upload = Upload::new(body);
                self.gate();
                self.unit = Some(fresh);
                self.begin()
            }
        }
    }
}

impl Drop for Exchange<'_> {
    fn drop(&mut self) {
        if let Some(mut unit) = self.unit.take()
            && unit.out.written == 0
            && !unit.received
        {
            unit.forget(self.pool.settings());
            self.pool.check_in(unit, None, self.head.server());
        }
    }
}

/// Tells the client of a 1xx head, if its connection can carry one.
fn inform(request: &RequestHead, mut head: InboundResponse) {
    if let Some(sink) = request.extensions.get::<InformationalSink>() {
        strip_hop_by_hop(&mut head.headers);
        // Too late, or too many: the final head counts.
        let _ = sink.send(head.status, head.headers);
    }
}

/// For states that the order of calls excludes.
fn lost() -> Error {
    Error::Protocol("the exchange lost its connection")
}

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Decodes what is there of the next head, in the memory of one that is done with.
fn next_head(unit: &mut Unit) -> Result<ResponseEvent, DecodeError> {
    if unit.read.is_empty() {
        return unit.decoder.next(&mut unit.read);
    }
    let waiting = unit.decoder.take_map();
    let map = if waiting.capacity() == 0 { recycle::map() } else { waiting };
    unit.decoder.next_with(&mut unit.read, map)
}
