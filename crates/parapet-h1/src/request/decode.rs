use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version, header};

use super::line::RequestLine;
use crate::body::{Body, Piece};
use crate::framing::{length, members};
use crate::head::{self, Observe};
use crate::scan::{Bounds, Scan, StartLine};
use crate::{DecodeError, Framing, Limits, Target};

/// The head of a request, checked by RFC 9112. Host rules are not: all `Host` lines are in the map.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct InboundRequest {
    /// A token of at most 32 bytes.
    pub method: Method,
    /// In the form it came in.
    pub target: Target,
    /// HTTP/1.0 or HTTP/1.1.
    pub version: Version,
    /// All fields, framing and connection fields included, lines of one name in their order.
    pub headers: HeaderMap,
    /// The client would send another request on this connection (RFC 9112 §9.3).
    pub keep_alive: bool,
    /// The client waits for 100 before it sends the content (RFC 9110 §10.1.1). Never with HTTP/1.0.
    pub expect_continue: bool,
    /// `Connection: upgrade` and `Upgrade` are there, the version is HTTP/1.1, and there is no content
    /// (RFC 9110 §7.8).
    pub upgrade: bool,
    /// `Connection` names more than `close`, `keep-alive`, `TE` and `Upgrade`.
    pub connection_names_fields: bool,
    /// `Upgrade` or `HTTP2-Settings` is there, whether or not it means anything.
    pub upgrade_fields: bool,
}

/// What a [`RequestDecoder`] found. Complete: a server has to handle each.
#[derive(Clone, Debug)]
pub enum RequestEvent {
    /// A complete head and how its content is delimited.
    Head(InboundRequest, Framing),
    /// A run of content, never empty. It pins the read buffer: who keeps it copies it.
    Data(Bytes),
    /// The trailers, if there are any.
    Trailers(HeaderMap),
    /// The message is complete; repeated until [`RequestDecoder::next_message`].
    End,
    /// Nothing more in the buffer: read on.
    NeedMore,
}

/// Reads requests out of a client's bytes.
///
/// ```text
/// Start ─(one CRLF skipped)→ Head → Body → Done ─next_message()→ Start      any → Failed (repeats its error)
/// Head(upgrade, CONNECT) → Done; the bytes after it stay in the buffer
/// ```
#[derive(Debug)]
pub struct RequestDecoder {
    limits: Limits,
    state: State,
    scan: Scan,
    /// Of the head that is being read; valid once its line is complete.
    line: RequestLine,
    consumed: u64,
    /// Given by [`next_with`](Self::next_with), empty once a head took it.
    spare: HeaderMap,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Start {
        /// The one empty line that is allowed was there.
        skipped: bool,
        /// A byte of a message was seen.
        begun: bool,
    },
    Body(Body),
    Failed(DecodeError),
}

