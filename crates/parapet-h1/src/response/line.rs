use http::{StatusCode, Version};

use crate::DecodeError;
use crate::scan::StartLine;

/// Reads a status line (RFC 9112 §4). The reason phrase is checked and dropped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StatusLine {
    pub(crate) status: StatusCode,
    pub(crate) version: Version,
}

impl Default for StatusLine {
    fn default() -> Self {
        Self { status: StatusCode::OK, version: Version::HTTP_11 }
    }
}

impl StartLine for StatusLine {
    const LINES: usize = 1;

    fn beginning(&mut self, line: &[u8]) -> Result<(), DecodeError> {
        let begins = line.iter().zip(b"HTTP/1.").all(|(found, wanted)| found == wanted);
        if begins { Ok(()) } else { Err(DecodeError::StatusLine) }
    }

    fn whole(&mut self, line: &[u8]) -> Result<(), DecodeError> {
        let Some([minor, rest @ ..]) = line.strip_prefix(b"HTTP/1.") else {
            return Err(DecodeError::StatusLine);
        };
        self.version = match minor {
            b'1' => Version::HTTP_11,
            b'0' => Version::HTTP_10,
            b'2'..=b'9' => return Err(DecodeError::Version),
            _ => return Err(DecodeError::StatusLine),
        };
        let ([b' ', digits @ ..], reason) =
            rest.split_at_checked(4).ok_or(DecodeError::StatusLine)?
        else {
            return Err(DecodeError::StatusLine);
        };
        self.status = StatusCode::from_bytes(digits).map_err(|_| DecodeError::StatusLine)?;
        match reason {
            [] => Ok(()),
            [b' ', reason @ ..] if !reason.iter().any(|byte| is_control(*byte)) => Ok(()),
            [b' ', ..] => Err(DecodeError::ControlByte),
            _ => Err(DecodeError::StatusLine),
        }
    }
}

/// What no reason phrase may have: all but HTAB, SP, VCHAR and obs-text.
fn is_control(byte: u8) -> bool {
    (byte < b' ' && byte != b'\t') || byte == 0x7f
}
