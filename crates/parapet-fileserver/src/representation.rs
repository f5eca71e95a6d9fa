//! One file as it goes to the client: its fields, its preconditions, the part that is sent.

use std::hash::{BuildHasher, RandomState};
use std::ops::RangeInclusive;
use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use http::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_TYPE, ETAG, LAST_MODIFIED, VARY,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use parapet_core::{Body, Request, Response, plain_error};
use parapet_header::Ranges;

use crate::Encoding;
use crate::conditions::{Validators, Verdict};
use crate::file_body::{FileBody, Piece, chunk_of, read};
use crate::sniff::{SNIFFED, sniff};
use crate::tree::{Miss, Mode, Opened};

/// What is known of the file before it is read.
#[derive(Debug)]
pub(crate) struct Representation {
    pub(crate) opened: Opened,
    /// By the extension of the original; `None`: the first bytes decide.
    pub(crate) content_type: Option<HeaderValue>,
    /// Coding that the handle's bytes are in, with the original, whose first bytes decide.
    pub(crate) encoded: Option<(Encoding, Opened)>,
    pub(crate) cache_control: Option<HeaderValue>,
    /// Whether the answer depends on `Accept-Encoding`.
    pub(crate) varies: bool,
    pub(crate) with_etag: bool,
}

impl Representation {
    pub(crate) fn answer(self, request: &Request, mode: Mode) -> Result<Response, Miss> {
        let headers = request.headers();
        let etag = self.with_etag.then(|| self.etag()).flatten();
        let validators = Validators { etag: etag.as_ref(), modified: self.opened.modified };
        let size = self.opened.length;
        match validators.judge(headers) {
            Verdict::Failed => {
                return Ok(self.refusal(StatusCode::PRECONDITION_FAILED, "Precondition Failed"));
            }
            Verdict::NotModified => {
                let mut response = Response::new(Body::empty());
                *response.status_mut() = StatusCode::NOT_MODIFIED;
                self.validator_fields(response.headers_mut(), etag);
                return Ok(response);
            }
            Verdict::Send => {}
        }
        let is_head = *request.method() == Method::HEAD;
        let ranges = if is_head { Ranges::Ignore } else { validators.ranges(headers, size) };
        let mut ranges = match ranges {
            Ranges::Some(ranges) => ranges.collect::<Vec<_>>(),
            Ranges::Unsatisfiable => return Ok(self.unsatisfiable()),
            _ => Vec::new(),
        };
        let mut response = Response::new(Body::empty());
        let mut fields = HeaderMap::with_capacity(10);
        let part = match ranges.len() {
            0 => 0..=size.saturating_sub(1),
            1 => {
                *response.status_mut() = StatusCode::PARTIAL_CONTENT;
                let range = ranges.swap_remove(0);
                fields.insert(CONTENT_RANGE, content_range(&range, size));
                range
            }
            _ => return self.multipart(&ranges, etag, mode),
        };
        let length = if size == 0 { 0 } else { part.end() - part.start() + 1 };
        let first = if is_head || length == 0 {
            Bytes::new()
        } else {
            read_some(&self.opened, *part.start(), chunk_of(length), mode)?
        };
        fields.insert(CONTENT_TYPE, self.content_type(*part.start(), &first, mode)?);
        fields.insert(CONTENT_LENGTH, HeaderValue::from(length));
        fields.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        if let Some((encoding, _)) = &self.encoded {
            fields.insert(CONTENT_ENCODING, encoding.header());
        }
        self.validator_fields(&mut fields, etag);
        *response.headers_mut() = fields;
        let read = first.len() as u64;
        if !is_head && read == length {
            *response.body_mut() = Body::full(first); // the handle is closed here
        } else if !is_head {
            let rest = Piece::Span { offset: part.start() + read, length: length - read };
            let first = (!first.is_empty()).then_some(Piece::Text(first));
            *response.body_mut() =
                Body::new(FileBody::new(self.opened.file, first.into_iter().chain([rest])));
        }
        Ok(response)
    }

