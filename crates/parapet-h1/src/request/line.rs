use http::Version;
use memchr::memchr;

use crate::scan::StartLine;
use crate::{DecodeError, Limits};

/// Finds the parts of a request line (RFC 9112 §3). Offsets, because the bytes are not frozen yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestLine {
    target_bytes: usize,
    pub(crate) method_end: usize,
    pub(crate) target_end: usize,
    pub(crate) version: Version,
}

impl RequestLine {
    pub(crate) fn new(limits: &Limits) -> Self {
        let target_bytes = limits.target_bytes;
        Self { target_bytes, method_end: 0, target_end: 0, version: Version::HTTP_11 }
    }
}

impl StartLine for RequestLine {
    const LINES: usize = 1;

    fn beginning(&mut self, line: &[u8]) -> Result<(), DecodeError> {
        let Some(method) = method_end(line)? else {
            return Ok(());
        };
        let rest = line.get(method + 1..).unwrap_or_default();
        // The target, a blank, the version and CR: a line that long is looked at again for each of the few bytes
        // by which it can still grow, a shorter one never.
        if rest.len() <= self.target_bytes + 1 {
            return Ok(());
        }
        let target = rest.get(..self.target_bytes + 2).unwrap_or(rest);
        match memchr(b' ', target) {
            Some(at) if at > self.target_bytes => Err(DecodeError::TargetTooLong),
            Some(at) if rest.len() - at > " HTTP/1.1\r".len() => Err(DecodeError::RequestLine),
            None if target.len() > self.target_bytes + 1 => Err(DecodeError::TargetTooLong),
            _ => Ok(()),
        }
    }

    fn whole(&mut self, line: &[u8]) -> Result<(), DecodeError> {
        let method = method_end(line)?.ok_or(DecodeError::RequestLine)?;
        let rest = line.get(method + 1..).unwrap_or_default();
        let Some(target) = memchr(b' ', rest) else {
            return Err(if rest.is_empty() {
                DecodeError::RequestLine
            } else {
                DecodeError::Http09
            });
        };
        if target > self.target_bytes {
            return Err(DecodeError::TargetTooLong);
        }
        if target == 0 {
            return Err(DecodeError::RequestLine); // doubled SP
        }
        self.version = match rest.get(target + 1..).unwrap_or_default() {
            b"HTTP/1.1" => Version::HTTP_11,
            b"HTTP/1.0" => Version::HTTP_10,
            [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
                if major.is_ascii_digit() && minor.is_ascii_digit() =>
            {
                return Err(DecodeError::Version);
            }
            _ => return Err(DecodeError::RequestLine),
        };
        self.method_end = method;
        self.target_end = method + 1 + target;
        Ok(())
    }
}

/// Offset of the blank after the method, `None` if the line may still be in the method. What is no token, a TLS
/// ClientHello for one, is refused at its first byte.
fn method_end(line: &[u8]) -> Result<Option<usize>, DecodeError> {
    for (at, byte) in line.iter().enumerate() {
        match byte {
            b' ' if at > 0 => return Ok(Some(at)),
            _ if !is_token(*byte) => return Err(DecodeError::RequestLine),
            _ if at >= METHOD_BYTES => return Err(DecodeError::MethodTooLong),
            _ => {}
        }
    }
    Ok(None)
}

/// RFC 9110 §5.6.2.
fn is_token(byte: u8) -> bool {
    matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
        || byte.is_ascii_alphanumeric()
}

/// The longest registered method has 17 bytes.
const METHOD_BYTES: usize = 32;
