use std::fmt;

use http::HeaderValue;
use parapet_core::LogValue;

use crate::address::Mask;
use crate::builtin::{BuiltIn, BuiltIns, Label};
use crate::duration_text::write_duration;
use crate::facts::{Client, Facts};
use crate::fields::Fields;
use crate::query::{REDACTED, Redaction};
use crate::summary::{End, Summary};
use crate::time_text::write_rfc3339;

/// How values appear, whatever the format.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    pub(crate) omit_empty: bool,
    pub(crate) without: BuiltIns,
    pub(crate) query: Redaction,
    pub(crate) mask: Mask,
    pub(crate) max_value_bytes: usize,
}

/// One record, complete: what an [`Encode`](crate::Encode) writes down.
#[derive(Clone, Copy)]
pub struct RecordView<'a> {
    pub(crate) look: &'a Look,
    pub(crate) facts: &'a Facts,
    pub(crate) fields: &'a Fields,
    pub(crate) end: &'a End,
}

impl<'a> RecordView<'a> {
    /// Method, status, sizes and durations.
    pub fn summary(&self) -> Summary<'a> {
        Summary {
            method: self.facts.method(),
            host: self.facts.host(),
            path: self.facts.path(),
            end: self.end,
        }
    }

    /// When the request came.
    pub fn timestamp(&self) -> std::time::SystemTime {
        self.end.timestamp
    }

    /// Calls `f` with name and value of each field, in order: built-in ones, then those that were set; redacted, masked
    /// and left out as the logger is set. Text is not escaped; it allocates.
    pub fn for_each(&self, mut f: impl FnMut(&str, LogValue)) {
        self.visit(&mut Vec::new(), &mut |name: Name<'_>, value: Value<'_>| {
            f(name.text(), value.to_log_value());
        });
    }

    /// The value of one field, as [`for_each`](Self::for_each) gives it.
    pub fn get(&self, name: &str) -> Option<LogValue> {
        let mut found = None;
        self.for_each(|field, value| {
            if field == name {
                found = Some(value);
            }
        });
        found
    }

    /// Gives each field to `visitor`. `scratch` is for values that are put together.
    pub(crate) fn visit(&self, scratch: &mut Vec<u8>, visitor: &mut impl Visitor) {
        // Written out field by field: each place knows its name and the one value that belongs there, so what is left of
        // the choice is two bit tests.
        macro_rules! built_in {
            ($($field:ident)+) => {$({
                const FIELD: BuiltIn = BuiltIn::$field;
                if !self.look.without.contains(FIELD)
                    && let Some(value) = self.built_in(FIELD, scratch)
                    && !(self.look.omit_empty && value.is_empty())
                {
                    visitor.field(Name::BuiltIn(const { FIELD.label() }), value);
                }
            })+};
        }
        built_in! {
            Timestamp Host RequestMethod RequestUrl Protocol RequestBodySize Referer UserAgent RemoteIp RealIp
            ForwardedFor Status ResponseBodySize Duration DurationHuman DurationHeader DurationHeaderHuman Aborted Error
        }
        for (name, value) in self.fields.custom() {
            let value = Value::of(value);
            if !(self.look.omit_empty && value.is_empty()) {
                visitor.field(Name::Set(name), value);
            }
        }
        if let Some(rate) = self.end.sample_rate {
            visitor.field(Name::BuiltIn(Label::SAMPLE_RATE), Value::Float(rate));
        }
        if self.fields.is_truncated() {
            visitor.field(Name::BuiltIn(Label::TRUNCATED), Value::Bool(true));
        }
    }

    /// The value of a built-in field, as set or as it is; `None`: it does not apply.
    #[inline]
    pub(crate) fn built_in<'s>(
        &'s self,
        field: BuiltIn,
        scratch: &'s mut Vec<u8>,
    ) -> Option<Value<'s>> {
        match self.fields.overriding(field) {
            Some(value) => Some(self.adjusted(field, Value::of(value), scratch)),
            None if field.is_known_at_entry() => {
                request_value(self.facts, self.look, field, scratch)
            }
            None => self.end_value(field, scratch),
        }
    }

    /// A value that somebody set is redacted and masked like our own.
    fn adjusted<'s>(
        &self,
        field: BuiltIn,
        value: Value<'s>,
        scratch: &'s mut Vec<u8>,
    ) -> Value<'s> {
        let Value::Text(text) = value else { return value };
        scratch.clear();
        match field {
            BuiltIn::RequestUrl | BuiltIn::Referer => self.look.query.write_url(scratch, text),
            BuiltIn::RemoteIp | BuiltIn::RealIp | BuiltIn::ForwardedFor => {
                self.look.mask.write_list(scratch, text);
            }
            _ => return value,
        }
        Value::Text(scratch)
    }

    #[inline]
    fn end_value<'s>(&self, field: BuiltIn, scratch: &'s mut Vec<u8>) -> Option<Value<'s>> {
        let end = self.end;
        scratch.clear();
        Some(match field {
            BuiltIn::Timestamp => {
                write_rfc3339(scratch, end.timestamp);
                Value::Plain(scratch)
            }
            BuiltIn::RequestBodySize => Value::Uint(end.request_bytes),
            BuiltIn::Status => Value::Uint(end.status.as_u16().into()),
            BuiltIn::ResponseBodySize => Value::Uint(end.response_bytes),
            BuiltIn::Duration => Value::Uint(end.duration),
            BuiltIn::DurationHuman => {
                write_duration(scratch, end.duration);
                Value::Plain(scratch)
            }
            BuiltIn::DurationHeader => Value::Uint(end.duration_header?),
            BuiltIn::DurationHeaderHuman => {
                write_duration(scratch, end.duration_header?);
                Value::Plain(scratch)
            }
            BuiltIn::Aborted => Value::Plain(end.aborted.as_bytes()),
            BuiltIn::Error => match end.error {
                Some((source, kind)) => {
                    scratch.extend_from_slice(source.as_bytes());
                    scratch.push(b'/');
                    scratch.extend_from_slice(kind.as_bytes());
                    Value::Text(scratch)
                }
                None => Value::Plain(b""),
            },
            _ => return None,
        })
    }
}

