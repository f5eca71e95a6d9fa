use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Method, Uri, Version, header};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use parapet_core::{Body, BodyError, Protocol, RequestExt, RequestHead, Response};
use tokio::time::Instant;

use super::body::{Outbox, RequestBody, ResponseBody};
use super::failure::Failure;
use super::handle::Stream;
use super::tunnel::Tunnel;
use crate::body::Open;
use crate::h1::in_time;
use crate::pool::Pool;
use crate::response_fields::trim_values;
use crate::timer::Timer;
use crate::upgrade::ConnectProtocol;
use crate::{Attempt, ConnectErrorKind, Error, TimeoutKind, UpgradedUpstream};

/// One round trip over HTTP/2, up to the head. Dropped before it, the stream is reset and the connection stays.
pub(crate) async fn send(
    pool: &Arc<Pool>,
    head: &RequestHead,
    mut body: Body,
    at: &Attempt,
) -> Result<Response, Error> {
    let request = request(pool, head)?;
    let mut tries = 0;
    loop {
        let (stream, reused) = stream(pool, head, at).await?;
        at.note_connection(reused, Protocol::Http2);
        if request.method == Method::CONNECT {
            let limit = pool.settings().response_header_timeout;
            in_time(at, Box::pin(connectable(&stream, limit, reused))).await?;
        }
        // A second copy, for a request that the peer has not looked at.
        let spare = if body.is_end_stream() { Some(Body::empty()) } else { body.replay() };
        let outbox = Outbox::new(body);
        let failure = match exchange(pool, &request, &outbox, stream, reused, at).await {
            Ok(response) => return Ok(response),
            Err(failure) => failure,
        };
        if let Some(error) = outbox.failure() {
            return Err(Error::RequestBody(error));
        }
        tries += 1;
        match (failure, outbox.take().or(spare)) {
            (Failure::Unprocessed(_), Some(again)) if tries <= MAX_REPLAYS => {
                body = again;
                at.note_replayed();
                pool.counters.replayed();
            }
            (Failure::Unprocessed(error) | Failure::Fatal(error), _) => return Err(error),
        }
    }
}

/// Refuses an extended CONNECT to a peer that has not said that it takes one (RFC 8441 §3).
async fn connectable(stream: &Stream, limit: Duration, reused: bool) -> Result<(), Error> {
    match tokio::time::timeout(limit, stream.handle.takes_connect()).await {
        Ok(Some(true)) => Ok(()),
        Ok(Some(false)) => Err(Error::Protocol("the target takes no extended CONNECT")),
        Ok(None) => Err(Error::Closed { reused, bytes_sent: false }),
        Err(_) => Err(Error::Timeout(TimeoutKind::ResponseHeader)),
    }
}

/// A stream on a connection of this worker, and whether the connection was there before.
async fn stream(
    pool: &Arc<Pool>,
    head: &RequestHead,
    at: &Attempt,
) -> Result<(Stream, bool), Error> {
    let mut dialed = false;
    loop {
        if let Some(handle) = pool.take_h2()
            && let Some(stream) = handle.open_stream()
        {
            return Ok((stream, !dialed));
        }
        let handle = in_time(at, pool.dial_h2(head.server())).await?;
        let handle = handle.ok_or_else(|| {
            Error::connect(ConnectErrorKind::Tls, "the target does not speak HTTP/2")
        })?;
        dialed = true;
        if let Some(stream) = handle.open_stream() {
            return Ok((stream, false));
        }
    }
}

