use bytes::BytesMut;
use http::request::Parts;
use http::{HeaderMap, Method, header};

use crate::write::{self, Case, Outbound};
use crate::{Connection, EncodeError, Framing, Wrap};

/// Writes requests to an origin.
///
/// `Host` is the first field. Framing and connection fields are written from the arguments; those in the map are
/// skipped. `Upgrade` is sent with [`Connection::Upgrade`] only, and `TE` is named in `Connection`
/// (RFC 9110 §10.1.4).
#[derive(Debug, Default)]
pub struct RequestEncoder {
    body: Outbound,
    case: Case,
}

impl RequestEncoder {
    /// An encoder before its first request.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes a head: request line, `Host`, fields in map order, framing, connection, empty line.
    ///
    /// The target is the URI's path and query; for CONNECT its authority; `*` stays itself with OPTIONS. `Host` is
    /// the map's, else the URI's authority. [`Framing::None`] sends `Content-Length: 0` with POST, PUT and PATCH
    /// (RFC 9110 §8.6). With `title_case` names are written as `Content-Type`, not `content-type`.
    ///
    /// # Errors
    /// [`Target`](EncodeError::Target), [`Host`](EncodeError::Host), [`Framing`](EncodeError::Framing) for a
    /// request that cannot be sent, [`OutOfTurn`](EncodeError::OutOfTurn) inside a body. Nothing is written then.
    pub fn start(
        &mut self,
        parts: &Parts,
        framing: Framing,
        connection: Connection,
        title_case: bool,
        out: &mut BytesMut,
    ) -> Result<(), EncodeError> {
        self.body.ready()?;
        let connect = parts.method == Method::CONNECT;
        if framing == Framing::UntilClose || (connect && framing != Framing::None) {
            return Err(EncodeError::Framing);
        }
        self.case = if title_case { Case::Title } else { Case::Lower };
        let before = out.len();
        write::reserve(out, parts.headers.len() + 2);
        let result = self.head(parts, framing, connection, out);
        match result {
            Ok(()) => self.body = Outbound::from(framing),
            Err(_) => out.truncate(before),
        }
        result
    }

    /// The bytes around a frame of `len` bytes. Nothing around an empty one, which is skipped.
    ///
    /// # Errors
    /// [`Overrun`](EncodeError::Overrun) past the announced length.
    pub fn data(&mut self, len: usize) -> Result<Wrap, EncodeError> {
        self.body.data(len)
    }

    /// Ends the content. Trailers are written after chunks, else dropped.
    ///
    /// # Errors
    /// [`Short`](EncodeError::Short) before the announced length: close the connection.
    pub fn end(
        &mut self,
        trailers: Option<&HeaderMap>,
        out: &mut BytesMut,
    ) -> Result<(), EncodeError> {
        self.body.end(trailers, self.case, out)
    }

    /// Nothing is owed of the last message.
    pub fn is_complete(&self) -> bool {
        self.body.is_complete()
    }

    fn head(
        &self,
        parts: &Parts,
        framing: Framing,
        connection: Connection,
        out: &mut BytesMut,
    ) -> Result<(), EncodeError> {
        request_line(out, parts)?;
        let host = match parts.headers.get(header::HOST) {
            Some(host) => host.as_bytes(),
            None => parts.uri.authority().ok_or(EncodeError::Host)?.as_str().as_bytes(),
        };
        write::field(out, self.case, b"host", host);
        let te = self.fields(out, &parts.headers, connection == Connection::Upgrade)?;
        match framing {
            Framing::Length(length) => write::content_length(out, self.case, length),
            Framing::Chunked => write::field(out, self.case, b"transfer-encoding", b"chunked"),
            Framing::None if takes_content(&parts.method) => {
                write::content_length(out, self.case, 0);
            }
            Framing::None | Framing::UntilClose => {}
        }
        let options: &[u8] = match (connection, te) {
            (Connection::KeepAlive, false) => b"",
            (Connection::KeepAlive, true) => b"TE",
            (Connection::Close, false) => b"close",
            (Connection::Close, true) => b"close, TE",
            (Connection::Upgrade, false) => b"Upgrade",
            (Connection::Upgrade, true) => b"Upgrade, TE",
        };
        if !options.is_empty() {
            write::field(out, self.case, b"connection", options);
        }
        out.extend_from_slice(b"\r\n");
        Ok(())
    }

    /// Writes the map's fields but those that others write. True if `TE` was among them.
    #[inline]
    fn fields(
        &self,
        out: &mut BytesMut,
        headers: &HeaderMap,
        upgrade: bool,
    ) -> Result<bool, EncodeError> {
        let mut te = false;
        let mut hosts = 0;
        for (name, value) in headers {
            let text = name.as_str();
            match text.len() {
                2 if text == "te" => te = true,
                4 if text == "host" => {
                    hosts += 1;
                    continue;
                }
                7 if text == "upgrade" && !upgrade => continue,
                10 if text == "connection" || text == "keep-alive" => continue,
                14 if text == "content-length" => continue,
                17 if text == "transfer-encoding" => continue,
                _ => {}
            }
            write::field(out, self.case, text.as_bytes(), value.as_bytes());
        }
        if hosts > 1 { Err(EncodeError::Host) } else { Ok(te) }
    }
}

fn request_line(out: &mut BytesMut, parts: &Parts) -> Result<(), EncodeError> {
    let target = match parts.uri.path_and_query() {
        _ if parts.method == Method::CONNECT => {
            parts.uri.authority().ok_or(EncodeError::Target)?.as_str()
        }
        Some(target) => target.as_str(),
        None => "/",
    };
    let mut bad = target.is_empty();
    for byte in target.as_bytes() {
        bad |= *byte <= b' ' || *byte == 0x7f;
    }
    out.extend_from_slice(parts.method.as_str().as_bytes());
    out.extend_from_slice(b" ");
    match target.as_bytes() {
        [b'/', ..] => {}
        [b'?', ..] => out.extend_from_slice(b"/"),
        b"*" => bad |= parts.method != Method::OPTIONS,
        _ => bad |= parts.method != Method::CONNECT,
    }
    if bad {
        return Err(EncodeError::Target);
    }
    out.extend_from_slice(target.as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\n");
    Ok(())
}

/// Methods whose content an origin expects even when there is none.
fn takes_content(method: &Method) -> bool {
    *method == Method::POST || *method == Method::PUT || *method == Method::PATCH
}
