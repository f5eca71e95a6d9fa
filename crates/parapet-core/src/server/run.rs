//! Binding, workers, and the drain.

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::runtime;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{sleep_until, timeout};

use super::Server;
use super::accept::{self, Accepted, Detached, Open, accept_loop};
use super::bind::listener_context;
use super::connection::serve_connection;
use super::handover::Handover;
use super::listen::{Listen, Listener, ListenerContext};
use super::notify;
use super::registry::Registration;
use super::service::Service;
use super::signals::{Signals, Stop};
#[cfg(feature = "tls")]
use crate::TlsConfig;
use crate::{BoxError, BoxFuture, DrainPhase, Error, ServerHandle, worker};

/// What is left of a server's settings once its service is frozen.
pub(crate) struct Plan {
    pub(crate) listens: Vec<Listen>,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<TlsConfig>,
    pub(crate) background: Vec<BoxFuture<'static, ()>>,
    pub(crate) on_start: Vec<BoxFuture<'static, Result<(), BoxError>>>,
    pub(crate) on_hangup: Option<Arc<dyn Fn() + Send + Sync>>,
    pub(crate) handover: Option<PathBuf>,
}

/// A server whose settings are checked and whose listeners are open.
pub struct Bound {
    pub(super) service: Arc<Service>,
    pub(super) plan: Plan,
    pub(super) open: Vec<Open>,
    pub(super) handover: Option<Handover>,
}

impl std::fmt::Debug for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bound").field("local_addrs", &self.local_addrs()).finish_non_exhaustive()
    }
}

fn max_connections(service: &Service) -> usize {
    use rustix::process::{Resource, getrlimit};
    service.settings.max_connections.unwrap_or_else(|| {
        let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let half = usize::try_from(files.saturating_sub(128) / 2).unwrap_or(usize::MAX);
        half.clamp(64, 100_000)
    })
}

impl Bound {
    /// The addresses that are listened on, Unix sockets left out.
    pub fn local_addrs(&self) -> Vec<SocketAddr> {
        self.open.iter().filter_map(Open::local_addr).collect()
    }

    /// Handle of the server.
    pub fn handle(&self) -> ServerHandle {
        self.service.handle.clone()
    }

    /// Blocks until the end of the drain.
    ///
    /// # Errors
    /// As [`Server::run`].
    pub fn run(self) -> Result<(), Error> {
        if runtime::Handle::try_current().is_ok() {
            return Err(Error::InsideRuntime);
        }
        let workers = self.service.settings.worker_count();
        worker::configure(workers);
        let main = current_thread(workers)?;
        let result = main.block_on(self.run_workers(workers));
        main.shutdown_timeout(Duration::from_secs(1));
        result
    }

    /// Serves all listeners on the caller's runtime.
    ///
    /// # Errors
    /// As [`Server::serve`].
    pub async fn serve(self) -> Result<(), Error> {
        serve_open(self).await
    }

    /// The main thread: signals, the drain, and, where workers cannot accept by themselves, the one acceptor.
    async fn run_workers(self, workers: usize) -> Result<(), Error> {
        let Self { service, mut plan, open, handover } = self;
        service.handle.set_runtime(runtime::Handle::current());
        // Trapped first of all: who is told that the server is ready may send one at once.
        let signals = Signals::new(service.settings.grace_timeout.is_some(), plan.on_hangup.take());
        let mut signals = signals.map_err(Error::Runtime)?;
        tokio::select! {
            started = start(&mut plan) => started?,
            _ = signals.next() => {
                // Nothing is served yet: nothing to drain but what is told of it.
                service.handle.begin_drain(true);
                let result = drain(&service, &mut signals, std::future::pending()).await;
                finish(&service.handle).await;
                service.handle.enter(DrainPhase::Ended);
                return result;
            }
        }
        let limit = max_connections(&service);
        let (failed, mut failures) = mpsc::unbounded_channel();
        // A worker accepts by itself where it can: alone, or on sockets of its own that nobody takes over. Else one acceptor hands over, so
        // that none gets more than its share.
        let accepts_itself = workers == 1 || (service.settings.reuse_port && handover.is_none());
        let mut pool = Vec::new();
        let mut senders = Vec::new();
        let (mut own, shared) = if accepts_itself {
            (own_listeners(open, workers)?, Vec::new())
        } else {
            (Vec::new(), open)
        };
        for index in 0..workers {
            let (sender, inbox) = mpsc::unbounded_channel();
            let own = own.get_mut(index).map(std::mem::take).unwrap_or_default();
            let work =
                Work { service: Arc::clone(&service), own, inbox, limit, failed: failed.clone() };
            pool.push(work.start(index, workers)?);
            senders.push(sender);
        }
        let mut tasks = JoinSet::new();
        for task in plan.background.drain(..) {
            tasks.spawn(task);
        }
        let senders: Arc<[mpsc::UnboundedSender<Handed>]> = senders.into();
        for open in shared {
            let (service, senders) = (Arc::clone(&service), Arc::clone(&senders));
            tasks.spawn(hand_over(service, open, limit, senders, failed.clone()));
        }
        serves(&service, handover, &mut tasks);
        let failure = async {
            match failures.recv().await {
                Some(error) => error,
                None => std::future::pending().await,
            }
        };
        let result = drain(&service, &mut signals, failure).await;
        tasks.shutdown().await;
        // Without senders a worker ends, and with its runtime all that is left on it.
        drop(senders);
        for worker in pool {
            // A worker's panics are caught where they happen.
            let _ = worker.join();
        }
        finish(&service.handle).await;
        service.handle.enter(DrainPhase::Ended);
        result
    }
}