    /// Several ranges in one answer (RFC 9110 §14.6).
    fn multipart(
        self,
        ranges: &[RangeInclusive<u64>],
        etag: Option<HeaderValue>,
        mode: Mode,
    ) -> Result<Response, Miss> {
        let content_type = self.content_type(1, &[], mode)?;
        let size = self.opened.length;
        let random = || RandomState::new().hash_one(size);
        let boundary = format!("{:016x}{:016x}", random(), random());
        let mut pieces = Vec::with_capacity(ranges.len() * 2 + 1);
        for range in ranges {
            let mut head = format!("\r\n--{boundary}\r\ncontent-type: ").into_bytes();
            head.extend_from_slice(content_type.as_bytes());
            head.extend_from_slice(b"\r\ncontent-range: ");
            head.extend_from_slice(content_range(range, size).as_bytes());
            head.extend_from_slice(b"\r\n\r\n");
            pieces.push(Piece::Text(head.into()));
            pieces.push(Piece::Span {
                offset: *range.start(),
                length: range.end() - range.start() + 1,
            });
        }
        pieces.push(Piece::Text(format!("\r\n--{boundary}--\r\n").into()));
        let mut fields = HeaderMap::with_capacity(10);
        let multipart = Bytes::from(format!("multipart/byteranges; boundary={boundary}"));
        if let Ok(multipart) = HeaderValue::from_maybe_shared(multipart) {
            fields.insert(CONTENT_TYPE, multipart);
        }
        fields.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        if let Some((encoding, _)) = &self.encoded {
            fields.insert(CONTENT_ENCODING, encoding.header());
        }
        self.validator_fields(&mut fields, etag);
        let body = Body::new(FileBody::new(self.opened.file, pieces));
        if let Some(length) = body.known_length() {
            fields.insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        *response.headers_mut() = fields;
        Ok(response)
    }

    fn unsatisfiable(&self) -> Response {
        let mut response = self.refusal(StatusCode::RANGE_NOT_SATISFIABLE, "Range Not Satisfiable");
        let range = Bytes::from(format!("bytes */{}", self.opened.length));
        if let Ok(value) = HeaderValue::from_maybe_shared(range) {
            response.headers_mut().insert(CONTENT_RANGE, value);
        }
        response
    }

    /// A refusal that another coding of the file might not get.
    fn refusal(&self, status: StatusCode, text: &'static str) -> Response {
        let mut response = plain_error(status, text);
        if self.varies {
            response.headers_mut().insert(VARY, HeaderValue::from(ACCEPT_ENCODING));
        }
        response
    }

    /// What 200, 206 and 304 have in common (RFC 9110 §15.4.5).
    fn validator_fields(&self, fields: &mut HeaderMap, etag: Option<HeaderValue>) {
        let modified = self.opened.modified.and_then(last_modified);
        let vary = self.varies.then(|| HeaderValue::from(ACCEPT_ENCODING));
        let values = [
            (ETAG, etag),
            (LAST_MODIFIED, modified),
            (CACHE_CONTROL, self.cache_control.clone()),
            (VARY, vary),
        ];
        for (name, value) in values {
            if let Some(value) = value {
                fields.insert(name, value);
            }
        }
    }

    /// Weak: two writes within the clock's step may leave size and time alike. Without a time there is none: of contents
    /// that come one after the other, many have the same size.
    fn etag(&self) -> Option<HeaderValue> {
        let since_epoch = self.opened.modified?.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        let nanos = since_epoch.as_nanos();
        let coding = self.encoded.as_ref().map_or("", |(encoding, _)| encoding.suffix());
        let coding = coding.trim_start_matches('.');
        let tag = format!("W/\"{:x}-{nanos:x}{coding}\"", self.opened.length);
        HeaderValue::from_maybe_shared(Bytes::from(tag)).ok()
    }

    /// `first` are bytes that were read already, from `offset` on.
    fn content_type(&self, offset: u64, first: &[u8], mode: Mode) -> Result<HeaderValue, Miss> {
        if let Some(content_type) = &self.content_type {
            return Ok(content_type.clone());
        }
        let original = self.encoded.as_ref().map_or(&self.opened, |(_, original)| original);
        let wanted = chunk_of(original.length).min(SNIFFED);
        let is_head = offset == 0 && first.len() >= wanted && self.encoded.is_none();
        let media_type = match first.get(..wanted) {
            Some(head) if is_head => sniff(head),
            _ => sniff(&read_some(original, 0, wanted, mode)?),
        };
        Ok(HeaderValue::from_static(media_type))
    }
}

/// At most `length` bytes from `offset` on; none if the file is shorter by now.
fn read_some(opened: &Opened, offset: u64, length: usize, mode: Mode) -> Result<Bytes, Miss> {
    match read(&opened.file, BytesMut::zeroed(length), offset, mode) {
        Ok(Ok(bytes)) => Ok(bytes.freeze()),
        Ok(Err(_)) => Err(Miss::WouldBlock),
        Err(error) => Err(Miss::Failed(error)),
    }
}

pub(crate) fn last_modified(time: SystemTime) -> Option<HeaderValue> {
    // The formatter knows years of four digits only, and panics on others.
    let year_10000 = std::time::Duration::from_secs(253_402_300_800);
    let since_epoch = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    if since_epoch >= year_10000 {
        return None;
    }
    HeaderValue::from_maybe_shared(Bytes::from(httpdate::fmt_http_date(time))).ok()
}

fn content_range(range: &RangeInclusive<u64>, size: u64) -> HeaderValue {
    let text = format!("bytes {}-{}/{size}", range.start(), range.end());
    HeaderValue::from_maybe_shared(Bytes::from(text))
        .unwrap_or(HeaderValue::from_static("bytes */*"))
}