/// The value of a field that is known when the request comes; `None`: it is not.
#[inline]
pub(crate) fn request_value<'s>(
    facts: &'s Facts,
    look: &Look,
    field: BuiltIn,
    scratch: &'s mut Vec<u8>,
) -> Option<Value<'s>> {
    scratch.clear();
    Some(match field {
        BuiltIn::Host => Value::Text(facts.host().as_bytes()),
        BuiltIn::RequestMethod => Value::Text(facts.method().as_bytes()),
        BuiltIn::RequestUrl => {
            facts.write_url(scratch, &look.query);
            Value::Text(scratch)
        }
        BuiltIn::Protocol => Value::Plain(facts.protocol().as_bytes()),
        BuiltIn::Referer => match header(facts.referer.as_ref()) {
            Value::Text(b"") => Value::Text(b""),
            Value::Text(referer) => {
                look.query.write_url(scratch, referer);
                Value::Text(scratch)
            }
            value => value,
        },
        BuiltIn::UserAgent => header(facts.user_agent.as_ref()),
        BuiltIn::RemoteIp => {
            if let Some(address) = facts.remote {
                look.mask.write(scratch, address);
            }
            Value::Plain(scratch)
        }
        BuiltIn::RealIp => {
            match &facts.client {
                Client::Address(address) => {
                    look.mask.write(scratch, *address);
                    return Some(Value::Plain(scratch));
                }
                Client::Claimed(claim) => look.mask.write_list(scratch, header_text(claim)),
                Client::Unknown => {}
            }
            Value::Text(scratch)
        }
        BuiltIn::ForwardedFor => match &facts.forwarded_for {
            Some(value) if look.mask.is_none() => Value::Text(header_text(value)),
            Some(value) => {
                look.mask.write_list(scratch, header_text(value));
                Value::Text(scratch)
            }
            None => Value::Text(b""),
        },
        _ => return None,
    })
}

impl fmt::Debug for RecordView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        self.for_each(|name, value| {
            map.entry(&name, &value);
        });
        map.finish()
    }
}

/// What takes the fields of a record.
pub(crate) trait Visitor {
    fn field(&mut self, name: Name<'_>, value: Value<'_>);
}

impl<F: FnMut(Name<'_>, Value<'_>)> Visitor for F {
    fn field(&mut self, name: Name<'_>, value: Value<'_>) {
        self(name, value);
    }
}

/// Name of a field.
#[derive(Clone, Copy)]
pub(crate) enum Name<'a> {
    BuiltIn(Label),
    /// Anything.
    Set(&'a str),
}

impl<'a> Name<'a> {
    pub(crate) fn text(self) -> &'a str {
        match self {
            Self::BuiltIn(label) => label.name,
            Self::Set(name) => name,
        }
    }
}

/// Value of a field, ready to be written.
#[derive(Clone, Copy)]
pub(crate) enum Value<'a> {
    Text(&'a [u8]),
    /// Text of ours, short and without anything that a format escapes or, unless it is empty, quotes.
    Plain(&'a [u8]),
    Uint(u64),
    Int(i64),
    Float(f64),
    Bool(bool),
    Null,
}

impl<'a> Value<'a> {
    pub(crate) fn of(value: &'a LogValue) -> Self {
        match value {
            LogValue::Text(text) => Self::Text(text.as_bytes()),
            LogValue::Shared(text) => Self::Text(text.as_bytes()),
            LogValue::Header(value) => Self::Text(header_text(value)),
            LogValue::Int(number) => Self::Int(*number),
            LogValue::Uint(number) => Self::Uint(*number),
            LogValue::Float(number) => Self::Float(*number),
            LogValue::Bool(value) => Self::Bool(*value),
            _ => Self::Null,
        }
    }

    fn is_empty(self) -> bool {
        match self {
            Self::Text(text) | Self::Plain(text) => text.is_empty(),
            Self::Uint(number) => number == 0,
            Self::Int(number) => number == 0,
            Self::Float(number) => number == 0.0 || !number.is_finite(), // written as null
            Self::Bool(_) => false,
            Self::Null => true,
        }
    }

    pub(crate) fn to_log_value(self) -> LogValue {
        match self {
            Self::Text(text) | Self::Plain(text) => {
                String::from_utf8_lossy(text).into_owned().into()
            }
            Self::Uint(number) => number.into(),
            Self::Int(number) => number.into(),
            Self::Float(number) => number.into(),
            Self::Bool(value) => value.into(),
            Self::Null => LogValue::Null,
        }
    }
}

fn header(value: Option<&HeaderValue>) -> Value<'_> {
    Value::Text(value.map_or(b"", header_text))
}

fn header_text(value: &HeaderValue) -> &[u8] {
    if value.is_sensitive() { REDACTED } else { value.as_bytes() }
}