/// Serves listeners that are open already on the caller's runtime.
pub(crate) async fn serve(server: Server, listeners: Vec<Listener>) -> Result<(), Error> {
    let (service, plan) = Service::split(server)?;
    let listen = Listen::any(0);
    let open = listeners
        .into_iter()
        .map(|listener| {
            Open::from_listener(listener.0, |name| listener_context(&service, &plan, &listen, name))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let bound = Bound { service, plan, open, handover: None };
    bound.service.handle.set_local_addrs(bound.local_addrs());
    bound.serve().await
}

async fn serve_open(bound: Bound) -> Result<(), Error> {
    let Bound { service, mut plan, open, handover } = bound;
    service.handle.set_runtime(runtime::Handle::current());
    start(&mut plan).await?;
    let limit = max_connections(&service);
    let mut signals = Signals::none();
    let (failed, mut failures) = mpsc::unbounded_channel();
    let mut tasks = JoinSet::new();
    for task in plan.background.drain(..) {
        tasks.spawn(task);
    }
    for open in open {
        tasks.spawn(accept_here(Arc::clone(&service), open, limit, failed.clone()));
    }
    serves(&service, handover, &mut tasks);
    let failure = async {
        match failures.recv().await {
            Some(error) => error,
            None => std::future::pending().await,
        }
    };
    let result = drain(&service, &mut signals, failure).await;
    tasks.shutdown().await;
    finish(&service.handle).await;
    service.handle.enter(DrainPhase::Ended);
    result
}

/// Everything is up: whoever waits for that is told.
fn serves(service: &Arc<Service>, handover: Option<Handover>, tasks: &mut JoinSet<()>) {
    let took_over = handover.as_ref().is_some_and(Handover::has_predecessor);
    // In place before that: who hears of it may start the next process at once.
    let handover = handover.filter(Handover::takes_place);
    service.hooks.ready(service.handle.local_addrs());
    notify::ready(took_over);
    if let Some(handover) = handover {
        tasks.spawn(handover.run(Arc::clone(service)));
    }
}

/// A connection on its way to the worker that serves it.
struct Handed {
    connection: Detached,
    registration: Registration,
    context: Arc<ListenerContext>,
}

/// What one worker thread does.
struct Work {
    service: Arc<Service>,
    own: Vec<Open>,
    inbox: mpsc::UnboundedReceiver<Handed>,
    limit: usize,
    failed: mpsc::UnboundedSender<Error>,
}

impl Work {
    fn start(self, index: usize, workers: usize) -> Result<thread::JoinHandle<()>, Error> {
        let runtime = current_thread(workers)?;
        let run = move || {
            worker::enter(index);
            runtime.block_on(self.run());
            // What is left is cut: dropping the runtime drops every connection.
            runtime.shutdown_timeout(Duration::from_millis(100));
        };
        thread::Builder::new()
            .name(format!("parapet-worker-{index}"))
            .spawn(run)
            .map_err(Error::Runtime)
    }

    async fn run(mut self) {
        for open in self.own {
            tokio::spawn(accept_here(
                Arc::clone(&self.service),
                open,
                self.limit,
                self.failed.clone(),
            ));
        }
        while let Some(Handed { connection, registration, context }) = self.inbox.recv().await {
            if let Ok(accepted) = connection.attach() {
                spawn_connection(&self.service, accepted, registration, &context);
            }
        }
    }
}

/// The first worker's listeners are the ones that `bind` opened, so that they close when it stops accepting; each other
/// worker has sockets on the same addresses.
fn own_listeners(open: Vec<Open>, workers: usize) -> Result<Vec<Vec<Open>>, Error> {
    let again = |open: &Open| {
        accept::reopen(open).map_err(|source| {
            let address = open.local_addr();
            let address = address.map_or_else(|| "unix".into(), |address| address.to_string());
            Error::Bind { address, source }
        })
    };
    let mut own = (1..workers)
        .map(|_| open.iter().map(again).collect::<Result<Vec<_>, _>>())
        .collect::<Result<Vec<_>, _>>()?;
    own.insert(0, open);
    Ok(own)
}

async fn accept_here(
    service: Arc<Service>,
    open: Open,
    limit: usize,
    failed: mpsc::UnboundedSender<Error>,
) {
    let stop = service.handle.grace_started();
    let serve = |accepted, registration, context: &Arc<ListenerContext>| {
        spawn_connection(&service, accepted, registration, context);
    };
    if let Err(error) = accept_loop(&service, open, limit, stop, serve).await {
        let _ = failed.send(Error::Listener(error));
    }
}

async fn hand_over(
    service: Arc<Service>,
    open: Open,
    limit: usize,
    workers: Arc<[mpsc::UnboundedSender<Handed>]>,
    failed: mpsc::UnboundedSender<Error>,
) {
    let stop = service.handle.grace_started();
    // In turn: each worker gets its share, whatever else it is doing.
    let mut turn = workers.iter().cycle();
    let serve = |accepted: Accepted, registration, context: &Arc<ListenerContext>| {
        if let (Some(worker), Ok(connection)) = (turn.next(), accepted.detach()) {
            let _ = worker.send(Handed { connection, registration, context: Arc::clone(context) });
        }
    };
    if let Err(error) = accept_loop(&service, open, limit, stop, serve).await {
        let _ = failed.send(Error::Listener(error));
    }
}

fn spawn_connection(
    service: &Arc<Service>,
    accepted: Accepted,
    registration: Registration,
    context: &Arc<ListenerContext>,
) {
    match accepted.prepare(&service.settings) {
        Ok((socket, meta)) => {
            let (service, context) = (Arc::clone(service), Arc::clone(context));
            tokio::spawn(serve_connection(service, context, socket, meta, registration));
        }
        Err(error) => {
            tracing::debug!(target: "parapet_core", %error, "a connection was gone before it was served");
        }
    }
}

fn current_thread(workers: usize) -> Result<runtime::Runtime, Error> {
    runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads((512 / workers.max(1)).max(16))
        .build()
        .map_err(Error::Runtime)
}

async fn start(plan: &mut Plan) -> Result<(), Error> {
    for task in plan.on_start.drain(..) {
        task.await.map_err(Error::Start)?;
    }
    Ok(())
}

/// From the first reason to stop to the end of the grace time.
async fn drain(
    service: &Arc<Service>,
    signals: &mut Signals,
    failed: impl Future<Output = Error>,
) -> Result<(), Error> {
    let handle = &service.handle;
    let mut failure = None;
    tokio::select! {
        () = handle.draining() => {}
        stop = signals.next() => handle.begin_drain(stop == Stop::Interrupt),
        error = failed => {
            tracing::error!(target: "parapet_core", %error, "stopping");
            failure = Some(error);
            handle.begin_drain(true);
        }
    }
    tracing::info!(target: "parapet_core", "draining");
    notify::stopping();
    let waited = async {
        if let Some(end) = handle.wait_ends() {
            sleep_until(end).await;
        }
    };
    tokio::select! {
        () = waited => {}
        () = handle.forced() => {}
        _ = signals.next() => handle.shutdown_now(),
    }
    handle.enter(DrainPhase::Grace);
    service.registry.wake_all();
    let over = async {
        // Those whose handshake the system completed are accepted before the first look.
        tokio::task::yield_now().await;
        service.registry.empty().await;
        handle.tasks_done().await;
    };
    let deadline = handle.drain_deadline();
    let expired = async {
        match deadline {
            Some(deadline) => sleep_until(deadline).await,
            None => std::future::pending().await,
        }
    };
    let cut = tokio::select! {
        () = over => None,
        () = handle.forced() => Some(Error::Forced),
        _ = signals.next() => Some(Error::Forced),
        () = expired => Some(Error::DrainTimeout {
            connections: service.registry.open(),
            requests: service.registry.busy(),
        }),
    };
    if cut.is_some() {
        handle.shutdown_now();
        service.registry.wake_all();
        // What is told of the shutdown has as long as what is cut.
        let rest = async {
            service.registry.empty().await;
            handle.tasks_done().await;
        };
        let _ = timeout(Duration::from_millis(50), rest).await;
    }
    match failure.or(cut) {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

/// Runs what was registered for the end, for 5 s in all.
async fn finish(handle: &ServerHandle) {
    let callbacks = handle.take_on_finish();
    if callbacks.is_empty() {
        return;
    }
    let run = tokio::task::spawn_blocking(move || {
        for callback in callbacks {
            if std::panic::catch_unwind(std::panic::AssertUnwindSafe(callback)).is_err() {
                tracing::error!(target: "parapet_core", "a callback at the end of the drain panicked");
            }
        }
    });
    if timeout(Duration::from_secs(5), run).await.is_err() {
        tracing::warn!(target: "parapet_core", "callbacks at the end of the drain took longer than 5 s");
    }
}
