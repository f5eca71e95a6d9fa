use bytes::BytesMut;
use http::response::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version, header};

use crate::write::{self, Case, Outbound};
use crate::{Connection, EncodeError, Framing, Wrap};

/// What the encoder has to know of the request that it answers.
#[derive(Clone, Copy, Debug)]
pub struct RequestContext<'a> {
    /// An HTTP/1.0 client gets no chunks, and `Connection: keep-alive` where the connection stays open.
    pub version: Version,
    /// HEAD gets no content, CONNECT a tunnel.
    pub method: &'a Method,
}

/// Writes responses to a client.
///
/// Framing and connection fields are written from the arguments; those in the map are skipped. No content and no
/// `Transfer-Encoding` for HEAD, 1xx, 204 and 304; HEAD and 304 keep the `Content-Length` of the map
/// (RFC 9110 §8.6).
#[derive(Debug, Default)]
pub struct ResponseEncoder {
    body: Outbound,
    closes: bool,
    bodiless: bool,
}

impl ResponseEncoder {
    /// An encoder before its first response.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes a final head: status line with the reason phrase of the RFC, fields in map order, `date` unless the
    /// map has a `Date`, framing, connection, empty line.
    ///
    /// [`Framing::None`] is a content of no bytes. For HEAD a length above zero is sent where the map has no
    /// `Content-Length`. An HTTP/1.0 client gets [`UntilClose`](Framing::UntilClose) in place of chunks.
    ///
    /// # Errors
    /// [`OutOfTurn`](EncodeError::OutOfTurn) inside a body; [`Status`](EncodeError::Status) for 1xx but 101, and
    /// for 101 to an HTTP/1.0 client. Nothing is written then.
    pub fn head(
        &mut self,
        parts: &Parts,
        context: &RequestContext<'_>,
        framing: Framing,
        connection: Connection,
        date: Option<&HeaderValue>,
        out: &mut BytesMut,
    ) -> Result<(), EncodeError> {
        self.body.ready()?;
        let status = parts.status;
        let http10 = context.version < Version::HTTP_11;
        let switches = status == StatusCode::SWITCHING_PROTOCOLS;
        if status.is_informational() && (!switches || http10) {
            return Err(EncodeError::Status);
        }
        let tunnel = switches || (*context.method == Method::CONNECT && status.is_success());
        let head = *context.method == Method::HEAD;
        let kept_length = head || status == StatusCode::NOT_MODIFIED;
        self.bodiless = tunnel || kept_length || status == StatusCode::NO_CONTENT;
        let framing =
            if http10 && framing == Framing::Chunked { Framing::UntilClose } else { framing };
        self.body = if self.bodiless { Outbound::Length(0) } else { Outbound::from(framing) };
        let until_close = !self.bodiless && framing == Framing::UntilClose;
        self.closes = until_close || connection == Connection::Close;

        write::reserve(out, parts.headers.len());
        status_line(out, status);
        let seen = fields(out, &parts.headers);
        if let Some(date) = date
            && !seen.date
        {
            write::field(out, Case::Lower, b"date", date.as_bytes());
        }
        match framing {
            _ if tunnel || status == StatusCode::NO_CONTENT => {}
            _ if kept_length && seen.content_length => {
                if let Some(length) = parts.headers.get(header::CONTENT_LENGTH) {
                    write::field(out, Case::Lower, b"content-length", length.as_bytes());
                }
            }
            Framing::Length(length) if head && length > 0 => {
                write::content_length(out, Case::Lower, length);
            }
            _ if kept_length => {}
            Framing::None => write::content_length(out, Case::Lower, 0),
            Framing::Length(length) => write::content_length(out, Case::Lower, length),
            Framing::Chunked => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
            Framing::UntilClose => {}
        }
        match connection {
            _ if switches => out.extend_from_slice(b"connection: Upgrade\r\n"),
            _ if tunnel => {}
            _ if self.closes => out.extend_from_slice(b"connection: close\r\n"),
            Connection::Upgrade => out.extend_from_slice(b"connection: Upgrade\r\n"),
            Connection::KeepAlive if http10 => out.extend_from_slice(b"connection: keep-alive\r\n"),
            Connection::KeepAlive | Connection::Close => {}
        }
        out.extend_from_slice(b"\r\n");
        Ok(())
    }

