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
            let due = self.armed.is_none_or(|armed| armed > wanted);
            if due {
                self.armed = Some(wanted);
                #[cfg(test)]
                tests::count();
            }
            let sleep = match &mut self.sleep {
                Some(sleep) if due => {
                    sleep.as_mut().reset(wanted);
                    sleep
                }
                Some(sleep) => sleep,
                None => self.sleep.insert(Box::pin(sleep_until(wanted))),
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

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

    use super::*;
    use crate::{ConnMeta, Response, Server, handler_fn};

    const SECOND: Duration = Duration::from_secs(1);

    thread_local! {
        /// Timers armed on this thread, for the first time or anew.
        static OPERATIONS: Cell<usize> = const { Cell::new(0) };
    }

    pub(super) fn count() {
        OPERATIONS.set(OPERATIONS.get() + 1);
    }

    async fn poll_once(timer: &mut LazyTimer, wanted: Instant) -> bool {
        std::future::poll_fn(|cx| Poll::Ready(timer.poll(Some(wanted), cx).is_ready())).await
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_that_moves_on_costs_nothing_and_is_never_early() {
        let mut timer = LazyTimer::default();
        let begin = Instant::now();
        for step in 0..1000 {
            assert!(!poll_once(&mut timer, begin + SECOND + Duration::from_millis(step)).await);
        }
        assert_eq!(OPERATIONS.get(), 1);
        // It fires at the first deadline, and is armed anew for the last.
        let last = begin + 2 * SECOND;
        std::future::poll_fn(|cx| timer.poll(Some(last), cx)).await;
        assert!(begin.elapsed() >= 2 * SECOND, "{:?}", begin.elapsed());
        assert_eq!(OPERATIONS.get(), 2);
        // One that comes earlier than the armed one is not late.
        assert!(!poll_once(&mut timer, last + 9 * SECOND).await);
        let soon = Instant::now() + SECOND;
        std::future::poll_fn(|cx| timer.poll(Some(soon), cx)).await;
        assert!(soon.elapsed() < Duration::from_millis(10), "{:?}", soon.elapsed());
        assert_eq!(OPERATIONS.get(), 4);
    }

    async fn ask(client: &mut DuplexStream) {
        let get = b"GET /index.html HTTP/1.1\r\nHost: www.example.org\r\nUser-Agent: test\r\n\r\n";
        client.write_all(get).await.unwrap();
        let mut answer = [0; 512];
        let read = client.read(&mut answer).await.unwrap();
        assert!(answer.get(..read).unwrap().ends_with(b"\r\n\r\n"), "{read}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_on_a_connection_that_is_kept_arms_no_timer() {
        let server = Server::frontend().handler(handler_fn(|_| async { Response::default() }));
        let connections = server.into_connections().unwrap();
        let (mut client, io) = duplex(1024);
        tokio::spawn(connections.serve(io, ConnMeta::new(None)));
        ask(&mut client).await;
        let before = OPERATIONS.get();
        for _ in 0..1000 {
            ask(&mut client).await;
        }
        assert_eq!(OPERATIONS.get(), before);
        // The clock moves: the timer that fires early is armed anew, once in a while and not for each request.
        for _ in 0..1000 {
            tokio::time::advance(Duration::from_millis(10)).await;
            ask(&mut client).await;
        }
        let armed = OPERATIONS.get() - before;
        assert!((1..=30).contains(&armed), "{armed}");
    }
}
