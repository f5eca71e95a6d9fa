use std::fmt;
use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::{RawClient, hpack, literals};

/// Frame types (RFC 9113 §6).
pub mod kind {
    /// DATA.
    pub const DATA: u8 = 0;
    /// HEADERS.
    pub const HEADERS: u8 = 1;
    /// PRIORITY.
    pub const PRIORITY: u8 = 2;
    /// RST_STREAM.
    pub const RST_STREAM: u8 = 3;
    /// SETTINGS.
    pub const SETTINGS: u8 = 4;
    /// PUSH_PROMISE.
    pub const PUSH_PROMISE: u8 = 5;
    /// PING.
    pub const PING: u8 = 6;
    /// GOAWAY.
    pub const GOAWAY: u8 = 7;
    /// WINDOW_UPDATE.
    pub const WINDOW_UPDATE: u8 = 8;
    /// CONTINUATION.
    pub const CONTINUATION: u8 = 9;
}

/// Frame flags (RFC 9113 §6).
pub mod flag {
    /// END_STREAM of DATA and HEADERS.
    pub const END_STREAM: u8 = 1;
    /// ACK of SETTINGS and PING.
    pub const ACK: u8 = 1;
    /// END_HEADERS of HEADERS and CONTINUATION.
    pub const END_HEADERS: u8 = 4;
    /// PADDED of DATA and HEADERS.
    pub const PADDED: u8 = 8;
    /// PRIORITY of HEADERS.
    pub const PRIORITY: u8 = 32;
}

/// Settings (RFC 9113 §6.5.2, RFC 8441 §3).
pub mod setting {
    /// SETTINGS_HEADER_TABLE_SIZE.
    pub const HEADER_TABLE_SIZE: u16 = 1;
    /// SETTINGS_ENABLE_PUSH.
    pub const ENABLE_PUSH: u16 = 2;
    /// SETTINGS_MAX_CONCURRENT_STREAMS.
    pub const MAX_CONCURRENT_STREAMS: u16 = 3;
    /// SETTINGS_INITIAL_WINDOW_SIZE.
    pub const INITIAL_WINDOW_SIZE: u16 = 4;
    /// SETTINGS_MAX_FRAME_SIZE.
    pub const MAX_FRAME_SIZE: u16 = 5;
    /// SETTINGS_ENABLE_CONNECT_PROTOCOL.
    pub const ENABLE_CONNECT_PROTOCOL: u16 = 8;
}

/// One HTTP/2 frame as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its type: [`kind`].
    pub kind: u8,
    /// Its flags: [`flag`].
    pub flags: u8,
    /// Its stream.
    pub stream: u32,
    /// What it carries.
    pub payload: Vec<u8>,
}

impl Frame {
    /// Its bytes.
    pub fn encode(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        let mut bytes = length.to_be_bytes().get(1..).unwrap_or_default().to_vec();
        bytes.extend([kind, flags]);
        bytes.extend(stream.to_be_bytes());
        bytes.extend_from_slice(payload);
        bytes
    }

    /// Whether it ends its stream.
    pub fn ends_stream(&self) -> bool {
        matches!(self.kind, kind::DATA | kind::HEADERS) && self.flags & flag::END_STREAM != 0
    }

    /// `:status` of a HEADERS frame.
    pub fn status(&self) -> Option<u16> {
        if self.kind == kind::HEADERS { hpack::status(&self.payload) } else { None }
    }

    /// Error code of RST_STREAM and GOAWAY.
    pub fn code(&self) -> Option<u32> {
        let at = match self.kind {
            kind::RST_STREAM => 0,
            kind::GOAWAY => 4,
            _ => return None,
        };
        self.number(at)
    }

    /// Last stream of a GOAWAY.
    pub fn last_stream(&self) -> Option<u32> {
        if self.kind == kind::GOAWAY { self.number(0) } else { None }
    }

    /// Value of a setting in a SETTINGS frame.
    pub fn setting(&self, name: u16) -> Option<u32> {
        self.payload.chunks_exact(6).find_map(|entry| match *entry {
            [n1, n2, v1, v2, v3, v4] if u16::from_be_bytes([n1, n2]) == name => {
                Some(u32::from_be_bytes([v1, v2, v3, v4]))
            }
            _ => None,
        })
    }

    fn number(&self, at: usize) -> Option<u32> {
        let bytes = self.payload.get(at..at + 4)?;
        bytes.try_into().ok().map(u32::from_be_bytes)
    }
}

/// The four pseudo-fields of a request on host `a`.
pub fn pseudo<'a>(method: &'a str, path: &'a str) -> [(&'a str, &'a str); 4] {
    [(":method", method), (":scheme", "http"), (":path", path), (":authority", "a")]
}

