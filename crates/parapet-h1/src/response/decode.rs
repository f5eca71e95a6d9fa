use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version, header};

use super::line::StatusLine;
use crate::body::{Body, Piece};
use crate::framing::{length, members, trim};
use crate::head::{self, Observe};
use crate::scan::{Bounds, Scan, StartLine};
use crate::{DecodeError, Framing, Limits};

/// The head of a response, checked by RFC 9112.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct InboundResponse {
    /// 100 to 999.
    pub status: StatusCode,
    /// HTTP/1.0 or HTTP/1.1.
    pub version: Version,
    /// All fields; but equal `Content-Length` lines are one, and what contradicts the framing that holds is
    /// removed: `Content-Length` beside `Transfer-Encoding`, both from 1xx, 204 and an established tunnel.
    pub headers: HeaderMap,
}

/// What the decoder has to know of the request whose answer it reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestKind {
    /// The method is HEAD: no content follows (RFC 9110 §9.3.2).
    pub head: bool,
    /// The method is CONNECT: 2xx begins a tunnel (RFC 9110 §9.3.6).
    pub connect: bool,
    /// The request asked for an upgrade: 101 is an answer (RFC 9110 §7.8).
    pub upgrade: bool,
}

/// What a [`ResponseDecoder`] found. Complete: a client has to handle each.
#[derive(Clone, Debug)]
pub enum ResponseEvent {
    /// A 1xx head other than 101; the final one is still to come.
    Informational(InboundResponse),
    /// The final head, 101 among them, and how its content is delimited.
    Head(InboundResponse, Framing),
    /// A run of content, never empty. It pins the read buffer: who keeps it copies it.
    Data(Bytes),
    /// The trailers, if there are any.
    Trailers(HeaderMap),
    /// The message is complete; repeated until [`ResponseDecoder::start`]. After 101 and a tunnel's 2xx, what is
    /// in the buffer belongs to the other protocol.
    End {
        /// As far as the response goes, the connection may carry another exchange (RFC 9112 §9.3, §6.3).
        reusable: bool,
        /// `timeout` of the `Keep-Alive` field: so long the origin keeps the idle connection.
        keep_alive_hint: Option<Duration>,
    },
    /// Nothing more in the buffer: read on.
    NeedMore,
}

/// Reads responses out of an origin's bytes.
///
/// ```text
/// Idle ─start→ Head ⟲ 1xx      Head → Done (no content, or the bytes after it are no longer HTTP)
/// Head → Body → Done ─start→ Head      any → Failed (repeats its error)
/// ```
#[derive(Debug)]
pub struct ResponseDecoder {
    limits: Limits,
    state: State,
    scan: Scan,
    line: StatusLine,
    kind: RequestKind,
    informational: u8,
    reusable: bool,
    keep_alive_hint: Option<Duration>,
    consumed: u64,
    /// Given by [`next_with`](Self::next_with), empty once a final head took it.
    spare: HeaderMap,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Idle,
    Head,
    Body(Body),
    Failed(DecodeError),
}

