//! One request and its response on an HTTP/1.1 connection.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::{CONNECTION, CONTENT_LENGTH, UPGRADE};
use http::uri::PathAndQuery;
use http::{Method, StatusCode, Uri, Version};
use parapet_h1::{Framing, InboundRequest, RequestContext, RequestEvent, Target};
use parapet_header::{has_token, remove_fields_named_by_connection};
use tokio::time::Instant;

use super::informational::Informational;
use super::lend::{BodyRules, Lent, Status};
use super::refuse::Refusal;
use super::tunnel::TunnelRun;
use super::{
    ConnState, Http1, Reading, State, Step, connection_option, count_request, discard, drop_guarded,
};
use crate::recycle;
use crate::response::Abort;
use crate::server::service::{Arrival, admit, forget_h2c, wrong_length};
use crate::server::socket::WriteHalf;
use crate::time::http_date_at;
use crate::upgrade::{Offer, OfferKind, bad_upgrade};
use crate::{
    Body, BodyError, Request, Response, ResponseError, ResponseFuture, ResponseHead, authority,
};

/// What the loop has to remember of a request until its answer is out.
#[derive(Debug)]
pub(super) struct Exchange {
    method: Method,
    version: Version,
    /// The client would send another request.
    pub(super) keep_alive: bool,
    /// The request has a body that was lent the read side.
    pub(super) has_body: bool,
    /// What the request may be answered with beside a response.
    offer: Option<OfferKind>,
    /// The client closed its sending half after the request.
    pub(super) half_closed: bool,
    pub(super) informational: Option<Arc<Informational>>,
}

/// A response that is being sent.
#[derive(Debug)]
pub(super) struct Responding {
    body: Body,
    /// The whole message is queued.
    complete: bool,
    /// Hand-over of the connection once the head is out.
    tunnel: bool,
    began: Instant,
    /// It was waited for since: the clock has to be read again.
    late: bool,
}

impl Exchange {
    /// Between two requests.
    pub(super) fn none() -> Self {
        Self::refused(Method::GET)
    }

    /// What is answered was no request.
    pub(super) fn refused(method: Method) -> Self {
        Self {
            method,
            version: Version::HTTP_11,
            keep_alive: false,
            has_body: false,
            offer: None,
            half_closed: false,
            informational: None,
        }
    }
}

/// Bytes of a request body that may be left unread behind an answer without the connection being ended.
const LEFT_OVER: u64 = 64 * 1024;

