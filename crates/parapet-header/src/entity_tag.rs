use http::header::ValueIter;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::list::list;
use crate::pieces::trim;

/// An entity tag (RFC 9110 §8.8.3).
#[derive(Clone, Copy, Debug)]
pub struct EntityTag<'a> {
    weak: bool,
    opaque: &'a [u8],
}

impl<'a> EntityTag<'a> {
    /// Reads `"…"` or `W/"…"`, as the field `ETag` has it; `None` if it is anything else.
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let (tag, rest) = Self::begin(text)?;
        rest.is_empty().then_some(tag)
    }

    /// Whether the tag is marked `W/`.
    pub fn is_weak(&self) -> bool {
        self.weak
    }

    /// What stands between the quotes.
    pub fn opaque(&self) -> &'a [u8] {
        self.opaque
    }

    /// Same bytes, and neither is weak (RFC 9110 §8.8.3.2): for `If-Match` and `If-Range`.
    pub fn strong_eq(&self, other: &EntityTag<'_>) -> bool {
        !self.weak && !other.weak && self.opaque == other.opaque
    }

    /// Same bytes, weak or not (RFC 9110 §8.8.3.2): for `If-None-Match`.
    pub fn weak_eq(&self, other: &EntityTag<'_>) -> bool {
        self.opaque == other.opaque
    }

    /// The tag that `text` begins with, and what follows it.
    fn begin(text: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (weak, text) = match text.strip_prefix(b"W/") {
            Some(strong) => (true, strong),
            None => (false, text),
        };
        let text = text.strip_prefix(b"\"")?;
        let (opaque, rest) = text.split_at_checked(text.iter().position(|byte| *byte == b'"')?)?;
        // A backslash is a byte like any other here: entity tags know no escape.
        let well_formed = opaque.iter().all(|byte| matches!(byte, 0x21..=0x7e | 0x80..));
        well_formed.then_some((Self { weak, opaque }, rest.strip_prefix(b"\"")?))
    }
}

/// The weak form of an `ETag` value, for content that means the same in other bytes
/// (RFC 9110 §8.8.1).
///
/// A weak tag stays as it is; so does what is no entity tag.
pub fn weaken(value: &HeaderValue) -> HeaderValue {
    match EntityTag::parse(value.as_bytes()) {
        Some(tag) if !tag.weak => {
            let text = [b"W/", value.as_bytes()].concat();
            HeaderValue::from_maybe_shared(text).unwrap_or_else(|_| value.clone())
        }
        _ => value.clone(),
    }
}

/// The tags of `If-Match` or `If-None-Match`, over all lines (RFC 9110 §13.1.1, §13.1.2).
///
/// `None` without a member. One malformed member, or `*` beside another, makes the whole field
/// `None`: a condition that was only half understood must not decide.
pub fn entity_tags<'a>(map: &'a HeaderMap, name: &HeaderName) -> Option<EntityTags<'a>> {
    let mut members = list(map, name);
    if members.next() == Some(b"*".as_slice()) && members.next().is_none() {
        return Some(EntityTags::Any);
    }
    let mut found = false;
    for line in map.get_all(name) {
        let mut rest = line.as_bytes();
        while let Some(member) = next_tag(&mut rest) {
            member.ok()?;
            found = true;
        }
    }
    let lines = map.get_all(name).iter();
    found.then_some(EntityTags::List(EntityTagList { lines, rest: &[] }))
}

/// What a condition on entity tags names. Complete: the grammar has no third form.
#[derive(Debug)]
pub enum EntityTags<'a> {
    /// `*`: any current representation.
    Any,
    /// One tag or more, all well-formed.
    List(EntityTagList<'a>),
}

/// The tags of a field in order, at least one.
#[derive(Debug)]
pub struct EntityTagList<'a> {
    lines: ValueIter<'a, HeaderValue>,
    /// What is left of the current line.
    rest: &'a [u8],
}

impl<'a> Iterator for EntityTagList<'a> {
    type Item = EntityTag<'a>;

    fn next(&mut self) -> Option<EntityTag<'a>> {
        loop {
            if let Some(tag) = next_tag(&mut self.rest) {
                return tag.ok();
            }
            self.rest = self.lines.next()?.as_bytes();
        }
    }
}

/// A member that is no entity tag.
#[derive(Debug)]
struct Malformed;

/// Takes the next tag off a line, with the commas and white space before it; `None` at the end.
///
/// Commas are looked for behind the tag only, since the tag itself may hold some.
fn next_tag<'a>(rest: &mut &'a [u8]) -> Option<Result<EntityTag<'a>, Malformed>> {
    while let [b' ' | b'\t' | b',', behind @ ..] = rest {
        *rest = behind;
    }
    if rest.is_empty() {
        return None;
    }
    let Some((tag, behind)) = EntityTag::begin(rest) else { return Some(Err(Malformed)) };
    *rest = trim(behind);
    match rest {
        [] | [b',', ..] => Some(Ok(tag)),
        _ => Some(Err(Malformed)),
    }
}