impl RequestDecoder {
    /// A decoder before its first message.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            state: State::START,
            scan: Scan::default(),
            line: RequestLine::new(&limits),
            consumed: 0,
            spare: HeaderMap::new(),
        }
    }

    /// Takes the next event out of `input`. Consumes bytes, changes its state or says
    /// [`NeedMore`](RequestEvent::NeedMore).
    ///
    /// # Errors
    /// The first fault found, for ever: nothing after it is looked at. Of `input` at most the refused head is taken.
    pub fn next(&mut self, input: &mut BytesMut) -> Result<RequestEvent, DecodeError> {
        let before = input.len();
        let result = match &mut self.state {
            State::Start { .. } => self.head(input),
            State::Body(body) => {
                body.next(input, &self.limits, &mut self.scan).map(RequestEvent::from)
            }
            State::Failed(error) => Err(*error),
        };
        self.consumed += (before - input.len()) as u64;
        if let Err(error) = &result {
            self.state = State::Failed(*error);
        }
        result
    }

    /// As [`next`](Self::next), and builds the next head in `map`, cleared, so that its memory is used again. Until
    /// a head is complete the map waits in the decoder; a map given meanwhile takes its place.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub fn next_with(
        &mut self,
        input: &mut BytesMut,
        map: HeaderMap,
    ) -> Result<RequestEvent, DecodeError> {
        self.spare = map;
        self.next(input)
    }

    /// The map that waits for a head, to be kept elsewhere while the connection idles. Empty if there is none.
    pub fn take_map(&mut self) -> HeaderMap {
        std::mem::take(&mut self.spare)
    }

    /// Gives back the memory that is kept from head to head: for a connection that idles.
    pub fn shrink(&mut self) {
        self.scan.shrink();
    }

    /// The input has ended. [`End`](RequestEvent::End) between messages and after a complete one.
    ///
    /// # Errors
    /// [`EarlyEnd`](DecodeError::EarlyEnd) inside a message, or the fault found before.
    pub fn eof(&mut self) -> Result<RequestEvent, DecodeError> {
        match self.state {
            State::Start { begun: false, .. } | State::Body(Body::Done) => Ok(RequestEvent::End),
            State::Failed(error) => Err(error),
            _ => {
                self.state = State::Failed(DecodeError::EarlyEnd);
                Err(DecodeError::EarlyEnd)
            }
        }
    }

    /// From a complete message to the start of the next. Anywhere else it does nothing, so that no content can
    /// become a head.
    pub fn next_message(&mut self) {
        if self.is_done() {
            self.state = State::START;
            self.consumed = 0;
        }
    }

    /// Bytes taken out of the buffer since the start of this message, an empty line before it included.
    pub fn consumed(&self) -> u64 {
        self.consumed
    }

    /// Before a message of which no byte was seen. The empty line that may come before does not begin one.
    pub fn is_idle(&self) -> bool {
        matches!(self.state, State::Start { begun: false, .. })
    }

    /// The message is complete and was without fault.
    pub fn is_done(&self) -> bool {
        matches!(self.state, State::Body(Body::Done))
    }

    fn head(&mut self, input: &mut BytesMut) -> Result<RequestEvent, DecodeError> {
        if !self.at_start_line(input)? {
            return Ok(RequestEvent::NeedMore);
        }
        self.state = State::Start { skipped: true, begun: true };
        let bounds = Bounds {
            bytes: self.limits.head_bytes,
            lines: self.limits.field_lines,
            bare_lf: false,
            too_large: DecodeError::HeadTooLarge,
            too_many: DecodeError::TooManyFields,
        };
        let Some(end) = self.scan.run(input, &bounds, &mut self.line)? else {
            return Ok(RequestEvent::NeedMore);
        };
        self.complete(input, end)
    }

    /// Skips the empty line that old clients send after a body (RFC 9112 §2.2). True when what follows has begun.
    fn at_start_line(&mut self, input: &mut BytesMut) -> Result<bool, DecodeError> {
        let State::Start { skipped, begun: false } = self.state else {
            return Ok(true);
        };
        match input.as_ref() {
            [] | [b'\r'] => return Ok(false),
            [b'\r', b'\n', ..] if skipped => return Err(DecodeError::EmptyLine),
            [b'\n', ..] => return Err(DecodeError::EmptyLine),
            [b'\r', b'\n', ..] => {}
            [b'\r', ..] => return Err(DecodeError::ControlByte),
            _ => return Ok(true),
        }
        input.advance(2);
        self.state = State::Start { skipped: true, begun: false };
        self.at_start_line(input)
    }

    fn complete(&mut self, input: &mut BytesMut, end: usize) -> Result<RequestEvent, DecodeError> {
        let section = input.split_to(end).freeze();
        let line = self.line;
        let method = Method::from_bytes(section.get(..line.method_end).unwrap_or_default())
            .map_err(|_| DecodeError::RequestLine)?;
        let target = Target::parse(
            &section.slice(line.method_end + 1..line.target_end),
            &method,
            &self.limits,
        )?;
        let mut headers = std::mem::take(&mut self.spare);
        head::prepare(&mut headers, self.scan.lines().len());
        let mut facts = Facts { http10: line.version == Version::HTTP_10, ..Facts::default() };
        head::parse(&section, &mut self.scan, RequestLine::LINES, &mut headers, &mut facts)?;
        self.scan.head_done::<RequestLine>(&section);
        self.scan.reset();
        let framing =
            if method == Method::CONNECT { facts.no_content()? } else { facts.framing()? };
        let request = InboundRequest {
            method,
            target,
            version: line.version,
            headers,
            keep_alive: facts.keep_alive(),
            expect_continue: facts.expects && !facts.http10,
            upgrade: facts.upgrade(framing),
            connection_names_fields: facts.names_fields,
            upgrade_fields: facts.upgrade_field || facts.http2_settings,
        };
        self.state = State::Body(Body::from(framing));
        Ok(RequestEvent::Head(request, framing))
    }
}

