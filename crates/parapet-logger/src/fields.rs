use std::borrow::Cow;

use parapet_core::LogValue;
use smallvec::SmallVec;

use crate::builtin::{BuiltIn, BuiltIns};

/// The fields that layers and handlers set on one record, in the order of their first setting; bounded, since what they
/// set may come from a client.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    /// Names are unique. Eight fit without an allocation.
    entries: SmallVec<[Entry; 8]>,
    /// Bytes of names and texts in `entries` that were set; at most [`MAX_TEXT`].
    text_bytes: u32,
    /// How many of `entries` the logger itself put there: they are no part of the bound.
    presets: u32,
    overridden: BuiltIns,
    truncated: bool,
    disabled: bool,
    /// The record was written: nothing changes any more.
    closed: bool,
}

#[derive(Debug)]
struct Entry {
    name: Cow<'static, str>,
    built_in: Option<BuiltIn>,
    value: LogValue,
    /// Bytes of the value within `text_bytes`.
    counted: u32,
}

impl Fields {
    /// Puts a field there that the logger's settings ask for. Its value is bounded where it comes from.
    pub(crate) fn preset(&mut self, name: Cow<'static, str>, value: LogValue) {
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.name == name) {
            entry.value = value;
            return;
        }
        let built_in = BuiltIn::named(&name);
        if let Some(field) = built_in {
            self.overridden.insert(field);
        }
        self.presets += 1;
        self.entries.push(Entry { name, built_in, value, counted: 0 });
    }

    pub(crate) fn set(&mut self, name: Cow<'static, str>, value: LogValue) {
        if self.closed || !is_name(&name) {
            return;
        }
        let built_in = BuiltIn::named(&name);
        if built_in.is_some_and(BuiltIn::is_decided_at_end) {
            return;
        }
        let length = text_length(&value);
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.name == name) {
            let others = self.text_bytes.saturating_sub(entry.counted);
            match others.checked_add(length).filter(|bytes| *bytes <= MAX_TEXT) {
                Some(bytes) => {
                    self.text_bytes = bytes;
                    entry.counted = length;
                    entry.value = value;
                }
                None => self.truncated = true,
            }
            return;
        }
        let bytes = self.text_bytes.saturating_add(clamped(name.len())).saturating_add(length);
        if self.entries.len() >= MAX_FIELDS.saturating_add(self.presets as usize)
            || bytes > MAX_TEXT
        {
            self.truncated = true;
            return;
        }
        self.text_bytes = bytes;
        if let Some(field) = built_in {
            self.overridden.insert(field);
        }
        self.entries.push(Entry { name, built_in, value, counted: length });
    }

    pub(crate) fn get(&self, name: &str) -> Option<&LogValue> {
        self.entries.iter().find(|entry| entry.name == name).map(|entry| &entry.value)
    }

    /// What a built-in field was set to.
    pub(crate) fn overriding(&self, field: BuiltIn) -> Option<&LogValue> {
        if !self.overridden.contains(field) {
            return None;
        }
        self.entries.iter().find(|entry| entry.built_in == Some(field)).map(|entry| &entry.value)
    }

    /// The fields that are not built in.
    pub(crate) fn custom(&self) -> impl Iterator<Item = (&str, &LogValue)> {
        self.entries
            .iter()
            .filter(|entry| entry.built_in.is_none())
            .map(|entry| (&*entry.name, &entry.value))
    }

    pub(crate) fn disable(&mut self) {
        self.disabled = true;
    }

    pub(crate) fn close(&mut self) {
        self.closed = true;
    }

    pub(crate) fn is_disabled(&self) -> bool {
        self.disabled
    }

    pub(crate) fn is_truncated(&self) -> bool {
        self.truncated
    }
}

/// Whether a field may bear this name.
pub(crate) fn is_name(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len())
}

fn text_length(value: &LogValue) -> u32 {
    clamped(match value {
        LogValue::Text(text) => text.len(),
        LogValue::Shared(text) => text.len(),
        LogValue::Header(value) => value.len(),
        _ => 0,
    })
}

fn clamped(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

const MAX_FIELDS: usize = 64;
const MAX_TEXT: u32 = 16 * 1024;
const MAX_NAME: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    fn names(fields: &Fields) -> Vec<&str> {
        fields.custom().map(|(name, _)| name).collect()
    }

    #[test]
    fn a_name_set_again_keeps_its_place() {
        let mut fields = Fields::default();
        for (name, value) in [("a", 1), ("b", 2), ("a", 3)] {
            fields.set(name.into(), value.into());
        }
        assert_eq!(names(&fields), ["a", "b"]);
        assert_eq!(fields.get("a"), Some(&LogValue::Int(3)));
    }

    #[test]
    fn the_65th_field_is_left_out() {
        let mut fields = Fields::default();
        for number in 0..64 {
            fields.set(format!("f{number}").into(), LogValue::Null);
        }
        assert!(!fields.is_truncated());
        fields.set("f0".into(), 1.into()); // not a new one
        assert!(!fields.is_truncated());
        fields.set("one too many".into(), LogValue::Null);
        assert!(fields.is_truncated() && names(&fields).len() == 64);
    }

    #[test]
    fn text_is_bounded_in_sum() {
        let mut fields = Fields::default();
        fields.set("a".into(), "x".repeat(16 * 1024 - 1).into());
        assert!(!fields.is_truncated() && fields.get("a").is_some());
        fields.set("b".into(), LogValue::Null);
        assert!(fields.is_truncated() && fields.get("b").is_none());
        fields.set("a".into(), "short".into()); // gives the bytes back
        fields.set("b".into(), "fits".into());
        assert!(fields.get("b").is_some());
        fields.set("b".into(), "x".repeat(16 * 1024).into());
        assert_eq!(fields.get("b"), Some(&"fits".into()));
    }

    #[test]
    fn names_that_cannot_be_are_ignored() {
        let mut fields = Fields::default();
        for name in
            ["", "status", "duration", "durationHuman", "aborted", "error", "responseBodySize"]
        {
            fields.set(name.into(), 1.into());
        }
        fields.set("x".repeat(129).into(), 1.into());
        fields.set("x".repeat(128).into(), 1.into());
        assert_eq!(names(&fields), ["x".repeat(128)]);
        assert!(!fields.is_truncated());
    }

    #[test]
    fn a_closed_record_does_not_change() {
        let mut fields = Fields::default();
        fields.set("host".into(), "a".into());
        fields.close();
        fields.set("host".into(), "b".into());
        fields.set("c".into(), "d".into());
        assert_eq!(fields.overriding(BuiltIn::Host), Some(&"a".into()));
        assert_eq!(names(&fields), [""; 0]);
    }
}
