use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::runtime;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::server::{Counters, ListenerContext, ServerStats, snapshot};

/// How far the drain of a server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the phases of the drain are part of its contract")]
pub enum DrainPhase {
    /// Not begun.
    Running,
    /// Begun: everything is accepted and served as before, readiness is false.
    Wait,
    /// No new connections; requests in progress go on.
    Grace,
    /// Over.
    Ended,
}

/// Handle of a server: cheap to clone, valid before, during and after serving.
#[derive(Clone)]
pub struct ServerHandle(Arc<Shared>);

type Callback = Box<dyn FnOnce() + Send>;

struct Shared {
    /// The same as the watched phase, for the one read per request.
    phase: AtomicU8,
    phase_watch: watch::Sender<DrainPhase>,
    forced: AtomicBool,
    forced_watch: watch::Sender<bool>,
    times: Mutex<Times>,
    on_shutdown: Mutex<Callbacks>,
    on_finish: Mutex<Vec<Callback>>,
    task_guards: AtomicUsize,
    /// Rung when the last task guard is dropped.
    idle: tokio::sync::Notify,
    local_addrs: OnceLock<Vec<SocketAddr>>,
    /// Counters of each listener, by its name. Grows at set-up only.
    listeners: Mutex<Vec<(Arc<str>, Arc<Counters>)>>,
    /// Runtime that callbacks may spawn on; set when serving starts.
    runtime: OnceLock<runtime::Handle>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Times {
    wait: Duration,
    /// `None`: without bound.
    grace: Option<Duration>,
    started: Option<Instant>,
    /// The wait is left out: SIGINT, a listener that failed.
    skip_wait: bool,
}

enum Callbacks {
    Waiting(Vec<Callback>),
    /// The drain has begun: what comes now runs at once.
    Begun,
}

impl ServerHandle {
    pub(crate) fn new(wait: Duration, grace: Option<Duration>) -> Self {
        Self(Arc::new(Shared {
            phase: AtomicU8::new(0),
            phase_watch: watch::Sender::new(DrainPhase::Running),
            forced: AtomicBool::new(false),
            forced_watch: watch::Sender::new(false),
            times: Mutex::new(Times { wait, grace, ..Times::default() }),
            on_shutdown: Mutex::new(Callbacks::Waiting(Vec::new())),
            on_finish: Mutex::new(Vec::new()),
            task_guards: AtomicUsize::new(0),
            idle: tokio::sync::Notify::new(),
            local_addrs: OnceLock::new(),
            listeners: Mutex::default(),
            runtime: OnceLock::new(),
        }))
    }

    /// Begins the drain, once; every caller's future ends with it. Dropping the future changes nothing.
    pub fn shutdown(&self) -> impl Future<Output = ()> + Send + use<> {
        self.begin_drain(false);
        self.reached(DrainPhase::Ended)
    }

    /// Cuts now: what is in progress is reset.
    pub fn shutdown_now(&self) {
        self.begin_drain(true);
        self.0.forced.store(true, Ordering::Release);
        self.0.forced_watch.send_replace(true);
    }

    /// Whether the drain has begun.
    pub fn is_draining(&self) -> bool {
        self.0.phase.load(Ordering::Acquire) != 0
    }

    /// How far the drain is.
    pub fn drain_phase(&self) -> DrainPhase {
        match self.0.phase.load(Ordering::Acquire) {
            0 => DrainPhase::Running,
            1 => DrainPhase::Wait,
            2 => DrainPhase::Grace,
            _ => DrainPhase::Ended,
        }
    }

    /// Ends when the drain begins.
    pub fn draining(&self) -> impl Future<Output = ()> + Send + use<> {
        self.reached(DrainPhase::Wait)
    }

    /// Ends when the server stops accepting.
    pub fn grace_started(&self) -> impl Future<Output = ()> + Send + use<> {
        self.reached(DrainPhase::Grace)
    }

    /// When what is left will be cut. `None` before the drain, or when the grace time has no bound.
    pub fn drain_deadline(&self) -> Option<Instant> {
        let times = self.times();
        let wait = if times.skip_wait { Duration::ZERO } else { times.wait };
        times.started?.checked_add(wait)?.checked_add(times.grace?)
    }

