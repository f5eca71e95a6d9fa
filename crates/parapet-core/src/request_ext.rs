use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use http::header::HOST;
use http::uri::{Authority, InvalidUri, PathAndQuery};
use http::{Extensions, HeaderMap, HeaderValue, Method, Uri};
use parapet_header::X_REAL_IP;
use tokio::time::Instant;

use crate::notes::Notes;
use crate::path::{self, PathError};
use crate::request_info::{self, RequestFacts, Scheme};
use crate::{ConnInfo, LogRecord, RequestHead, RequestId, RequestInfo, ServerHandle};

/// When a request must have ended. In the extensions of a request whose time is bounded; whoever waits for something
/// ends the wait at this instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(pub Instant);

/// The core's facts about a request, on `http::Request` and on its head.
///
/// A request made in-process, without a server, answers with what it has: no connection, scheme `http`, the authority and
/// target of its URI.
pub trait RequestExt: Head {
    /// Facts of the connection; of [`ConnInfo::none`] when there is none.
    fn conn(&self) -> &ConnInfo {
        match info(self).and_then(|info| info.conn.as_deref()) {
            Some(conn) => conn,
            None => ConnInfo::none(),
        }
    }

    /// Address of the client by the trust rules. `None`: a peer without address that names none, or no server.
    fn client_addr(&self) -> Option<IpAddr> {
        info(self).and_then(|info| info.client_addr)
    }

    /// For layers that know better who the client is: changes [`client_addr`](Self::client_addr), `X-Real-IP` and the
    /// log field `realIp` together.
    fn set_client_addr(&mut self, address: IpAddr) {
        let address = address.to_canonical();
        info_mut(self).client_addr = Some(address);
        let text = address.to_string();
        if let Some(log) = self.log() {
            log.set("realIp", text.clone());
        }
        if let Ok(value) = HeaderValue::from_maybe_shared(bytes::Bytes::from(text)) {
            // A full map is left as it is: `insert` would panic there.
            let _ = self.headers_mut().try_insert(X_REAL_IP, value);
        }
    }

    /// Whether the trust step believed the peer's forwarding fields.
    fn peer_trusted(&self) -> bool {
        info(self).is_some_and(|info| info.peer_trusted)
    }

    /// The one authority of the request: `:authority`, the target's, or `Host`. `None` for HTTP/1.0 without any.
    fn authority(&self) -> Option<&Authority> {
        match info(self) {
            Some(info) if info.authority.is_some() => info.authority.as_ref(),
            _ => self.uri().authority(),
        }
    }

    /// Changes [`authority`](Self::authority), `Host` and, if it has one, the URI's authority together. Path, query and
    /// scheme stay.
    fn set_authority(&mut self, authority: Authority) {
        if let Ok(host) = HeaderValue::from_str(authority.as_str()) {
            let _ = self.headers_mut().try_insert(HOST, host);
        }
        if self.uri().authority().is_some() {
            let mut parts = self.uri().clone().into_parts();
            parts.authority = Some(authority.clone());
            if let Ok(uri) = Uri::from_parts(parts) {
                *self.uri_mut() = uri;
            }
        }
        info_mut(self).authority = Some(authority);
    }

    /// Scheme as the trust step decided it.
    fn scheme(&self) -> Scheme {
        info(self).map_or(Scheme::Http, |info| info.scheme)
    }

    /// Path and query as received, before any rewriting.
    fn original_target(&self) -> &PathAndQuery {
        info(self)
            .and_then(|info| info.original_target.as_ref())
            .or_else(|| self.uri().path_and_query())
            .unwrap_or(request_info::root())
    }