impl Http1 {
    /// A head is complete: hands the request to the chain.
    pub(super) fn begin(
        &mut self,
        inbound: InboundRequest,
        framing: Framing,
        now: Instant,
        cx: &mut Context<'_>,
    ) -> Step {
        count_request(&self.context.conn);
        let InboundRequest {
            method,
            target,
            version,
            mut headers,
            keep_alive,
            expect_continue,
            upgrade,
            connection_names_fields,
            upgrade_fields,
            ..
        } = inbound;
        let (target_authority, path) = match target {
            Target::Origin(path) => (None, path),
            Target::Absolute { authority, path, .. } => (Some(authority), path),
            Target::Asterisk => (None, PathAndQuery::from_static("*")),
            Target::Authority(authority) => (Some(authority), PathAndQuery::from_static("/")),
        };
        let connect = method == Method::CONNECT;
        if connection_names_fields {
            remove_fields_named_by_connection(&mut headers);
        }
        let Ok(authority) = authority::http1(target_authority, version, &mut headers) else {
            return self.refuse_method(method, Refusal::AUTHORITY, now);
        };
        if !self.context.allows_authority(authority.as_ref()) {
            return self.refuse_method(method, Refusal::MISDIRECTED, now);
        }
        if upgrade_fields {
            forget_h2c(&mut headers);
        }
        let upgrade = upgrade && headers.contains_key(UPGRADE);
        let offer = match (connect, upgrade) {
            (true, _) => Some(OfferKind::Connect),
            (false, true) => Some(OfferKind::Upgrade),
            (false, false) => None,
        };
        self.exchange = Exchange {
            method: method.clone(),
            version,
            keep_alive: keep_alive && !connect,
            has_body: false,
            offer,
            half_closed: false,
            informational: None,
        };
        let body = self.lend(framing, expect_continue, cx);
        let mut request = Request::new(body);
        *request.extensions_mut() = recycle::extensions();
        *request.method_mut() = method;
        *request.version_mut() = version;
        *request.headers_mut() = headers;
        *request.uri_mut() = match (connect, &authority) {
            (true, Some(authority)) => Uri::from(authority.clone()),
            _ => Uri::from(path.clone()),
        };
        let arrival = Arrival {
            target: path,
            authority,
            received_at: now,
            upgrade: offer.map(|kind| Offer { kind, protocol: None }),
        };
        let service = Arc::clone(&self.context.service);
        admit(
            &mut request,
            arrival,
            &self.context.listener.trust,
            Some(&self.context.conn),
            Some(&service.handle),
        );
        if service.settings.early_hints_http1 && version == Version::HTTP_11 {
            let informational = Informational::new(cx.waker());
            request.extensions_mut().insert(informational.sink());
            self.exchange.informational = Some(informational);
        }
        let answer = catch_unwind(AssertUnwindSafe(|| service.handler.serve(request)));
        let answer = match answer {
            Ok(answer) => answer,
            Err(panic) => {
                self.exchange.keep_alive = false;
                ResponseFuture::ready(self.panicked(&*panic))
            }
        };
        match answer.into_boxed() {
            Ok(response) => self.respond(response),
            Err(answer) => self.handle(answer, cx),
        }
    }

    /// The request's body. A request with content takes the read side with it.
    fn lend(&mut self, framing: Framing, expect_continue: bool, cx: &Context<'_>) -> Body {
        let length = match framing {
            Framing::None | Framing::Length(0) | Framing::UntilClose => return Body::empty(),
            Framing::Length(length) => Some(length),
            Framing::Chunked => None,
        };
        let Some(side) = self.read.take() else { return Body::empty() };
        self.exchange.has_body = true;
        let progress = (&self.context.service.settings).into();
        let rules = BodyRules { length, expect_continue, progress };
        let lent = self.lent.get_or_insert_with(|| Arc::new(Lent::default()));
        Body::new(lent.lend(side, rules, cx.waker()))
    }

    /// There is an answer: writes its head.
    pub(super) fn respond(&mut self, response: Response) -> Step {
        if response.extensions().get::<Abort>().is_some() {
            drop_guarded(response);
            return Step::Done;
        }
        if let Some(informational) = self.exchange.informational.take() {
            informational.close();
            informational.drain(&mut self.encoder, &mut self.out);
        }
        let now = Instant::now();
        let (head, mut body) = self.checked(response).into_parts();
        let tunnel = body.is_tunnel();
        let exchange = &self.exchange;
        let keep_alive = exchange.keep_alive
            && !exchange.half_closed
            && !tunnel
            && !self.wants_close(now)
            && !has_token(&head.headers, &CONNECTION, "close")
            && !self.leaves_much_unread();
        let framing = framing_of(&head, &body);
        let date = http_date_at(now);
        let context = RequestContext { version: exchange.version, method: &exchange.method };
        let encoder = &mut self.encoder;
        let written = self.out.text(|out| {
            encoder.head(&head, &context, framing, connection_option(keep_alive), Some(&date), out)
        });
        if written.is_err() {
            // The checks above leave no response that cannot be written; close rather than guess.
            drop_guarded(body);
            return Step::Done;
        }
        recycle::give_map(head.headers);
        let complete = tunnel || !self.encoder.expects_body();
        if complete && !tunnel {
            body.complete_unread();
            discard(std::mem::take(&mut body));
        }
        let responding = Responding { body, complete, tunnel, began: now, late: false };
        self.state = State::Sending(responding);
        Step::Again
    }