    /// Writes a 1xx head. Not for HTTP/1.0 clients (RFC 9110 §15.2), which the caller has to see to.
    ///
    /// # Errors
    /// [`Status`](EncodeError::Status) for 101 and what is not 1xx; [`OutOfTurn`](EncodeError::OutOfTurn) inside a
    /// body.
    pub fn informational(
        &mut self,
        status: StatusCode,
        headers: &HeaderMap,
        out: &mut BytesMut,
    ) -> Result<(), EncodeError> {
        self.body.ready()?;
        if !status.is_informational() || status == StatusCode::SWITCHING_PROTOCOLS {
            return Err(EncodeError::Status);
        }
        write::reserve(out, headers.len());
        status_line(out, status);
        fields(out, headers);
        out.extend_from_slice(b"\r\n");
        Ok(())
    }

    /// The bytes around a frame of `len` bytes. Nothing around an empty one, which is skipped.
    ///
    /// # Errors
    /// [`Overrun`](EncodeError::Overrun) past the announced length, and for any content where there can be none.
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
        self.body.end(trailers, Case::Lower, out)
    }

    /// The head that was written says, or its framing means, that the connection closes after it.
    pub fn closes(&self) -> bool {
        self.closes
    }

    /// The response can have content. If not (HEAD, 204, 304, a tunnel), the body is to be dropped unread.
    pub fn expects_body(&self) -> bool {
        !self.bodiless
    }

    /// Nothing is owed of the last message.
    pub fn is_complete(&self) -> bool {
        self.body.is_complete()
    }
}

/// Which fields of the map mattered.
#[derive(Debug, Default)]
struct Seen {
    content_length: bool,
    date: bool,
}

#[inline]
fn fields(out: &mut BytesMut, headers: &HeaderMap) -> Seen {
    let mut seen = Seen::default();
    for (name, value) in headers {
        let text = name.as_str();
        match text.len() {
            4 if text == "date" => seen.date = true,
            10 if text == "connection" || text == "keep-alive" => continue,
            14 if text == "content-length" => {
                seen.content_length = true;
                continue;
            }
            17 if text == "transfer-encoding" => continue,
            _ => {}
        }
        write::field(out, Case::Lower, text.as_bytes(), value.as_bytes());
    }
    seen
}

fn status_line(out: &mut BytesMut, status: StatusCode) {
    let line: &[u8] = match status.as_u16() {
        200 => b"HTTP/1.1 200 OK\r\n",
        204 => b"HTTP/1.1 204 No Content\r\n",
        206 => b"HTTP/1.1 206 Partial Content\r\n",
        301 => b"HTTP/1.1 301 Moved Permanently\r\n",
        302 => b"HTTP/1.1 302 Found\r\n",
        304 => b"HTTP/1.1 304 Not Modified\r\n",
        400 => b"HTTP/1.1 400 Bad Request\r\n",
        403 => b"HTTP/1.1 403 Forbidden\r\n",
        404 => b"HTTP/1.1 404 Not Found\r\n",
        429 => b"HTTP/1.1 429 Too Many Requests\r\n",
        502 => b"HTTP/1.1 502 Bad Gateway\r\n",
        503 => b"HTTP/1.1 503 Service Unavailable\r\n",
        _ => {
            out.extend_from_slice(b"HTTP/1.1 ");
            out.extend_from_slice(status.as_str().as_bytes());
            out.extend_from_slice(b" ");
            out.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
            b"\r\n"
        }
    };
    out.extend_from_slice(line);
}