    /// What the path *is*: see [`path::normal`].
    ///
    /// # Errors
    /// [`PathError`]: servers disagree on what this path means; it must be answered, not routed.
    fn normal_path(&self) -> Result<Cow<'_, [u8]>, PathError> {
        path::normal(self.uri().path().as_bytes())
    }

    /// Replaces the path; query and [`original_target`](Self::original_target) stay.
    ///
    /// # Errors
    /// `raw` is no path of a URI; the request is unchanged.
    fn set_path(&mut self, raw: &str) -> Result<(), InvalidUri> {
        let target = match self.uri().query() {
            Some(query) => {
                PathAndQuery::from_maybe_shared(bytes::Bytes::from([raw, "?", query].concat()))?
            }
            None => PathAndQuery::try_from(raw)?,
        };
        self.set_path_and_query(target);
        Ok(())
    }

    /// Replaces path and query together; [`original_target`](Self::original_target) stays. A CONNECT to an authority, which
    /// has neither, is left as it is.
    fn set_path_and_query(&mut self, target: PathAndQuery) {
        let uri = self.uri_mut();
        let received = match (uri.scheme().is_some(), uri.authority().is_some()) {
            (false, true) => return,
            // The common form; to take it apart and put it together again costs twice as much.
            (false, false) => std::mem::replace(uri, target.into()).into_parts().path_and_query,
            (true, _) => {
                // Moved out and in again: a clone would touch the counts of all the buffers that it shares.
                let mut parts = std::mem::take(uri).into_parts();
                let received = parts.path_and_query.replace(target);
                // Never an error: the same parts made a URI before.
                *uri = Uri::from_parts(parts).unwrap_or_default();
                received
            }
        };
        // A request made in-process has none yet.
        let original = &mut info_mut(self).original_target;
        if original.is_none() {
            *original = received;
        }
    }

    /// Pattern of the innermost host block that matched.
    fn matched_host(&self) -> Option<&str> {
        info(self).and_then(|info| info.matched.host.as_deref())
    }

    /// Notes the pattern of a host block that matched. Costs no allocation.
    fn set_matched_host(&mut self, pattern: Arc<str>) {
        info_mut(self).update_matched(|matched| matched.host = Some(Arc::clone(&pattern)));
    }

    /// Pattern of the innermost route that matched.
    fn route(&self) -> Option<&str> {
        info(self).and_then(|info| info.matched.route.as_deref())
    }

    /// Notes the pattern of a route that matched. Costs no allocation.
    fn set_route(&mut self, pattern: Arc<str>) {
        info_mut(self).update_matched(|matched| matched.route = Some(Arc::clone(&pattern)));
    }

    /// A handle that sees the match notes after the request was passed on. One allocation, at the first call.
    fn notes(&mut self) -> Notes {
        let info = info_mut(self);
        info.notes.get_or_init(|| Notes::new(info.matched.clone())).clone()
    }

    /// When the head was complete.
    fn received_at(&self) -> Instant {
        info(self).map_or_else(Instant::now, |info| info.received_at)
    }

    /// The access-log record; `None` without a logger around.
    fn log(&self) -> Option<&LogRecord> {
        info(self).and_then(|info| info.log.as_ref())
    }

    /// Mounts an access-log record.
    fn set_log(&mut self, record: LogRecord) {
        info_mut(self).log = Some(record);
    }

    /// Id of the request, if a layer gave it one.
    fn request_id(&self) -> Option<&RequestId> {
        info(self).and_then(|info| info.request_id.as_ref())
    }

    /// Gives the request its id.
    fn set_request_id(&mut self, id: RequestId) {
        info_mut(self).request_id = Some(id);
    }

    /// Handle of the server; `None` for a request made in-process.
    fn server(&self) -> Option<&ServerHandle> {
        info(self).and_then(|info| info.server.as_ref())
    }

    /// When the request must have ended, if its time is bounded.
    fn deadline(&self) -> Option<Instant> {
        self.extensions().get::<Deadline>().map(|deadline| deadline.0)
    }

    /// All that the accessors above tell of the request as it came, by one look-up: for whoever needs several of them.
    fn facts(&self) -> RequestFacts<'_> {
        let info = info(self);
        RequestFacts {
            conn: info.and_then(|info| info.conn.as_deref()).unwrap_or_else(|| ConnInfo::none()),
            server: info.and_then(|info| info.server.as_ref()),
            received_at: info.map_or_else(Instant::now, |info| info.received_at),
            client_addr: info.and_then(|info| info.client_addr),
            scheme: info.map_or(Scheme::Http, |info| info.scheme),
            authority: info
                .and_then(|info| info.authority.as_ref())
                .or_else(|| self.uri().authority()),
            original_target: info
                .and_then(|info| info.original_target.as_ref())
                .or_else(|| self.uri().path_and_query())
                .unwrap_or(request_info::root()),
            log: info.and_then(|info| info.log.as_ref()),
        }
    }

    /// The core's facts for a request of one's own on behalf of this one (cache revalidation, a mirror): put it into
    /// that request's extensions.
    fn detached_info(&self) -> RequestInfo {
        info(self).map_or_else(|| RequestInfo::new(Instant::now()), RequestInfo::detached)
    }

    /// Whether the client asks for a protocol upgrade that [`Upgrade::take`](crate::Upgrade::take) would give.
    fn offers_upgrade(&self) -> bool {
        info(self).is_some_and(|info| info.upgrade.is_some())
    }
}