    /// Runs `f` once when the drain begins: on a thread of its own where blocking is allowed, with the runtime entered;
    /// at once when the drain has begun already. No phase of the drain waits for it, but the server's `run` or `serve`
    /// returns only when it has ended, or at the end of the grace time. So it must not wait for that end itself. A panic
    /// in it is caught.
    pub fn register_on_shutdown(&self, f: impl FnOnce() + Send + 'static) {
        let callback: Callback = Box::new(f);
        {
            let mut callbacks = lock(&self.0.on_shutdown);
            if let Callbacks::Waiting(waiting) = &mut *callbacks {
                waiting.push(callback);
                return;
            }
        }
        self.run_callback(callback);
    }

    /// Runs `f` after the drain, off the worker threads; all of them have 5 s together. For exporters.
    pub fn register_on_finish(&self, f: impl FnOnce() + Send + 'static) {
        lock(&self.0.on_finish).push(Box::new(f));
    }

    /// Holds the grace phase open for detached work (cache revalidation, a mirror) until it is dropped.
    pub fn task_guard(&self) -> TaskGuard {
        self.0.task_guards.fetch_add(1, Ordering::AcqRel);
        TaskGuard(self.clone())
    }

    /// Addresses that the server listens on; empty before it does.
    pub fn local_addrs(&self) -> &[SocketAddr] {
        self.0.local_addrs.get().map_or(&[], Vec::as_slice)
    }

    /// Counters of the server at this moment, by listener and in sum. It costs a few hundred reads: made for a scrape, not
    /// for each request.
    pub fn stats(&self) -> ServerStats {
        let listeners = lock(&self.0.listeners).clone();
        snapshot(&listeners, self.drain_phase())
    }

    /// A listener's counters are part of the server's from now on.
    pub(crate) fn count(&self, listener: &ListenerContext) {
        let named = (Arc::clone(&listener.name), Arc::clone(&listener.counters));
        lock(&self.0.listeners).push(named);
    }

    fn reached(&self, phase: DrainPhase) -> impl Future<Output = ()> + Send + use<> {
        let mut watch = self.0.phase_watch.subscribe();
        // Held so that the sender lives as long as somebody waits for it.
        let handle = self.clone();
        async move {
            let _ = watch.wait_for(|now| *now >= phase).await;
            drop(handle);
        }
    }

    /// Sets the times of the drain; called by the builder only, before anything serves.
    pub(crate) fn set_times(&self, wait: Duration, grace: Option<Duration>) {
        let mut times = lock(&self.0.times);
        times.wait = wait;
        times.grace = grace;
    }

    /// Begins the drain; only the first call does. `skip_wait` leaves the wait phase out.
    pub(crate) fn begin_drain(&self, skip_wait: bool) {
        {
            let mut times = lock(&self.0.times);
            if times.started.is_some() {
                return;
            }
            times.started = Some(Instant::now());
            times.skip_wait = skip_wait;
        }
        // The end does not come before the last callback has begun, however short the phases are.
        let _begins = self.task_guard();
        self.enter(DrainPhase::Wait);
        let callbacks = std::mem::replace(&mut *lock(&self.0.on_shutdown), Callbacks::Begun);
        if let Callbacks::Waiting(callbacks) = callbacks {
            for callback in callbacks {
                self.run_callback(callback);
            }
        }
    }

    /// Moves on to `phase`; never back.
    pub(crate) fn enter(&self, phase: DrainPhase) {
        self.0.phase.fetch_max(phase as u8, Ordering::AcqRel);
        self.0.phase_watch.send_if_modified(|now| {
            let later = phase > *now;
            if later {
                *now = phase;
            }
            later
        });
    }

    /// When the wait phase ends; `None` before the drain.
    pub(crate) fn wait_ends(&self) -> Option<Instant> {
        let times = self.times();
        let wait = if times.skip_wait { Duration::ZERO } else { times.wait };
        times.started.map(|started| started.checked_add(wait).unwrap_or_else(far_future))
    }

