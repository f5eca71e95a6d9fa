use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Method};
use parapet_core::Request;

use crate::origins::Origins;

/// Everything that was set. What is sent is built once.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    pub(crate) origins: Allowed,
    pub(crate) methods: List,
    pub(crate) headers: List,
    pub(crate) expose: Option<HeaderValue>,
    pub(crate) max_age: Option<HeaderValue>,
    pub(crate) credentials: bool,
    pub(crate) private_network: bool,
    pub(crate) all_options: bool,
    pub(crate) same_origin: bool,
    pub(crate) null: bool,
    pub(crate) keep_upstream: bool,
}

impl Policy {
    pub(crate) fn new(origins: Allowed) -> Self {
        Self {
            origins,
            methods: List::Fixed(Some(HeaderValue::from_static("GET,POST,PUT,PATCH,DELETE"))),
            headers: List::Fixed(Some(HeaderValue::from_static("Authorization,Content-Type"))),
            expose: None,
            max_age: Some(HeaderValue::from_static("3600")),
            credentials: false,
            private_network: false,
            all_options: false,
            same_origin: true,
            null: false,
            keep_upstream: false,
        }
    }
}

/// Which origins are let in.
#[derive(Clone)]
pub(crate) enum Allowed {
    Every,
    List(Arc<Origins>),
    Function(Arc<Judge>),
}

pub(crate) type Judge = dyn Fn(&str, &Request) -> bool + Send + Sync;

impl fmt::Debug for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Every => f.write_str("Every"),
            Self::List(origins) => origins.fmt(f),
            Self::Function(_) => f.write_str("Function"),
        }
    }
}

/// What a preflight allows of methods or fields.
#[derive(Clone, Debug)]
pub(crate) enum List {
    /// `None`: nothing, and no field.
    Fixed(Option<HeaderValue>),
    /// What was asked for.
    Echo,
}

pub(crate) fn methods(list: impl IntoIterator<Item = Method>) -> Option<HeaderValue> {
    joined(",", list.into_iter().map(|method| method.as_str().to_owned()))
}

/// Names with their words capitalized, as people write them.
pub(crate) fn names(
    separator: &str,
    list: impl IntoIterator<Item = HeaderName>,
) -> Option<HeaderValue> {
    let capitalized = |name: HeaderName| {
        let mut start = true;
        let letters = name.as_str().chars().map(|letter| {
            let shown = if start { letter.to_ascii_uppercase() } else { letter };
            start = letter == '-';
            shown
        });
        letters.collect::<String>()
    };
    joined(separator, list.into_iter().map(capitalized))
}

pub(crate) fn seconds(age: Duration) -> HeaderValue {
    HeaderValue::from(age.as_secs())
}

fn joined(separator: &str, list: impl Iterator<Item = String>) -> Option<HeaderValue> {
    let text = list.collect::<Vec<_>>().join(separator);
    // Tokens and commas are a field value.
    if text.is_empty() { None } else { HeaderValue::try_from(text).ok() }
}
