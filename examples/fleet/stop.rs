//! The signals that stop the program.

use std::future::Future;
use std::io;

/// Traps Ctrl-C and SIGTERM from now on; the future ends with the first of them.
#[cfg(unix)]
pub(crate) fn signals() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let (mut interrupt, mut terminate) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Ends with Ctrl-C.
#[cfg(not(unix))]
pub(crate) fn signals() -> io::Result<impl Future<Output = ()>> {
    Ok(async {
        // An error: Ctrl-C cannot be trapped, and ends the program by itself.
        let _ = tokio::signal::ctrl_c().await;
    })
}