    /// From when on answers ask clients to leave: the middle of the wait phase.
    pub(crate) fn wants_close(&self, now: Instant) -> bool {
        match self.drain_phase() {
            DrainPhase::Running => false,
            DrainPhase::Wait => {
                let times = self.times();
                times.skip_wait
                    || times.started.is_some_and(|started| {
                        now.saturating_duration_since(started) >= times.wait / 2
                    })
            }
            DrainPhase::Grace | DrainPhase::Ended => true,
        }
    }

    /// How long a connection without a request has for one on its way once the server no longer accepts: a second, or
    /// half of a grace time that is not much longer, so that silence alone never outlasts it.
    pub(crate) fn leave_time(&self) -> Duration {
        let second = Duration::from_secs(1);
        self.times().grace.map_or(second, |grace| second.min(grace / 2))
    }

    /// Whether [`shutdown_now`](Self::shutdown_now) was called, or a second signal came: what is in progress is cut.
    pub fn is_forced(&self) -> bool {
        self.0.forced.load(Ordering::Acquire)
    }

    /// Ends when everything must be cut.
    pub(crate) fn forced(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut watch = self.0.forced_watch.subscribe();
        let handle = self.clone();
        async move {
            let _ = watch.wait_for(|forced| *forced).await;
            drop(handle);
        }
    }

    /// Ends when no task guard is held.
    pub(crate) async fn tasks_done(&self) {
        loop {
            let idle = self.0.idle.notified();
            tokio::pin!(idle);
            idle.as_mut().enable();
            if self.0.task_guards.load(Ordering::Acquire) == 0 {
                return;
            }
            idle.await;
        }
    }

    pub(crate) fn set_local_addrs(&self, addrs: Vec<SocketAddr>) {
        let _ = self.0.local_addrs.set(addrs);
    }

    pub(crate) fn set_runtime(&self, handle: runtime::Handle) {
        let _ = self.0.runtime.set(handle);
    }

    pub(crate) fn take_on_finish(&self) -> Vec<Callback> {
        std::mem::take(&mut *lock(&self.0.on_finish))
    }

    fn times(&self) -> Times {
        *lock(&self.0.times)
    }

    /// On a thread of its own, not on the runtime's blocking pool: that one may be full, and drops what it is given after
    /// the runtime has ended. The end of the drain waits for it, as for a task.
    fn run_callback(&self, callback: Callback) {
        let callback = Arc::new(Mutex::new(Some(callback)));
        let runtime = self.0.runtime.get().cloned();
        let running = self.task_guard();
        let run = {
            let callback = Arc::clone(&callback);
            move || {
                let entered = runtime.as_ref().map(runtime::Handle::enter);
                run_caught(&callback);
                drop((entered, running));
            }
        };
        if std::thread::Builder::new().name("parapet-shutdown".into()).spawn(run).is_err() {
            // No thread to be had: late is better than never.
            run_caught(&callback);
        }
    }
}

impl fmt::Debug for ServerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerHandle")
            .field("phase", &self.drain_phase())
            .field("local_addrs", &self.local_addrs())
            .finish_non_exhaustive()
    }
}

/// Detached work in progress: the grace phase waits for it.
#[derive(Debug)]
pub struct TaskGuard(ServerHandle);

impl Drop for TaskGuard {
    fn drop(&mut self) {
        if self.0.0.task_guards.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.0.idle.notify_waiters();
        }
    }
}

fn run_caught(callback: &Mutex<Option<Callback>>) {
    let callback = lock(callback).take();
    if let Some(callback) = callback
        && std::panic::catch_unwind(AssertUnwindSafe(callback)).is_err()
    {
        tracing::error!("a shutdown callback panicked");
    }
}

/// A panic while a lock was held leaves nothing half-done here: every critical section is one assignment.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;

/// Later than any server runs: where an operator's span does not fit the clock.
fn far_future() -> Instant {
    Instant::now() + Duration::from_secs(86_400 * 365 * 30)
}
