use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use aws_lc_rs::hmac;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};

use super::password_file::PasswordFile;
use super::{Credentials, random_key};
use crate::lru::Lru;
use crate::scheme::Denial;
use crate::{AuthError, Error, Reason};

const LOOK_EVERY: Duration = Duration::from_secs(5);
const WAIT: Duration = Duration::from_secs(5);
const REMEMBER: Duration = Duration::from_secs(300);
const REMEMBERED: usize = 1024;

/// A password file that is looked at while it serves.
pub(super) struct Htpasswd {
    path: PathBuf,
    started: Instant,
    /// Milliseconds since `started` at which the file is due to be looked at.
    due: AtomicU64,
    file: ArcSwap<Loaded>,
    /// Hashes that may be computed at once: a flood of logins must not take every core.
    slots: Arc<Semaphore>,
    /// Of what is remembered: never a password.
    key: hmac::Key,
    /// Successes, by the tag of user and password; void with the file.
    successes: Mutex<Lru<Vec<u8>, Instant>>,
}

struct Loaded {
    passwords: PasswordFile,
    /// Modification time and size when it was read, or `None` if that failed.
    stamp: Option<(SystemTime, u64)>,
}

impl Htpasswd {
    pub(super) fn open(path: PathBuf) -> Result<Arc<Self>, Error> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let loaded = load(&path)?;
        Ok(Arc::new(Self {
            path,
            started: Instant::now(),
            due: AtomicU64::new(millis(LOOK_EVERY)),
            file: ArcSwap::from_pointee(loaded),
            slots: Arc::new(Semaphore::new((cores / 2).max(1))),
            key: random_key()?,
            successes: Mutex::new(Lru::new(REMEMBERED)),
        }))
    }

    /// Whether an earlier check answered for this one.
    pub(super) async fn verify(self: Arc<Self>, credentials: Credentials) -> Result<bool, Denial> {
        self.look().await;
        // The lengths go in, so that no two pairs look alike.
        let tagged =
            format!("{}:{}{}", credentials.user.len(), credentials.user, credentials.password);
        let tag = hmac::sign(&self.key, tagged.as_bytes()).as_ref().to_vec();
        let now = Instant::now();
        let success = self.successes().get(&tag).copied();
        if success.is_some_and(|until| now < until) {
            return Ok(true);
        }
        let permit = self.slot().await?;
        let loaded = self.file.load_full();
        let checked = {
            let loaded = Arc::clone(&loaded);
            spawn_blocking(move || {
                let _held = permit;
                let hash = loaded.passwords.hash(&credentials.user);
                let known = hash.is_some();
                let dummy = hash.is_none().then(|| loaded.passwords.dummy(&credentials.user));
                // An unknown user takes as long as a known one.
                let fits =
                    hash.or(dummy.as_ref()).is_some_and(|hash| hash.fits(&credentials.password));
                known & fits
            })
        };
        match checked.await {
            Ok(true) => {
                let mut successes = self.successes();
                // A file that was swapped meanwhile may know better.
                if Arc::ptr_eq(&loaded, &self.file.load_full()) {
                    successes.insert(tag, Instant::now() + REMEMBER);
                }
                Ok(false)
            }
            Ok(false) => Err(Denial::credentials(Reason::BadCredentials)),
            Err(_) => Err(Denial::unavailable()),
        }
    }

    async fn slot(&self) -> Result<OwnedSemaphorePermit, Denial> {
        match timeout(WAIT, Arc::clone(&self.slots).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(Denial::new(AuthError::Unavailable, Reason::Overloaded)),
        }
    }

    /// Reads the file again if it is due and has changed.
    async fn look(self: &Arc<Self>) {
        let now = millis(Instant::now().saturating_duration_since(self.started));
        let due = self.due.load(Ordering::Relaxed);
        let next = now.saturating_add(millis(LOOK_EVERY));
        let mine = now >= due
            && self.due.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if mine {
            let this = Arc::clone(self);
            let _joined = spawn_blocking(move || this.reload()).await;
        }
    }

    fn reload(&self) {
        let current = self.file.load();
        let found = stamp(&self.path);
        if found == current.stamp {
            return;
        }
        match load(&self.path) {
            Ok(loaded) => {
                let mut successes = self.successes();
                self.file.store(Arc::new(loaded));
                successes.clear();
                tracing::info!(path = ?self.path, "password file reloaded");
            }
            Err(error) => {
                // The last good one goes on, and this state of the file is told once.
                let passwords = current.passwords.clone();
                self.file.store(Arc::new(Loaded { passwords, stamp: found }));
                tracing::error!(path = ?self.path, error = %error, "password file refused; the last good one serves");
            }
        }
    }

    fn successes(&self) -> std::sync::MutexGuard<'_, Lru<Vec<u8>, Instant>> {
        self.successes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn load(path: &PathBuf) -> Result<Loaded, Error> {
    // Before the content: a change in between is seen at the next look.
    let stamp = stamp(path);
    let text = fs::read_to_string(path).map_err(Error::PasswordFile)?;
    Ok(Loaded { passwords: PasswordFile::parse(&text)?, stamp })
}

fn stamp(path: &PathBuf) -> Option<(SystemTime, u64)> {
    let meta = fs::metadata(path).ok()?;
    Some((meta.modified().ok()?, meta.len()))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
