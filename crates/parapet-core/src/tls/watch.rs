use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use super::certificate::{Certificate, read};
use super::store::Shared;
use crate::Error;

/// A PEM file with a chain, leaf first, and one with its key; both may be one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertFiles {
    chain: PathBuf,
    key: PathBuf,
}

impl CertFiles {
    /// Names the two files.
    pub fn new(chain: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self { chain: chain.into(), key: key.into() }
    }

    /// The chain's file.
    pub fn chain(&self) -> &Path {
        &self.chain
    }

    /// The key's file.
    pub fn key(&self) -> &Path {
        &self.key
    }
}

type ErrorHook = Arc<dyn Fn(&Error) + Send + Sync>;

/// The files of a store and what was read from them last.
pub(crate) struct Watch {
    /// Held while files are read, so that two reloads cannot overtake each other.
    state: Mutex<State>,
    hooks: Mutex<Vec<ErrorHook>>,
    /// Wakes the thread when the store goes away.
    bell: Arc<Bell>,
}

struct State {
    pairs: Vec<Pair>,
    /// Text of the last failure: one that lasts is reported once.
    reported: Option<String>,
}

struct Pair {
    files: CertFiles,
    /// Of chain and key. The files are the operator's own: a keyed hash is enough to see a change, and keeps no key.
    content: u64,
    certificate: Certificate,
}

#[derive(Default)]
struct Bell {
    rung: Mutex<bool>,
    condvar: Condvar,
}

/// What a reload found.
pub(crate) struct Reloaded {
    /// The old certificate and the new one of each pair that changed.
    pub(crate) renewed: Vec<(Certificate, Certificate)>,
    pub(crate) failure: Option<Error>,
}

impl Watch {
    /// Reads all files for the first time.
    pub(crate) fn load(files: Vec<CertFiles>) -> Result<(Self, Vec<Certificate>), Error> {
        let pairs = files.into_iter().map(Pair::load).collect::<Result<Vec<_>, _>>()?;
        let certificates = pairs.iter().map(|pair| pair.certificate.clone()).collect();
        let watch = Self {
            state: Mutex::new(State { pairs, reported: None }),
            hooks: Mutex::default(),
            bell: Arc::default(),
        };
        Ok((watch, certificates))
    }

    /// Starts the thread that reloads `store` every `interval`, until the store is gone.
    pub(crate) fn start(store: Weak<Shared>, interval: Duration) -> Result<(), Error> {
        let Some(bell) = store.upgrade().and_then(|store| Some(Arc::clone(&store.watch()?.bell)))
        else {
            return Ok(());
        };
        let run = move || {
            while !bell.wait(interval) {
                let Some(store) = store.upgrade() else { return };
                // A failure has been reported by `reload`; the next round tries again.
                let _ = store.reload();
            }
        };
        std::thread::Builder::new()
            .name("parapet-certs".into())
            .spawn(run)
            .map(drop)
            .map_err(Error::Runtime)
    }

    /// Reads all files again.
    pub(crate) fn reload(&self) -> Reloaded {
        let mut state = lock(&self.state);
        let mut reloaded = Reloaded { renewed: Vec::new(), failure: None };
        for pair in &mut state.pairs {
            match pair.reload() {
                Ok(None) => {}
                Ok(Some(old)) => reloaded.renewed.push((old, pair.certificate.clone())),
                Err(error) => {
                    reloaded.failure.get_or_insert(error);
                }
            }
        }
        let text = reloaded.failure.as_ref().map(ToString::to_string);
        let is_news = text != state.reported;
        state.reported = text;
        drop(state); // a hook may call `reload`
        if let Some(error) = reloaded.failure.as_ref().filter(|_| is_news) {
            tracing::warn!(
                error = error as &dyn std::error::Error,
                "certificates cannot be reloaded, the old ones stay"
            );
            let hooks = lock(&self.hooks).clone();
            for hook in hooks {
                // A panic here would end the thread, and with it every later renewal.
                if std::panic::catch_unwind(AssertUnwindSafe(|| hook(error))).is_err() {
                    tracing::error!("a hook on certificate reload errors panicked");
                }
            }
        }
        reloaded
    }

    pub(crate) fn on_error(&self, hook: ErrorHook) {
        lock(&self.hooks).push(hook);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.bell.ring();
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}

impl Pair {
    fn load(files: CertFiles) -> Result<Self, Error> {
        let (chain, key) = (read(&files.chain)?, read(&files.key)?);
        let certificate = Certificate::from_file_content(&files.chain, &chain, &files.key, &key)?;
        Ok(Self { files, content: digest(&chain, &key), certificate })
    }

    /// The old certificate, if there is a new one now.
    fn reload(&mut self) -> Result<Option<Certificate>, Error> {
        let (chain, key) = (read(&self.files.chain)?, read(&self.files.key)?);
        let content = digest(&chain, &key);
        if content == self.content {
            return Ok(None);
        }
        let new = Certificate::from_file_content(&self.files.chain, &chain, &self.files.key, &key)?;
        self.content = content;
        Ok(Some(std::mem::replace(&mut self.certificate, new)))
    }
}

impl Bell {
    /// Waits for `interval`; whether the bell has rung.
    fn wait(&self, interval: Duration) -> bool {
        let rung = lock(&self.rung);
        let (rung, _) = self
            .condvar
            .wait_timeout_while(rung, interval, |rung| !*rung)
            .unwrap_or_else(PoisonError::into_inner);
        *rung
    }

    fn ring(&self) {
        *lock(&self.rung) = true;
        self.condvar.notify_all();
    }
}

fn digest(chain: &[u8], key: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    (chain, key).hash(&mut hasher);
    hasher.finish()
}

/// No critical section here leaves anything half-done when it panics.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
