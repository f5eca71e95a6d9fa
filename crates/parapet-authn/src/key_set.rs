use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parapet_core::{BoxError, BoxFuture};

use crate::{Algorithm, JwtKey};

/// Where keys come from: a remote key set, a table, an own store.
pub trait KeySource: Send + Sync + 'static {
    /// The set in which the key of this token is looked for. `kid` comes from a token that nobody has verified yet.
    ///
    /// # Errors
    /// [`KeyError`]: there is no set to look in.
    fn keys<'a>(
        &'a self,
        kid: Option<&'a str>,
        algorithm: Algorithm,
    ) -> BoxFuture<'a, Result<Arc<KeySet>, KeyError>>;

    /// Whether its keys may be shared secrets. Default: `true`. A source of public documents says no.
    fn may_hold_secrets(&self) -> bool {
        true
    }

    /// The issuer that its keys belong to, checked unless the JWT check names its own. Default: none.
    fn issuer(&self) -> Option<&str> {
        None
    }
}

impl<S: KeySource + ?Sized> KeySource for Arc<S> {
    fn keys<'a>(
        &'a self,
        kid: Option<&'a str>,
        algorithm: Algorithm,
    ) -> BoxFuture<'a, Result<Arc<KeySet>, KeyError>> {
        (**self).keys(kid, algorithm)
    }

    fn may_hold_secrets(&self) -> bool {
        (**self).may_hold_secrets()
    }

    fn issuer(&self) -> Option<&str> {
        (**self).issuer()
    }
}

/// A table that does not change.
impl KeySource for Arc<KeySet> {
    fn keys<'a>(
        &'a self,
        _kid: Option<&'a str>,
        _algorithm: Algorithm,
    ) -> BoxFuture<'a, Result<Arc<KeySet>, KeyError>> {
        Box::pin(std::future::ready(Ok(Self::clone(self))))
    }
}

/// Why a source gave no keys.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Nobody can tell at present: the request is answered with 503.
    #[error("the keys are unavailable")]
    Unavailable,
    /// There is no such key: the token is invalid.
    #[error("no such key")]
    NotFound,
    /// A cause of the source's own; the request is answered with 503.
    #[error("the key source failed")]
    Other(#[source] BoxError),
}

/// Keys with their ids. A set never changes: a source that learns of new keys makes a new one.
#[derive(Debug)]
pub struct KeySet {
    keys: Vec<(Option<Box<str>>, JwtKey)>,
    generation: u64,
}

impl KeySet {
    /// A set of keys with their ids, in this order. Cached tokens of older sets are verified again.
    pub fn new(keys: impl IntoIterator<Item = (Option<String>, JwtKey)>) -> Self {
        static GENERATIONS: AtomicU64 = AtomicU64::new(1);
        Self {
            keys: keys
                .into_iter()
                .map(|(kid, key)| (kid.map(String::into_boxed_str), key))
                .collect(),
            generation: GENERATIONS.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// Number of keys.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether it has no key.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether it has a key of this id.
    pub fn has(&self, kid: &str) -> bool {
        self.keys.iter().any(|(id, _)| id.as_deref() == Some(kid))
    }

    /// Unique in the process.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// Keys to try, at most four. Without an id: the one key that fits, if it is the only one (OIDC Core §10.1).
    pub(crate) fn candidates<'a>(
        &'a self,
        kid: Option<&'a str>,
        algorithm: Algorithm,
    ) -> impl Iterator<Item = &'a JwtKey> {
        let fitting = move || {
            self.keys.iter().filter(move |(id, key)| {
                (kid.is_none() || id.as_deref() == kid) && key.fits(algorithm)
            })
        };
        let most = match kid {
            Some(_) => 4,
            None if fitting().nth(1).is_some() => 0,
            None => 1,
        };
        fitting().take(most).map(|(_, key)| key)
    }
}