impl<B> RequestExt for http::Request<B> {}
impl RequestExt for RequestHead {}

/// The parts of a request head, whatever holds them. Sealed: implemented for `http::Request` and its parts.
pub trait Head: sealed::Sealed {
    /// Method.
    fn method(&self) -> &Method;
    /// URI as the layers in front left it.
    fn uri(&self) -> &Uri;
    /// URI, to change.
    fn uri_mut(&mut self) -> &mut Uri;
    /// Header fields.
    fn headers(&self) -> &HeaderMap;
    /// Header fields, to change.
    fn headers_mut(&mut self) -> &mut HeaderMap;
    /// Extensions.
    fn extensions(&self) -> &Extensions;
    /// Extensions, to change.
    fn extensions_mut(&mut self) -> &mut Extensions;
}

impl<B> Head for http::Request<B> {
    fn method(&self) -> &Method {
        self.method()
    }
    fn uri(&self) -> &Uri {
        self.uri()
    }
    fn uri_mut(&mut self) -> &mut Uri {
        self.uri_mut()
    }
    fn headers(&self) -> &HeaderMap {
        self.headers()
    }
    fn headers_mut(&mut self) -> &mut HeaderMap {
        self.headers_mut()
    }
    fn extensions(&self) -> &Extensions {
        self.extensions()
    }
    fn extensions_mut(&mut self) -> &mut Extensions {
        self.extensions_mut()
    }
}

impl Head for RequestHead {
    fn method(&self) -> &Method {
        &self.method
    }
    fn uri(&self) -> &Uri {
        &self.uri
    }
    fn uri_mut(&mut self) -> &mut Uri {
        &mut self.uri
    }
    fn headers(&self) -> &HeaderMap {
        &self.headers
    }
    fn headers_mut(&mut self) -> &mut HeaderMap {
        &mut self.headers
    }
    fn extensions(&self) -> &Extensions {
        &self.extensions
    }
    fn extensions_mut(&mut self) -> &mut Extensions {
        &mut self.extensions
    }
}

mod sealed {
    #[expect(unnameable_types, reason = "that is what seals the trait")]
    pub trait Sealed {}
    impl<B> Sealed for http::Request<B> {}
    impl Sealed for http::request::Parts {}
}

fn info<H: Head + ?Sized>(head: &H) -> Option<&RequestInfo> {
    head.extensions().get()
}

pub(crate) fn info_mut<H: Head + ?Sized>(head: &mut H) -> &mut RequestInfo {
    head.extensions_mut().get_or_insert_with(|| RequestInfo::new(Instant::now()))
}
