//! What the service manager is told (sd_notify(3)), where there is one: `NOTIFY_SOCKET`.

#[cfg(feature = "systemd")]
use sd_notify::NotifyState;

/// Everything is served. `took_over`: in the place of another process, whose service this one is now.
pub(crate) fn ready(took_over: bool) {
    #[cfg(feature = "systemd")]
    if took_over {
        tell(&[NotifyState::MainPid(std::process::id()), NotifyState::Ready]);
    } else {
        tell(&[NotifyState::Ready]);
    }
    #[cfg(not(feature = "systemd"))]
    let _ = took_over;
}

/// The drain has begun.
pub(crate) fn stopping() {
    #[cfg(feature = "systemd")]
    tell(&[NotifyState::Stopping]);
}

/// SIGHUP came: what `reload` does, between `RELOADING=1` and `READY=1`.
pub(crate) fn reloading(reload: impl FnOnce()) {
    #[cfg(feature = "systemd")]
    match NotifyState::monotonic_usec_now() {
        // The manager takes the word for this reload's only with the time beside it.
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => tracing::debug!(target: "parapet_core", %error, "no monotonic time"),
    }
    reload();
    ready(false);
}

#[cfg(feature = "systemd")]
fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(target: "parapet_core", %error, "the service manager cannot be told");
    }
}