impl State {
    const START: Self = Self::Start { skipped: false, begun: false };
}

impl From<Piece> for RequestEvent {
    fn from(piece: Piece) -> Self {
        match piece {
            Piece::Data(data) => Self::Data(data),
            Piece::Trailers(map) => Self::Trailers(map),
            Piece::End => Self::End,
            Piece::NeedMore => Self::NeedMore,
        }
    }
}

const HTTP2_SETTINGS: HeaderName = HeaderName::from_static("http2-settings");

/// What the fields say about the message and its connection.
#[derive(Debug, Default)]
struct Facts {
    http10: bool,
    length: Option<u64>,
    chunked: bool,
    close: bool,
    keep_alive: bool,
    upgrade_option: bool,
    names_fields: bool,
    upgrade_field: bool,
    http2_settings: bool,
    expects: bool,
}

impl Observe for Facts {
    #[inline]
    fn field(
        &mut self,
        length: usize,
        name: &HeaderName,
        value: &HeaderValue,
    ) -> Result<(), DecodeError> {
        match length {
            6 if *name == header::EXPECT => {
                self.expects |=
                    members(value.as_bytes()).any(|m| m.eq_ignore_ascii_case(b"100-continue"));
            }
            7 if *name == header::UPGRADE => self.upgrade_field = true,
            10 if *name == header::CONNECTION => self.options(value),
            14 if *name == header::CONTENT_LENGTH => return self.content_length(value),
            14 if *name == HTTP2_SETTINGS => self.http2_settings = true,
            17 if *name == header::TRANSFER_ENCODING => return self.transfer_encoding(value),
            _ => {}
        }
        Ok(())
    }
}

impl Facts {
    fn options(&mut self, value: &HeaderValue) {
        if value.as_bytes() == b"keep-alive" {
            self.keep_alive = true; // what nearly everyone sends
            return;
        }
        for option in members(value.as_bytes()) {
            let is = |name: &[u8]| option.eq_ignore_ascii_case(name);
            match option.len() {
                5 if is(b"close") => self.close = true,
                10 if is(b"keep-alive") => self.keep_alive = true,
                7 if is(b"upgrade") => self.upgrade_option = true,
                2 if is(b"te") => {}
                _ => self.names_fields = true,
            }
        }
    }

    /// RFC 9112 §6.3 lets equal repeats pass; that two hops never pick different ones is worth more here.
    fn content_length(&mut self, value: &HeaderValue) -> Result<(), DecodeError> {
        if self.length.is_some() {
            return Err(DecodeError::ContentLength);
        }
        self.length = Some(length(value.as_bytes(), 19).ok_or(DecodeError::ContentLength)?);
        Ok(())
    }

    fn transfer_encoding(&mut self, value: &HeaderValue) -> Result<(), DecodeError> {
        if self.chunked || self.http10 || !value.as_bytes().eq_ignore_ascii_case(b"chunked") {
            return Err(DecodeError::TransferEncoding);
        }
        self.chunked = true;
        Ok(())
    }

    fn framing(&self) -> Result<Framing, DecodeError> {
        match (self.length, self.chunked) {
            (Some(_), true) => Err(DecodeError::LengthAndCoding),
            (Some(length), false) => Ok(Framing::Length(length)),
            (None, true) => Ok(Framing::Chunked),
            (None, false) => Ok(Framing::None),
        }
    }

    /// A CONNECT request has no content (RFC 9110 §9.3.6). One that announces some is refused: what follows it would
    /// be content to one hop and the tunnel's first bytes to the next.
    fn no_content(&self) -> Result<Framing, DecodeError> {
        match self.framing()? {
            Framing::Chunked => Err(DecodeError::TransferEncoding),
            Framing::Length(1..) => Err(DecodeError::ContentLength),
            _ => Ok(Framing::None),
        }
    }

    /// RFC 9112 §9.3.
    fn keep_alive(&self) -> bool {
        !self.close && (self.keep_alive || !self.http10)
    }

    fn upgrade(&self, framing: Framing) -> bool {
        let empty = matches!(framing, Framing::None | Framing::Length(0));
        self.upgrade_option && self.upgrade_field && empty && !self.http10
    }
}
