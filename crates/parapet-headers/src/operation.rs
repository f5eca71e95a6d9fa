//! One change of a header map.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::header::Entry;
use http::{HeaderMap, HeaderName, HeaderValue};
use parapet_header::append_if_absent;

use crate::field::{Pair, is_reserved};
use crate::names::Names;

pub(crate) type MapText = Arc<dyn Fn(&str) -> String + Send + Sync>;
pub(crate) type MapValue = Arc<dyn Fn(&HeaderValue) -> Option<HeaderValue> + Send + Sync>;
pub(crate) type Make<H> = Arc<dyn Fn(&H) -> Option<HeaderValue> + Send + Sync>;

/// A change that needs the map and, for values made at run time, the head `H` around it.
pub(crate) enum Operation<H: 'static> {
    Add(Vec<Pair>),
    Set(Vec<Pair>),
    SetIfAbsent(Vec<Pair>),
    AppendIfAbsent(Vec<Pair>),
    Delete(Names),
    DeletePrefix(String),
    Map { name: HeaderName, f: MapText, warned: Arc<AtomicBool> },
    MapValue { name: HeaderName, f: MapValue },
    SetWith { name: HeaderName, f: Make<H> },
    AddWith { name: HeaderName, f: Make<H> },
}

impl<H> Clone for Operation<H> {
    fn clone(&self) -> Self {
        match self {
            Self::Add(pairs) => Self::Add(pairs.clone()),
            Self::Set(pairs) => Self::Set(pairs.clone()),
            Self::SetIfAbsent(pairs) => Self::SetIfAbsent(pairs.clone()),
            Self::AppendIfAbsent(pairs) => Self::AppendIfAbsent(pairs.clone()),
            Self::Delete(names) => Self::Delete(names.clone()),
            Self::DeletePrefix(prefix) => Self::DeletePrefix(prefix.clone()),
            Self::Map { name, f, warned } => {
                Self::Map { name: name.clone(), f: Arc::clone(f), warned: Arc::clone(warned) }
            }
            Self::MapValue { name, f } => Self::MapValue { name: name.clone(), f: Arc::clone(f) },
            Self::SetWith { name, f } => Self::SetWith { name: name.clone(), f: Arc::clone(f) },
            Self::AddWith { name, f } => Self::AddWith { name: name.clone(), f: Arc::clone(f) },
        }
    }
}

/// Names the operation; values may be secrets.
impl<H> fmt::Debug for Operation<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Add(_) => "add",
            Self::Set(_) => "set",
            Self::SetIfAbsent(_) => "set_if_absent",
            Self::AppendIfAbsent(_) => "append_if_absent",
            Self::Delete(_) => "delete",
            Self::DeletePrefix(_) => "delete_prefix",
            Self::Map { .. } => "map",
            Self::MapValue { .. } => "map_value",
            Self::SetWith { .. } => "set_with",
            Self::AddWith { .. } => "add_with",
        })
    }
}

impl<H> Operation<H> {
    /// Applies the change to the map of `head`. A full map is left as it is.
    pub(crate) fn apply(&self, head: &mut H, headers: impl Fn(&mut H) -> &mut HeaderMap) {
        match self {
            Self::SetWith { name, f } => {
                if let Some(value) = f(head) {
                    let _ = headers(head).try_insert(name.clone(), value);
                }
            }
            Self::AddWith { name, f } => {
                if let Some(value) = f(head) {
                    let _ = headers(head).try_append(name.clone(), value);
                }
            }
            operation => operation.apply_to_map(headers(head)),
        }
    }

    /// Whether it needs nothing but the map.
    pub(crate) fn is_for_map_only(&self) -> bool {
        !matches!(self, Self::SetWith { .. } | Self::AddWith { .. })
    }

    /// Applies a change that needs nothing but the map; one that makes its value at run time does nothing.
    pub(crate) fn apply_to_map(&self, headers: &mut HeaderMap) {
        match self {
            Self::Add(pairs) => {
                for (name, value) in pairs {
                    let _ = headers.try_append(name.clone(), value.clone());
                }
            }
            Self::Set(pairs) => {
                for (name, value) in pairs {
                    let _ = headers.try_insert(name.clone(), value.clone());
                }
            }
            Self::SetIfAbsent(pairs) => {
                for (name, value) in pairs {
                    if let Ok(Entry::Vacant(entry)) = headers.try_entry(name) {
                        let _ = entry.try_insert(value.clone());
                    }
                }
            }
            Self::AppendIfAbsent(pairs) => {
                for (name, value) in pairs {
                    append_if_absent(headers, name.clone(), value.clone());
                }
            }
            Self::Delete(names) => names.delete_from(headers),
            Self::DeletePrefix(prefix) => delete_prefix(headers, prefix),
            Self::Map { name, f, warned } => {
                map_lines(headers, name, |value| map_text(value, name, f, warned));
            }
            Self::MapValue { name, f } => map_lines(headers, name, |value| f(value)),
            Self::SetWith { .. } | Self::AddWith { .. } => {}
        }
    }
}

fn delete_prefix(headers: &mut HeaderMap, prefix: &str) {
    let names: Vec<_> = headers
        .keys()
        .filter(|name| name.as_str().starts_with(prefix) && !is_reserved(name))
        .cloned()
        .collect();
    for name in names {
        headers.remove(name);
    }
}

/// Passes each line through `f`, in order; `None` takes it away.
pub(crate) fn map_lines(
    headers: &mut HeaderMap,
    name: &HeaderName,
    mut f: impl FnMut(&HeaderValue) -> Option<HeaderValue>,
) {
    if !headers.contains_key(name) {
        return;
    }
    let lines: Vec<_> = headers.get_all(name).iter().filter_map(&mut f).collect();
    headers.remove(name);
    for line in lines {
        let _ = headers.try_append(name, line);
    }
}

/// A line that is no text stays; a result that is empty or no field value takes it away.
fn map_text(
    value: &HeaderValue,
    name: &HeaderName,
    f: &MapText,
    warned: &AtomicBool,
) -> Option<HeaderValue> {
    let Ok(text) = std::str::from_utf8(value.as_bytes()) else { return Some(value.clone()) };
    let mapped = f(text);
    if mapped.is_empty() {
        return None;
    }
    if let Ok(value) = HeaderValue::try_from(mapped) {
        return Some(value);
    }
    warn_once(warned, name);
    None
}

/// A value made at run time cannot be sent. Told once for each operation: a client must not be able to fill the log.
pub(crate) fn warn_once(warned: &AtomicBool, name: &HeaderName) {
    if !warned.swap(true, Ordering::Relaxed) {
        tracing::warn!(target: "parapet_headers", field = %name, "a mapped value is no field value: the line is left out");
    }
}
