//! Protocol upgrades: what is asked of the upstream, and whether its answer fits.

mod websocket;

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONNECTION, UPGRADE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use http_body::Frame;
use parapet_core::{Body, BodyError, BoxIo, Io, RequestHead, Response};
use parapet_header::list;

use self::websocket::Key;
use crate::{Attempt, Error, RoundTrip, Target, custom};

/// The upstream's connection after its 101 (2xx to CONNECT): in the extensions of that response, for whoever runs the
/// tunnel. Can be taken once; dropped with the response it closes the connection.
#[derive(Clone)]
pub struct UpgradedUpstream(Arc<Mutex<Option<(BoxIo, Bytes)>>>);

impl UpgradedUpstream {
    /// The connection `io`, of which `unread` was read already.
    pub fn new(io: impl Io, unread: Bytes) -> Self {
        Self(Arc::new(Mutex::new(Some((Box::new(io), unread)))))
    }

    /// Takes the connection and the bytes that come before what it will yield.
    pub fn take(&self) -> Option<(BoxIo, Bytes)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl fmt::Debug for UpgradedUpstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UpgradedUpstream")
    }
}

/// `:protocol` of an extended CONNECT (RFC 8441): in the extensions of a head whose method is CONNECT.
#[derive(Clone, Debug)]
pub(crate) struct ConnectProtocol(pub(crate) Arc<str>);

/// The protocols that a client asks for, as one field value. `None`: not a list of protocols (RFC 9110 §7.8).
pub(crate) fn requested(headers: &HeaderMap) -> Option<HeaderValue> {
    if !list(headers, &UPGRADE).all(is_protocol) {
        return None;
    }
    let mut lines = headers.get_all(UPGRADE).iter();
    let (first, second) = (lines.next()?, lines.next());
    if second.is_none() {
        return Some(first.clone());
    }
    let all: Vec<_> = list(headers, &UPGRADE).collect();
    HeaderValue::from_bytes(&all.join(&b", "[..])).ok()
}

/// `name` or `name/version`, both tokens.
pub(crate) fn is_protocol(text: &[u8]) -> bool {
    let mut parts = text.split(|byte| *byte == b'/');
    let name = parts.next().is_some_and(is_token);
    name && parts.next().is_none_or(is_token) && parts.next().is_none()
}

fn is_token(text: &[u8]) -> bool {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !text.is_empty() && text.iter().all(allowed)
}

/// Where a request goes out.
#[derive(Clone, Copy)]
pub(crate) enum Way<'a> {
    Target(&'a Arc<Target>),
    /// A round trip of the user's own in place of a balancer.
    Custom(&'a dyn RoundTrip),
}

impl Way<'_> {
    /// One round trip, on which an extended CONNECT has the form of the target's HTTP version, and after which the response fits
    /// the request. Takes the body out.
    pub(crate) async fn round_trip(
        self,
        head: &RequestHead,
        body: &mut Body,
        at: &Attempt,
    ) -> Result<Response, Error> {
        if head.method == Method::CONNECT
            && let Some(ConnectProtocol(protocol)) = head.extensions.get()
        {
            // Boxed, so that the rare case does not make every request's future larger.
            return Box::pin(self.extended_connect(protocol, head, at)).await;
        }
        let mut response = self.send(head, body, at).await?;
        check(head, &mut response)?;
        Ok(response)
    }

    async fn extended_connect(
        self,
        protocol: &str,
        head: &RequestHead,
        at: &Attempt,
    ) -> Result<Response, Error> {
        #[cfg(feature = "http2")]
        if let Self::Target(target) = self
            && let Some(mut response) = target.transport().connect(head, at).await?
        {
            check(head, &mut response)?;
            return Ok(response);
        }
        self.connect_as_upgrade(protocol, head, at).await
    }

    async fn connect_as_upgrade(
        self,
        protocol: &str,
        head: &RequestHead,
        at: &Attempt,
    ) -> Result<Response, Error> {
        let key = Key::random(fastrand::u128(..));
        let head =
            as_upgrade(head, protocol, &key).ok_or(Error::Protocol("unsendable protocol"))?;
        let mut response = self.send(&head, &mut Body::empty(), at).await?;
        check(&head, &mut response)?;
        as_connected(response, protocol, &key)
    }

    async fn send(
        self,
        head: &RequestHead,
        body: &mut Body,
        at: &Attempt,
    ) -> Result<Response, Error> {
        match self {
            Self::Target(target) => target.transport().send(head, body, at).await,
            Self::Custom(custom) => custom::round_trip(custom, head, body, at).await,
        }
    }
}

/// The HTTP/1.1 form of an extended CONNECT (RFC 8441 §5).
fn as_upgrade(head: &RequestHead, protocol: &str, key: &Key) -> Option<RequestHead> {
    let mut head = head.clone();
    head.method = Method::GET;
    head.extensions.remove::<ConnectProtocol>();
    let headers = &mut head.headers;
    let options = if headers.contains_key(http::header::TE) { "TE, Upgrade" } else { "Upgrade" };
    headers.try_insert(CONNECTION, HeaderValue::from_static(options)).ok()?;
    headers.try_insert(UPGRADE, HeaderValue::from_str(protocol).ok()?).ok()?;
    if websocket::is(protocol) {
        key.insert(headers)?;
    }
    Some(head)
}

/// The answer to the extended CONNECT that `response` means. Any status but 101 is passed on.
fn as_connected(mut response: Response, protocol: &str, key: &Key) -> Result<Response, Error> {
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Ok(response);
    }
    let headers = response.headers_mut();
    if websocket::is(protocol) && !key.is_accepted(headers) {
        return Err(Error::Protocol("Sec-WebSocket-Accept does not fit the key"));
    }
    headers.remove(CONNECTION);
    headers.remove(UPGRADE);
    *response.status_mut() = StatusCode::OK;
    Ok(response)
}

/// Refuses what is no final response to this request.
fn check(head: &RequestHead, response: &mut Response) -> Result<(), Error> {
    let status = response.status();
    if status == StatusCode::SWITCHING_PROTOCOLS {
        if !is_chosen(&head.headers, response.headers()) {
            return Err(Error::Protocol("an upgrade that nobody asked for"));
        }
    } else if status.is_informational() {
        return Err(Error::Protocol("an informational response in place of a final one"));
    } else if head.method != Method::CONNECT || !status.is_success() {
        return Ok(());
    }
    if response.extensions().get::<UpgradedUpstream>().is_none() {
        return Err(Error::Protocol("an upgrade without its connection"));
    }
    if response.body().is_end_stream() {
        // Guards are held by the body until the tunnel takes its place.
        *response.body_mut() = Body::new(NeverEnds);
    }
    Ok(())
}

/// Whether the protocols of the answer are among those asked for.
fn is_chosen(asked: &HeaderMap, chosen: &HeaderMap) -> bool {
    let mut chosen = list(chosen, &UPGRADE).peekable();
    chosen.peek().is_some()
        && chosen.all(|one| list(asked, &UPGRADE).any(|other| other.eq_ignore_ascii_case(one)))
}

/// The body of a connection that was handed over.
struct NeverEnds;

impl http_body::Body for NeverEnds {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        Poll::Pending
    }
}

#[cfg(test)]
mod tests;
