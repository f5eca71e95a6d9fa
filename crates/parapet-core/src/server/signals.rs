//! SIGTERM, SIGINT and SIGHUP.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What asks the process to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// SIGTERM: a service manager.
    Terminate,
    /// SIGINT: a person at a terminal.
    Interrupt,
}

/// Signals that this server listens to; several servers of a process hear the same ones.
#[derive(Debug)]
pub(crate) struct Signals {
    stop: Option<(Signal, Signal)>,
}

impl Signals {
    pub(crate) fn new(
        trap: bool,
        on_hangup: Option<Arc<dyn Fn() + Send + Sync>>,
    ) -> io::Result<Self> {
        if let Some(on_hangup) = on_hangup {
            let mut hangup = signal(SignalKind::hangup())?;
            tokio::spawn(async move {
                while hangup.recv().await.is_some() {
                    super::notify::reloading(|| {
                        // The next signal is heard, and the service manager told that this one was, all the same.
                        if catch_unwind(AssertUnwindSafe(|| on_hangup())).is_err() {
                            tracing::error!(target: "parapet_core", "the callback of SIGHUP panicked");
                        }
                    });
                }
            });
        }
        let stop = trap.then(|| {
            Ok::<_, io::Error>((signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?))
        });
        Ok(Self { stop: stop.transpose()? })
    }

    pub(crate) fn none() -> Self {
        Self { stop: None }
    }

    /// The next request to stop. Cancel safe.
    pub(crate) async fn next(&mut self) -> Stop {
        let Some((terminate, interrupt)) = &mut self.stop else {
            return std::future::pending().await;
        };
        tokio::select! {
            Some(()) = terminate.recv() => Stop::Terminate,
            Some(()) = interrupt.recv() => Stop::Interrupt,
            else => std::future::pending().await,
        }
    }
}
