/// What a decoder accepts at most, and which leniencies it grants.
///
/// [`Limits::request`] and [`Limits::response`] are the defaults of the two sides; each setter clamps to the
/// range it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub(crate) head_bytes: usize,
    pub(crate) field_lines: usize,
    pub(crate) target_bytes: usize,
    pub(crate) trailer_bytes: Option<usize>,
    pub(crate) chunk_lines: ChunkLines,
    pub(crate) informational: u8,
    pub(crate) allow_utf8_target: bool,
    pub(crate) allow_bare_lf: bool,
}

impl Limits {
    /// The defaults for what clients send.
    pub const fn request() -> Self {
        Self {
            head_bytes: 64 << 10,
            field_lines: 100,
            target_bytes: 16 << 10,
            trailer_bytes: None,
            chunk_lines: ChunkLines { extension: 256, total: 16 << 10, origin: false },
            informational: 0,
            allow_utf8_target: false,
            allow_bare_lf: false,
        }
    }

    /// The defaults for what origins send.
    pub const fn response() -> Self {
        Self {
            trailer_bytes: Some(16 << 10),
            chunk_lines: ChunkLines { extension: 4 << 10, total: 16 << 10, origin: true },
            informational: 8,
            ..Self::request()
        }
    }

    /// Bytes of a head, from its start line to its empty line. Default: 65,536. Range: 128 to 16 MiB.
    #[must_use]
    pub fn head_bytes(self, bytes: usize) -> Self {
        Self { head_bytes: bytes.clamp(128, 16 << 20), ..self }
    }

    /// Field lines of a head or trailer section. Default: 100. Range: 1 to 1,000.
    #[must_use]
    pub fn field_lines(self, lines: usize) -> Self {
        Self { field_lines: lines.clamp(1, 1_000), ..self }
    }

    /// Bytes of a request target. Default: 16,384. Range: 1 to 65,534 (what a `Uri` can hold).
    #[must_use]
    pub fn target_bytes(self, bytes: usize) -> Self {
        Self { target_bytes: bytes.clamp(1, 65_534), ..self }
    }

    /// Bytes of a trailer section. Default: as the head for requests, 16,384 for responses. Range: 2 to 16 MiB.
    #[must_use]
    pub fn trailer_bytes(self, bytes: usize) -> Self {
        Self { trailer_bytes: Some(bytes.clamp(2, 16 << 20)), ..self }
    }

    /// Bytes between the size and the line end of one chunk line. Default: 256 for requests, 4,096 for responses.
    /// Range: 0 to 64 KiB.
    #[must_use]
    pub fn chunk_extension_bytes(mut self, bytes: usize) -> Self {
        self.chunk_lines.extension = bytes.min(64 << 10);
        self
    }

    /// 1xx heads before one final head. Default: 8. Responses only. Range: 0 to 255.
    #[must_use]
    pub fn informational(self, heads: u8) -> Self {
        Self { informational: heads, ..self }
    }

    /// Lets valid UTF-8 pass in request targets, as received. Default: false (RFC 3986 §2 knows ASCII only).
    #[must_use]
    pub fn allow_utf8_target(self, allow: bool) -> Self {
        Self { allow_utf8_target: allow, ..self }
    }

    /// Takes a bare LF for a line end in heads and trailers of responses. Default: false. A request never may:
    /// two hops that disagree on where a line ends disagree on where a request ends (RFC 9112 §11.2).
    #[must_use]
    pub fn allow_bare_lf(self, allow: bool) -> Self {
        Self { allow_bare_lf: allow, ..self }
    }
}

/// Bounds of chunk lines, whose extensions nobody reads (RFC 9112 §7.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChunkLines {
    /// Bytes after the size in one line.
    pub(crate) extension: usize,
    /// Bytes over a whole body; `origin` says which.
    pub(crate) total: usize,
    /// Of origins whole lines are counted and each chunk earns 16 bytes and twice its size back, so that a long
    /// body of signed chunks passes; of clients extension bytes are counted and nothing is earned.
    pub(crate) origin: bool,
}