impl ResponseDecoder {
    /// A decoder before its first exchange.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            state: State::Idle,
            scan: Scan::default(),
            line: StatusLine::default(),
            kind: RequestKind::default(),
            informational: 0,
            reusable: false,
            keep_alive_hint: None,
            consumed: 0,
            spare: HeaderMap::new(),
        }
    }

    /// Expects the answer to a request. Before the answer before it is complete, it fails the decoder
    /// ([`OutOfTurn`](DecodeError::OutOfTurn)).
    pub fn start(&mut self, kind: RequestKind) {
        self.state = match self.state {
            State::Idle | State::Body(Body::Done) => State::Head,
            State::Failed(error) => State::Failed(error),
            State::Head | State::Body(_) => State::Failed(DecodeError::OutOfTurn),
        };
        self.kind = kind;
        self.informational = 0;
        self.reusable = false;
        self.keep_alive_hint = None;
        self.consumed = 0;
    }

    /// Takes the next event out of `input`. Consumes bytes, changes its state or says
    /// [`NeedMore`](ResponseEvent::NeedMore).
    ///
    /// # Errors
    /// The first fault found, for ever: nothing after it is looked at. Bytes before [`start`](Self::start) are
    /// [`OutOfTurn`](DecodeError::OutOfTurn).
    pub fn next(&mut self, input: &mut BytesMut) -> Result<ResponseEvent, DecodeError> {
        let before = input.len();
        let result = match &mut self.state {
            State::Head => self.head(input),
            State::Body(body) => {
                body.next(input, &self.limits, &mut self.scan).map(|piece| self.event(piece))
            }
            State::Idle if input.is_empty() => Ok(ResponseEvent::NeedMore),
            State::Idle => Err(DecodeError::OutOfTurn),
            State::Failed(error) => Err(*error),
        };
        self.consumed += (before - input.len()) as u64;
        if let Err(error) = &result {
            self.state = State::Failed(*error);
        }
        result
    }

    /// As [`next`](Self::next), and builds the final head in `map`, cleared, so that its memory is used again.
    /// Until then the map waits in the decoder; a map given meanwhile takes its place.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub fn next_with(
        &mut self,
        input: &mut BytesMut,
        map: HeaderMap,
    ) -> Result<ResponseEvent, DecodeError> {
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

    /// The input has ended: the end of a message that lasts until close, and of nothing else that has begun.
    ///
    /// # Errors
    /// [`EarlyEnd`](DecodeError::EarlyEnd) inside a message, or the fault found before.
    pub fn eof(&mut self) -> Result<ResponseEvent, DecodeError> {
        match self.state {
            State::Idle => Ok(self.event(Piece::End)),
            State::Body(Body::Done | Body::UntilClose) => {
                self.reusable = false;
                self.state = State::Body(Body::Done);
                Ok(self.event(Piece::End))
            }
            State::Failed(error) => Err(error),
            State::Head | State::Body(_) => {
                self.state = State::Failed(DecodeError::EarlyEnd);
                Err(DecodeError::EarlyEnd)
            }
        }
    }

    /// Bytes taken out of the buffer since [`start`](Self::start).
    pub fn consumed(&self) -> u64 {
        self.consumed
    }

    /// No exchange was started yet.
    pub fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle)
    }

    /// The message is complete and was without fault.
    pub fn is_done(&self) -> bool {
        matches!(self.state, State::Body(Body::Done))
    }

    fn event(&self, piece: Piece) -> ResponseEvent {
        match piece {
            Piece::Data(data) => ResponseEvent::Data(data),
            Piece::Trailers(map) => ResponseEvent::Trailers(map),
            Piece::End => ResponseEvent::End {
                reusable: self.reusable,
                keep_alive_hint: self.keep_alive_hint,
            },
            Piece::NeedMore => ResponseEvent::NeedMore,
        }
    }

    fn head(&mut self, input: &mut BytesMut) -> Result<ResponseEvent, DecodeError> {
        let bounds = Bounds {
            bytes: self.limits.head_bytes,
            lines: self.limits.field_lines,
            bare_lf: self.limits.allow_bare_lf,
            too_large: DecodeError::HeadTooLarge,
            too_many: DecodeError::TooManyFields,
        };
        if input.is_empty() {
            return Ok(ResponseEvent::NeedMore);
        }
        let Some(end) = self.scan.run(input, &bounds, &mut self.line)? else {
            return Ok(ResponseEvent::NeedMore);
        };
        let StatusLine { status, version } = self.line;
        let switches = status == StatusCode::SWITCHING_PROTOCOLS;
        if switches && !self.kind.upgrade {
            return Err(DecodeError::UnexpectedUpgrade);
        }
        let interim = status.is_informational() && !switches;
        if interim && self.informational >= self.limits.informational {
            return Err(DecodeError::TooManyInformational);
        }
        let section = input.split_to(end).freeze();
        let mut headers = if interim { HeaderMap::new() } else { std::mem::take(&mut self.spare) };
        head::prepare(&mut headers, self.scan.lines().len());
        let tunnel = switches || (self.kind.connect && status.is_success());
        let unread = tunnel || interim || status == StatusCode::NO_CONTENT;
        let mut facts = Facts { http10: version == Version::HTTP_10, unread, ..Facts::default() };
        head::parse(&section, &mut self.scan, StatusLine::LINES, &mut headers, &mut facts)?;
        if !interim {
            self.scan.head_done::<StatusLine>(&section);
        }
        self.scan.reset();
        facts.correct(&mut headers);
        let response = InboundResponse { status, version, headers };
        if interim {
            self.informational += 1;
            return Ok(ResponseEvent::Informational(response));
        }
        let framing = if unread || self.kind.head || status == StatusCode::NOT_MODIFIED {
            Framing::None
        } else {
            facts.framing()
        };
        self.reusable = !tunnel && framing != Framing::UntilClose && facts.keep_alive();
        self.keep_alive_hint = facts.hint;
        self.state = State::Body(Body::from(framing));
        Ok(ResponseEvent::Head(response, framing))
    }
}

