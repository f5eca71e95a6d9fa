use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::{ArcSwap, Guard};

use super::cert_set::CertSet;
use super::certificate::Certificate;
use super::expiry::{self, ExpiryNotice};
use super::watch::{CertFiles, Watch};
use crate::Error;

/// The certificates of an edge, by server name. Cheap to clone; all clones are one store.
///
/// Changes are swapped in as a whole: new handshakes use the new set at once, open connections and resumed sessions go
/// on. A name is looked up without regard to case: exact, then a wildcard of one label (`*.example.com`), then the
/// default. With several certificates for one name, the first whose key fits what the client can verify is served, so
/// RSA beside ECDSA works.
///
/// The default is the first certificate that was given; certificates with exactly the same names stand in beside it for
/// other kinds of keys.
#[derive(Clone)]
pub struct CertStore(Arc<Shared>);

pub(crate) struct Shared {
    current: ArcSwap<CertSet>,
    notice: ExpiryNotice,
    /// Set for stores that were made by `watch`, never after.
    watch: Option<Watch>,
}

impl CertStore {
    /// One certificate, under its own names and as the default.
    pub fn new(default: Certificate) -> Self {
        Self::from_certs([default])
    }

    /// Several, each under its own names; the first is the default. None at all is an error when the server binds, unless
    /// a resolver is set.
    pub fn from_certs(certificates: impl IntoIterator<Item = Certificate>) -> Self {
        Self::with_watch(CertSet::new(certificates), None)
    }

    /// Reads pairs of PEM files, now and again every `interval` (`None`: only by [`reload`](Self::reload)); 60 s is
    /// [`DEFAULT_INTERVAL`](Self::DEFAULT_INTERVAL).
    ///
    /// Certificate and key of a pair are taken together or not at all: a pair that cannot be read, or that does not
    /// match because only one of its files has been written yet, leaves its old certificate serving and is tried again.
    /// The files are read whole each time and compared by content, so a change that keeps the time stamp, or swaps a
    /// symbolic link, is seen. A thread of its own does it, ends with the last clone of the store, and needs no runtime.
    ///
    /// # Errors
    /// [`Error::Tls`] with the file, if a pair cannot be loaded now; [`Error::Runtime`] if the thread cannot be started.
    pub fn watch(
        files: impl IntoIterator<Item = CertFiles>,
        interval: impl Into<Option<Duration>>,
    ) -> Result<Self, Error> {
        let (watch, certificates) = Watch::load(files.into_iter().collect())?;
        let store = Self::with_watch(CertSet::new(certificates), Some(watch));
        if let Some(interval) = interval.into() {
            Watch::start(Arc::downgrade(&store.0), interval)?;
        }
        Ok(store)
    }

    /// How often [`watch`](Self::watch) should look when nothing speaks for another time.
    pub const DEFAULT_INTERVAL: Duration = Duration::from_secs(60);

    /// Serves `certificate`, and no other, under `name` (a wildcard: `*.example.com`), whatever its own names say. Where
    /// it replaces the default under that name, it becomes the default.
    ///
    /// Copies the set: to change many at once use [`replace`](Self::replace).
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a swap may have to be made again, each time from a clone"
    )]
    pub fn set(&self, name: &str, certificate: Certificate) {
        self.0.change(|set| set.set(name, certificate.clone()));
    }

    /// Serves `certificate` under `name` to clients that those before it do not fit: RSA beside ECDSA.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a swap may have to be made again, each time from a clone"
    )]
    pub fn add(&self, name: &str, certificate: Certificate) {
        self.0.change(|set| set.add(name, certificate.clone()));
    }

    /// Takes `name` out; whether it was there. Clients that ask for it get the default, or are refused.
    pub fn remove(&self, name: &str) -> bool {
        let mut removed = false;
        self.0.change(|set| removed = set.remove(name));
        removed
    }

    /// Puts `certificates` in place of all; the first is the default.
    pub fn replace(&self, certificates: impl IntoIterator<Item = Certificate>) {
        let set = CertSet::new(certificates);
        self.0.change(|current| current.clone_from(&set));
    }

    /// Reads watched files at once, and blocks meanwhile; whether anything changed. Without files: `false`.
    ///
    /// # Errors
    /// The first failure, naming the file. Pairs that can be loaded are served all the same.
    pub fn reload(&self) -> Result<bool, Error> {
        self.0.reload()
    }

    /// Calls `f` whenever watched files cannot be loaded, on the thread that reads them. Once for a failure that lasts.
    /// Several may be set. Without it the log tells.
    pub fn on_reload_error(&self, f: impl Fn(&Error) + Send + Sync + 'static) {
        if let Some(watch) = &self.0.watch {
            watch.on_error(Arc::new(f));
        }
    }

    /// Each server name with the date at which the first of its certificates expires, sorted: for metrics. A default
    /// without DNS names stands under the empty name.
    pub fn expiries(&self) -> Vec<(String, SystemTime)> {
        self.0.current.load().expiries()
    }

    pub(crate) fn load(&self) -> Guard<Arc<CertSet>> {
        self.0.current.load()
    }

    /// Warns of certificates that expire soon, once a day; costs one atomic read on all other calls.
    pub(crate) fn warn_of_expiry(&self, now: SystemTime) {
        if self.0.notice.is_due(now) {
            expiry::warn(&self.load().certificates(), now);
        }
    }

    fn with_watch(set: CertSet, watch: Option<Watch>) -> Self {
        Self(Arc::new(Shared {
            current: ArcSwap::from_pointee(set),
            notice: ExpiryNotice::default(),
            watch,
        }))
    }
}

impl Shared {
    /// Swaps in a changed copy. `change` may run more than once, each time on a fresh copy.
    fn change(&self, mut change: impl FnMut(&mut CertSet)) {
        self.current.rcu(|current| {
            let mut next = CertSet::clone(current);
            change(&mut next);
            next
        });
    }

    pub(crate) fn reload(&self) -> Result<bool, Error> {
        let Some(watch) = &self.watch else { return Ok(false) };
        let reloaded = watch.reload();
        if !reloaded.renewed.is_empty() {
            self.change(|set| {
                for (old, new) in &reloaded.renewed {
                    set.renew(old, new);
                }
            });
            for (_, new) in &reloaded.renewed {
                tracing::info!(certificate = ?new, "certificate reloaded");
            }
        }
        match reloaded.failure {
            Some(failure) => Err(failure),
            None => Ok(!reloaded.renewed.is_empty()),
        }
    }

    pub(crate) fn watch(&self) -> Option<&Watch> {
        self.watch.as_ref()
    }
}

impl From<Certificate> for CertStore {
    fn from(certificate: Certificate) -> Self {
        Self::new(certificate)
    }
}

impl fmt::Debug for CertStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertStore")
            .field("set", &*self.0.current.load())
            .field("watched", &self.0.watch.is_some())
            .finish_non_exhaustive()
    }
}