async fn exchange(
    pool: &Pool,
    request: &http::request::Parts,
    outbox: &Arc<Outbox>,
    stream: Stream,
    reused: bool,
    at: &Attempt,
) -> Result<Response, Failure> {
    let body = RequestBody::new(outbox);
    let sent =
        stream.handle.sender().try_send_request(http::Request::from_parts(request.clone(), body));
    let mut sent = pin!(sent);
    let mut timer = Timer::default();
    let begun = Instant::now();
    let mut late = false;
    let mut response_by = None;
    let limit = pool.settings().response_header_timeout;
    let mut received = poll_fn(|cx| {
        if let Poll::Ready(received) = sent.as_mut().poll(cx) {
            return Poll::Ready(Ok(received));
        }
        if response_by.is_none() && outbox.is_sent(cx) {
            let now = if late { Instant::now() } else { begun };
            response_by = now.checked_add(limit);
        }
        late = true;
        let head = at.head_deadline();
        let wanted = [head.map(|(at, _)| at), response_by].into_iter().flatten().min();
        timer.poll(wanted, cx).map(|()| {
            Err(match head {
                Some((at, kind)) if Some(at) == wanted => kind,
                _ => TimeoutKind::ResponseHeader,
            })
        })
    })
    .await;
    if let Ok(Ok(response)) = &mut received {
        trim_values(response.headers_mut());
    }
    match received {
        Err(kind) => Err(Failure::Fatal(Error::Timeout(kind))),
        Ok(Ok(response)) if request.method == Method::CONNECT && response.status().is_success() => {
            connected(response, stream).await.map_err(Failure::Fatal)
        }
        Ok(Ok(response)) => {
            let outbox = Arc::clone(outbox);
            Ok(response.map(|incoming| {
                Body::new(ResponseBody::new(incoming, stream, outbox, at.deadline()))
            }))
        }
        Ok(Err(mut error)) => {
            let unsent = error.take_message().is_some();
            let failure = Failure::of(error.into_error(), reused);
            let mut stream = stream;
            stream.ended = true; // by itself: no reset of ours
            match failure {
                Failure::Fatal(error) if unsent => {
                    stream.handle.close();
                    Err(Failure::Unprocessed(error))
                }
                Failure::Unprocessed(error) => {
                    stream.handle.close();
                    Err(Failure::Unprocessed(error))
                }
                failure @ Failure::Fatal(_) => Err(failure),
            }
        }
    }
}

/// The stream is a tunnel now.
async fn connected(
    mut response: http::Response<Incoming>,
    mut stream: Stream,
) -> Result<Response, Error> {
    let upgraded = hyper::upgrade::on(&mut response).await;
    let upgraded = upgraded.map_err(|_| Error::Protocol("an upgrade without its connection"))?;
    // A client may leave its tunnel at any time: that is no flood of resets.
    stream.ended = true;
    let io = Tunnel { io: TokioIo::new(upgraded), _stream: stream };
    response.extensions_mut().insert(UpgradedUpstream::new(io, Bytes::new()));
    Ok(response.map(|_| Body::new(Open)))
}

/// The head as HTTP/2 wants it (RFC 9113 §8.3): the authority in the URI, no `Host`, nothing about the connection.
fn request(pool: &Pool, head: &RequestHead) -> Result<http::request::Parts, Error> {
    let malformed =
        || Error::RequestBody(Arc::new(BodyError::Malformed("the request cannot be sent")));
    let authority = match head.headers.get(header::HOST) {
        Some(host) => Authority::try_from(host.as_bytes()).map_err(|_| malformed())?,
        None => head.uri.authority().cloned().ok_or_else(malformed)?,
    };
    let mut parts = head.uri.clone().into_parts();
    parts.scheme = Some(if pool.is_tls() { Scheme::HTTPS } else { Scheme::HTTP });
    parts.authority = Some(authority);
    parts.path_and_query.get_or_insert_with(|| PathAndQuery::from_static("/"));
    let (mut request, ()) = http::Request::new(()).into_parts();
    request.method = head.method.clone();
    request.uri = Uri::from_parts(parts).map_err(|_| malformed())?;
    request.version = Version::HTTP_2;
    request.headers = head.headers.clone();
    // Framing comes from the body; the rest would make the message malformed (RFC 9113 §8.2.2).
    for name in [
        header::HOST,
        header::CONTENT_LENGTH,
        header::TRANSFER_ENCODING,
        header::CONNECTION,
        header::UPGRADE,
    ] {
        request.headers.remove(name);
    }
    if let Some(ConnectProtocol(protocol)) = head.extensions.get() {
        request.extensions.insert(hyper::ext::Protocol::from(&**protocol));
    }
    Ok(request)
}

/// How often one attempt is sent again because its peer had not looked at it.
const MAX_REPLAYS: usize = 3;