/// What the fields say about the message and its connection.
#[derive(Debug, Default)]
struct Facts {
    http10: bool,
    /// No content whatever the fields say, and the framing fields mean nothing.
    unread: bool,
    length: Option<u64>,
    /// The length came more than once, in lines or members.
    repeated: bool,
    chunked: bool,
    /// A framing field where there must be none, unless it says that nothing follows.
    contradicts: bool,
    close: bool,
    keep_alive: bool,
    hint: Option<Duration>,
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
            // `Connection` and `Keep-Alive` have the same length.
            10 if *name == header::CONNECTION => self.options(value),
            10 if name.as_str() == "keep-alive" => self.hint(value),
            14 if *name == header::CONTENT_LENGTH => return self.content_length(value),
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
            self.close |= option.eq_ignore_ascii_case(b"close");
            self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
        }
    }

    fn hint(&mut self, value: &HeaderValue) {
        for member in members(value.as_bytes()) {
            let mut parts = member.splitn(2, |byte| *byte == b'=');
            if parts.next().is_some_and(|name| trim(name).eq_ignore_ascii_case(b"timeout")) {
                let seconds = parts.next().and_then(|value| length(trim(value), 19));
                self.hint = seconds.map(Duration::from_secs).or(self.hint);
            }
        }
    }

    fn content_length(&mut self, value: &HeaderValue) -> Result<(), DecodeError> {
        if self.unread {
            self.length = self.length.or(Some(0));
            self.contradicts |= value.as_bytes() != b"0";
            return Ok(());
        }
        for member in members(value.as_bytes()) {
            let found = length(member, 20).ok_or(DecodeError::ContentLength)?;
            if self.length.is_some_and(|length| length != found) {
                return Err(DecodeError::ContentLength);
            }
            self.repeated |= self.length.is_some();
            self.length = Some(found);
        }
        Ok(())
    }

    fn transfer_encoding(&mut self, value: &HeaderValue) -> Result<(), DecodeError> {
        if self.unread {
            self.contradicts = true;
            self.chunked = true;
            return Ok(());
        }
        if self.chunked || self.http10 || !value.as_bytes().eq_ignore_ascii_case(b"chunked") {
            return Err(DecodeError::TransferEncoding);
        }
        self.chunked = true;
        Ok(())
    }

    /// Leaves one statement on the framing in the map: the one that was followed.
    fn correct(&mut self, map: &mut HeaderMap) {
        match self.length {
            Some(_) if self.unread || self.chunked => {
                map.remove(header::CONTENT_LENGTH);
                self.contradicts |= self.chunked; // RFC 9112 §6.3: an attempt to smuggle, perhaps
            }
            Some(length) if self.repeated => {
                map.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
            }
            _ => {}
        }
        if self.unread && self.chunked {
            map.remove(header::TRANSFER_ENCODING);
        }
    }

    fn framing(&self) -> Framing {
        match self.length {
            _ if self.chunked => Framing::Chunked,
            Some(length) => Framing::Length(length),
            None => Framing::UntilClose,
        }
    }

    /// RFC 9112 §9.3.
    fn keep_alive(&self) -> bool {
        !self.close && !self.contradicts && (self.keep_alive || !self.http10)
    }
}