    /// Replaces what cannot be sent.
    fn checked(&self, response: Response) -> Response {
        let exchange = &self.exchange;
        let status = response.status();
        let fits_offer = match exchange.offer {
            Some(OfferKind::Upgrade) => status == StatusCode::SWITCHING_PROTOCOLS,
            Some(OfferKind::Connect) => status.is_success(),
            None => false,
        };
        let claims_switch = status.is_informational()
            || (exchange.offer == Some(OfferKind::Connect) && status.is_success());
        if response.body().is_tunnel() != claims_switch || (claims_switch && !fits_offer) {
            return self.replaced(response, bad_upgrade());
        }
        let declared = content_length(&response);
        let sends_body = exchange.method != Method::HEAD
            && status != StatusCode::NOT_MODIFIED
            && status != StatusCode::NO_CONTENT;
        if sends_body
            && let (Some(declared), Some(known)) = (declared, response.body().known_length())
            && declared != Ok(known)
        {
            return self.replaced(response, wrong_length());
        }
        response
    }

    fn replaced(&self, response: Response, answer: Response) -> Response {
        drop_guarded(response);
        if let Some(error) = answer.extensions().get() {
            self.context.service.hooks.response_error(&self.context.conn, error);
        }
        answer
    }

    /// Whether so much of the request body is unread that reading on would cost more than a new connection.
    fn leaves_much_unread(&self) -> bool {
        let Some(lent) = self.lent() else { return false };
        match lent.status() {
            Status::Ended => false,
            Status::Failed => true,
            Status::Open | Status::Dropped => lent.left().is_none_or(|left| left > LEFT_OVER),
        }
    }

