use std::borrow::Cow;

use http::HeaderMap;
use http::header::CONTENT_TYPE;

use crate::lookup::one_line;
use crate::params::{Params, params};
use crate::pieces::is_token;

/// The media type of a message's content (RFC 9110 §8.3.1).
#[derive(Clone, Debug)]
pub struct MediaType<'a> {
    /// `type/subtype`, two tokens.
    essence: &'a str,
    params: Params<'a>,
}

impl<'a> MediaType<'a> {
    /// Reads `Content-Type`.
    ///
    /// `None` without the field, with several lines of it (two readers may go by two of them), and
    /// if it does not begin with `type/subtype`.
    pub fn of(map: &'a HeaderMap) -> Option<Self> {
        let line = one_line(map, &CONTENT_TYPE).ok().flatten()?;
        let (essence, params) = params(line.as_bytes());
        let mut tokens = essence.splitn(2, |byte| *byte == b'/');
        if !(is_token(tokens.next()?) && is_token(tokens.next()?)) {
            return None;
        }
        Some(Self { essence: std::str::from_utf8(essence).ok()?, params })
    }

    /// `type/subtype` as written, without the parameters.
    pub fn essence(&self) -> &'a str {
        self.essence
    }

    /// Whether this is `essence` (`text/html`), ASCII case ignored, whatever the parameters.
    pub fn is(&self, essence: &str) -> bool {
        self.essence.eq_ignore_ascii_case(essence)
    }

    /// Value of the first parameter of that name, ASCII case ignored; unquoted and unescaped.
    pub fn param(&self, name: &str) -> Option<Cow<'a, [u8]>> {
        self.params.clone().value_of(name)
    }
}
