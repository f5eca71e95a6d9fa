use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep, sleep_until};

/// One kept timer whose deadline moves all the time.
///
/// A timer operation costs far more than a comparison, and almost every deadline is moved on before it comes. So
/// the timer is armed anew only when the wanted instant is earlier than the armed one, and when it fires early.
#[derive(Debug, Default)]
pub(crate) struct LazyTimer {
    sleep: Option<Pin<Box<Sleep>>>,
    armed: Option<Instant>,
}

impl LazyTimer {
    /// Ready once `wanted` has passed; never, if it is `None`.
    pub(crate) fn poll(&mut self, wanted: Option<Instant>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(wanted) = wanted else { return Poll::Pending };
        loop {
            let sleep = if let Some(sleep) = &mut self.sleep {
                if self.armed.is_none_or(|armed| armed > wanted) {
                    sleep.as_mut().reset(wanted);
                    self.armed = Some(wanted);
                }
                sleep
            } else {
                self.armed = Some(wanted);
                self.sleep.insert(Box::pin(sleep_until(wanted)))
            };
            if sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            let fired = self.armed.take();
            if fired.is_none_or(|fired| fired >= wanted) {
                return Poll::Ready(());
            }
        }
    }
}