/// An HTTP/2 client of frames: sends what a test says, however wrong, and shows what comes.
pub struct FrameClient<S = TcpStream> {
    raw: RawClient<S>,
}

impl FrameClient {
    /// Connects, speaks the preface and acknowledges the server's SETTINGS. Returns these, too.
    pub async fn connect(address: SocketAddr) -> (Self, Frame) {
        Self::handshake(RawClient::connect(address).await, &[]).await
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> FrameClient<S> {
    /// Over a connection on which nothing was said yet, not even the preface.
    pub fn over(raw: RawClient<S>) -> Self {
        Self { raw }
    }

    /// The preface with `settings` over a connection. The compression table of answers is switched off.
    ///
    /// # Panics
    /// If the server's first frame is not SETTINGS (RFC 9113 §3.4).
    pub async fn handshake(raw: RawClient<S>, settings: &[(u16, u32)]) -> (Self, Frame) {
        let mut client = Self::over(raw);
        client.raw.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
        let payload: Vec<u8> = [(setting::HEADER_TABLE_SIZE, 0)]
            .iter()
            .chain(settings)
            .flat_map(|(name, value)| [&name.to_be_bytes()[..], &value.to_be_bytes()[..]].concat())
            .collect();
        client.send(kind::SETTINGS, 0, 0, &payload).await;
        let first = client.frame().await;
        let first = first.unwrap_or_else(|| crate::answer::fail("SETTINGS"));
        assert_eq!((first.kind, first.flags), (kind::SETTINGS, 0), "{first:?}");
        client.send(kind::SETTINGS, flag::ACK, 0, &[]).await;
        (client, first)
    }

    /// Sends one frame, as far as the server takes it.
    pub async fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        self.raw.try_send(Frame::encode(kind, flags, stream, payload)).await;
    }

    /// Sends bytes as they are, as far as the server takes them.
    pub async fn send_bytes(&mut self, bytes: impl AsRef<[u8]>) {
        self.raw.try_send(bytes).await;
    }

    /// Opens `stream` with a GET for `path` on host `a`.
    pub async fn get(&mut self, stream: u32, path: &str) {
        self.headers(stream, &pseudo("GET", path), true).await;
    }

    /// Sends one HEADERS frame of literals.
    pub async fn headers(&mut self, stream: u32, fields: &[(&str, &str)], end: bool) {
        let block = literals(fields.iter().copied());
        let flags = flag::END_HEADERS | if end { flag::END_STREAM } else { 0 };
        self.send(kind::HEADERS, flags, stream, &block).await;
    }

    /// The next frame; `None`: the server closed.
    pub async fn frame(&mut self) -> Option<Frame> {
        let head = self.raw.take_or_end(9).await?;
        let [l1, l2, l3, kind, flags, s1, s2, s3, s4] = *head.first_chunk()?;
        let length = u32::from_be_bytes([0, l1, l2, l3]);
        let payload = self.raw.take_or_end(usize::try_from(length).ok()?).await?;
        Some(Frame { kind, flags, stream: u32::from_be_bytes([s1, s2, s3, s4]), payload })
    }

    /// The next frame that is none of the connection's housekeeping (SETTINGS, PING, WINDOW_UPDATE); PINGs are answered.
    pub async fn answer(&mut self) -> Option<Frame> {
        loop {
            let frame = self.frame().await?;
            match frame.kind {
                kind::PING if frame.flags & flag::ACK == 0 => {
                    self.send(kind::PING, flag::ACK, 0, &frame.payload).await;
                }
                kind::SETTINGS | kind::PING | kind::WINDOW_UPDATE => {}
                _ => return Some(frame),
            }
        }
    }

    /// Status and content of the next whole response, whatever its stream.
    ///
    /// # Panics
    /// If something else than HEADERS and DATA comes.
    pub async fn response(&mut self) -> (u16, Vec<u8>) {
        let (mut status, mut body) = (None, Vec::new());
        loop {
            let frame = self.answer().await;
            let frame = frame.unwrap_or_else(|| crate::answer::fail("a response, not the end"));
            match frame.kind {
                kind::HEADERS => status = status.or(frame.status()),
                kind::DATA => body.extend_from_slice(&frame.payload),
                _ => crate::answer::fail(&format!("a response, not {frame:?}")),
            }
            if frame.ends_stream() {
                return (status.unwrap_or_default(), body);
            }
        }
    }

    /// All frames until the server closes. PINGs are answered.
    pub async fn rest(&mut self) -> Vec<Frame> {
        let mut frames = Vec::new();
        while let Some(frame) = self.answer().await {
            frames.push(frame);
        }
        frames
    }
}

impl<S> fmt::Debug for FrameClient<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameClient").finish_non_exhaustive()
    }
}
