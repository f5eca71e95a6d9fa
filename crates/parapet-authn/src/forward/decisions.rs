use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderName};
use parapet_core::{RequestExt, RequestHead};
use parapet_header::{delta_seconds, directives};
use tokio::time::Instant;

use crate::Grant;
use crate::lru::Lru;

const MOST: usize = 4096;
const LONGEST: Duration = Duration::from_secs(60);

/// The key of a request with this content.
pub(super) fn with_content(key: &[u8], content: &[u8]) -> Vec<u8> {
    let mut context = Context::new(&SHA256);
    context.update(key); // of one length always
    context.update(content);
    context.finish().as_ref().to_vec()
}

/// Answers of yes that hold for a moment.
pub(super) struct Decisions {
    names: Vec<HeaderName>,
    held: Mutex<Lru<Vec<u8>, (Grant, Instant)>>,
}

impl Decisions {
    pub(super) fn new(names: Vec<HeaderName>) -> Self {
        Self { names, held: Mutex::new(Lru::new(MOST)) }
    }

    /// Of the request: method, authority, target, and the chosen fields. A hash, since credentials are among them.
    pub(super) fn key(&self, head: &RequestHead) -> Vec<u8> {
        let mut context = Context::new(&SHA256);
        let mut part = |bytes: &[u8]| {
            context.update(&bytes.len().to_be_bytes());
            context.update(bytes);
        };
        part(head.method.as_str().as_bytes());
        part(head.authority().map_or("", |authority| authority.as_str()).as_bytes());
        part(head.original_target().as_str().as_bytes());
        for name in &self.names {
            part(&head.headers.get_all(name).iter().count().to_be_bytes());
            for value in head.headers.get_all(name) {
                part(value.as_bytes());
            }
        }
        context.finish().as_ref().to_vec()
    }

    pub(super) fn get(&self, key: &[u8]) -> Option<Grant> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let (grant, until) = held.get(key)?;
        if Instant::now() < *until {
            return Some(grant.clone());
        }
        held.remove(key);
        None
    }

    /// Only what the auth server allows: `max-age`, and neither `no-store` nor `no-cache` (RFC 9111 §5.2.2).
    pub(super) fn remember(&self, key: Vec<u8>, answer: &HeaderMap, grant: &Grant) {
        let mut age = None;
        for (name, value) in directives(answer, &CACHE_CONTROL) {
            if name.eq_ignore_ascii_case(b"no-store") || name.eq_ignore_ascii_case(b"no-cache") {
                return;
            }
            if name.eq_ignore_ascii_case(b"max-age") {
                age = value.and_then(|value| delta_seconds(&value));
            }
        }
        let Some(age) = age.filter(|age| *age > 0) else { return };
        let until = Instant::now() + Duration::from_secs(age.into()).min(LONGEST);
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.insert(key, (grant.clone(), until));
    }
}