    /// Sends head and body.
    pub(super) fn send(&mut self, mut responding: Responding, cx: &mut Context<'_>) -> Step {
        loop {
            let mut starved = false;
            while !responding.complete && !starved && !self.out.is_full() {
                match self.poll_response_body(&mut responding, cx) {
                    Poll::Pending => starved = true,
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(error)) => {
                        // The head, and what came before the failure, as far as the client takes it at once.
                        if self.write(cx).is_ok_and(|written| written) {
                            let _ = self.flush(cx);
                        }
                        return self.body_failed(responding, error);
                    }
                }
            }
            let Ok(written) = self.write(cx) else { return client_gone(responding) };
            if written && (starved || responding.complete) {
                match self.flush(cx) {
                    Ok(true) if responding.complete => return self.finish(responding),
                    Ok(_) => {}
                    Err(_) => return client_gone(responding),
                }
            } else if written {
                continue;
            }
            // Output waits for the client, or the body for its source.
            if self.context.service.handle.is_forced() {
                self.out.half.reset_on_close();
                return client_gone(responding);
            }
            if self.client_is_gone(cx) {
                return client_gone(responding);
            }
            self.know_waker(cx);
            let total = self.context.service.settings.write_total_timeout;
            let end = total.and_then(|total| responding.began.checked_add(total));
            if self.stall_timer(end, cx).is_ready() {
                discard(responding.body);
                return Step::Done;
            }
            responding.late = true;
            self.state = State::Sending(responding);
            return Step::Wait;
        }
    }

    /// Takes one frame of the response body and queues it.
    fn poll_response_body(
        &mut self,
        responding: &mut Responding,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), BodyError>> {
        let lent = self.lent();
        if let Some(lent) = &lent {
            lent.enter_poll();
        }
        let body = &mut responding.body;
        let polled =
            catch_unwind(AssertUnwindSafe(|| http_body::Body::poll_frame(Pin::new(body), cx)));
        if lent.is_some() {
            self.after_poll(cx);
        }
        let frame = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(frame)) => frame.transpose()?,
            Err(panic) => {
                let _ = self.panicked(&*panic);
                return Poll::Ready(Err(BodyError::Other("the response body panicked".into())));
            }
        };
        let encoder = &mut self.encoder;
        let ended = match frame {
            Some(frame) => match frame.into_data() {
                Ok(data) => {
                    let wrap = encoder.data(data.len()).map_err(overrun)?;
                    self.out.wrap(wrap.before);
                    self.out.frame(data);
                    self.out.wrap(wrap.after);
                    responding.body.is_end_stream().then_some(None)
                }
                Err(frame) => frame.into_trailers().ok().map(Some),
            },
            None => Some(None),
        };
        if let Some(trailers) = ended {
            self.out.text(|out| encoder.end(trailers.as_ref(), out)).map_err(overrun)?;
            responding.complete = true;
        }
        Poll::Ready(Ok(()))
    }

    /// The rest cannot follow: closes so that the message cannot look whole (RFC 9112 §8).
    fn body_failed(&mut self, responding: Responding, error: BodyError) -> Step {
        discard(responding.body);
        if self.exchange.version == Version::HTTP_10 {
            self.out.half.reset_on_close(); // an end of file would be its end
        }
        let error = ResponseError::new("core", "response_body", error);
        self.context.service.hooks.response_error(&self.context.conn, &error);
        Step::Done
    }

    /// The message is out.
    fn finish(&mut self, responding: Responding) -> Step {
        if responding.tunnel {
            return self.start_tunnel(responding.body);
        }
        let answered_at = (!responding.late).then_some(responding.began);
        discard(responding.body);
        let closes = self.encoder.closes();
        let body_left = self.exchange.has_body && self.read.is_none();
        if body_left {
            self.read = self.lent.as_ref().and_then(|lent| lent.reclaim());
        }
        let Some(read) = &mut self.read else { return Step::Done };
        if body_left {
            // What is there already of a body that nobody wants costs nothing to skip.
            loop {
                match read.decoder.next(&mut read.buffer) {
                    Ok(RequestEvent::Data(_) | RequestEvent::Trailers(_)) => {}
                    Ok(RequestEvent::End) => break,
                    _ => return self.start_linger(),
                }
            }
        }
        if closes || self.exchange.half_closed {
            return self.start_linger();
        }
        read.decoder.next_message();
        if read.buffer.is_empty() {
            read.rest();
        }
        self.context.state(ConnState::Idle);
        self.state = State::Reading(Reading::after(answered_at));
        Step::Again
    }

    fn start_tunnel(&mut self, body: Body) -> Step {
        let Some(read) = self.read.take() else { return Step::Done };
        let out = std::mem::replace(&mut self.out.half, WriteHalf::Gone);
        self.context.state(ConnState::Upgraded);
        match TunnelRun::start(*read, out, body, self.context.service.handle.clone()) {
            Some(tunnel) => {
                self.state = State::Tunnel(Box::new(tunnel));
                Step::Again
            }
            None => Step::Done,
        }
    }
}

/// Nobody reads on.
fn client_gone(responding: Responding) -> Step {
    discard(responding.body);
    Step::Done
}

/// How the response is delimited, as far as its body knows; the encoder knows the rest.
fn framing_of(head: &ResponseHead, body: &Body) -> Framing {
    if let Some(length) = body.known_length() {
        return Framing::Length(length);
    }
    match declared_length(&head.headers) {
        Some(Ok(length)) => Framing::Length(length),
        _ => Framing::Chunked,
    }
}

fn content_length(response: &Response) -> Option<Result<u64, ()>> {
    declared_length(response.headers())
}

fn declared_length(headers: &http::HeaderMap) -> Option<Result<u64, ()>> {
    let value = headers.get(CONTENT_LENGTH)?;
    Some(value.to_str().ok().and_then(|text| text.parse().ok()).ok_or(()))
}

fn overrun(error: parapet_h1::EncodeError) -> BodyError {
    BodyError::Malformed(match error {
        parapet_h1::EncodeError::Overrun => "the response body is longer than its Content-Length",
        parapet_h1::EncodeError::Short => "the response body is shorter than its Content-Length",
        _ => "the response body cannot be sent",
    })
}
