use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use arc_swap::ArcSwap;

use crate::{Handler, Middleware, Request, ResponseFuture, Serve};

/// Makes a middleware that can be replaced by another of its type while requests are served.
///
/// ```
/// use parapet_core::{Body, Handler, Middleware, Request, handler_fn, live};
/// let (layer, live) = live(handler_fn(|_| async { "old" }));
/// let handler = layer.wrap(handler_fn(|_| async { "behind" }));
/// live.replace(handler_fn(|_| async { "new" }));
/// # let rt = tokio::runtime::Builder::new_current_thread().build()?;
/// # let response = rt.block_on(handler.serve(Request::new(Body::empty())));
/// # let body = rt.block_on(response.into_body().collect(8))?;
/// # assert_eq!(body.data(), "new");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn live<M: Middleware>(middleware: M) -> (LiveLayer<M>, Live<M>) {
    let state = State { middleware: Arc::new(middleware), slots: Vec::new() };
    let shared = Arc::new(Mutex::new(state));
    (LiveLayer(Arc::clone(&shared)), Live(shared))
}

/// The middleware side of [`live`]: serves with what was published last. Costs one pointer load per request.
///
/// May be wrapped in several chains: a replacement reaches all of them.
pub struct LiveLayer<M>(Arc<Mutex<State<M>>>);

/// The operator's side of [`live`]: publishes another middleware.
pub struct Live<M>(Arc<Mutex<State<M>>>);

impl<M: Middleware> Live<M> {
    /// Wraps `middleware` with the next that the layer got, then publishes it in one step: a request sees the old one or
    /// the new one, never both.
    ///
    /// Requests in flight finish on the handlers they started with; the old middleware is freed with the last of them.
    /// Calls are serialised, the last wins. Before the layer is wrapped the middleware is kept for it; after its handler is
    /// gone there is nothing to do.
    pub fn replace(&self, middleware: M) {
        let middleware = Arc::new(middleware);
        let mut state = lock(&self.0);
        let old = std::mem::replace(&mut state.middleware, Arc::clone(&middleware));
        let slots: Vec<_> = state.slots.iter().filter_map(Weak::upgrade).collect();
        state.slots.retain(|slot| slot.strong_count() > 0);
        let retired: Vec<_> = slots
            .iter()
            .map(|slot| slot.current.swap(Arc::new(middleware.wrap(slot.next.clone()))))
            .collect();
        drop(state);
        // Outside the lock: what the old table holds may take its time to go.
        drop((old, retired));
    }
}

impl<M: Middleware> Middleware for LiveLayer<M> {
    fn wrap(&self, next: Handler) -> Handler {
        let mut state = lock(&self.0);
        let current = ArcSwap::from_pointee(state.middleware.wrap(next.clone()));
        let slot = Arc::new(Slot { next, current });
        state.slots.retain(|slot| slot.strong_count() > 0);
        state.slots.push(Arc::downgrade(&slot));
        Handler::new(Current(slot))
    }
}

impl<M> Clone for LiveLayer<M> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<M> Clone for Live<M> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<M> fmt::Debug for LiveLayer<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveLayer").finish_non_exhaustive()
    }
}

impl<M> fmt::Debug for Live<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").finish_non_exhaustive()
    }
}

struct State<M> {
    /// What was published last; a later `wrap` of the layer starts with it.
    middleware: Arc<M>,
    /// One for each `wrap` of the layer; dead when that handler is gone.
    slots: Vec<Weak<Slot>>,
}

struct Slot {
    next: Handler,
    current: ArcSwap<Handler>,
}

struct Current(Arc<Slot>);

impl Serve for Current {
    fn serve(&self, request: Request) -> ResponseFuture {
        self.0.current.load().serve(request)
    }
}

/// A panic in a middleware's `wrap` leaves the state as it was or with a new middleware that is not published
/// everywhere: the next replacement mends that.
fn lock<M>(state: &Mutex<State<M>>) -> MutexGuard<'_, State<M>> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::Weak;

    use super::*;
    use crate::{Body, handler_fn};

    /// Answers with its text; falls through for the path `/next`.
    struct Table(Arc<str>);

    impl Middleware for Table {
        fn wrap(&self, next: Handler) -> Handler {
            let text = Arc::clone(&self.0);
            Handler::new(Answer { text, next })
        }
    }

    struct Answer {
        text: Arc<str>,
        next: Handler,
    }

    impl Serve for Answer {
        fn serve(&self, request: Request) -> ResponseFuture {
            if request.uri().path() == "/next" {
                return self.next.serve(request);
            }
            let text = Arc::clone(&self.text);
            ResponseFuture::new(async move {
                tokio::task::yield_now().await;
                http::Response::new(Body::full(text.to_string()))
            })
        }
    }

    async fn ask(handler: &Handler, path: &str) -> bytes::Bytes {
        let request = http::Request::builder().uri(path).body(Body::empty()).unwrap();
        let response = handler.serve(request).await;
        response.into_body().collect(64).await.unwrap().into_data()
    }

    fn table(text: &str) -> (Table, Weak<str>) {
        let text: Arc<str> = text.into();
        (Table(Arc::clone(&text)), Arc::downgrade(&text))
    }

    #[tokio::test]
    async fn a_replacement_reaches_every_chain_and_keeps_its_next() {
        let (layer, live) = live(table("old").0);
        let chains = ["a", "b"].map(|name| layer.wrap(handler_fn(move |_| async move { name })));
        for text in ["old", "new"] {
            for (chain, next) in chains.iter().zip(["a", "b"]) {
                assert_eq!(ask(chain, "/").await, text);
                assert_eq!(ask(chain, "/next").await, next);
            }
            live.replace(table("new").0);
        }
    }

    #[tokio::test]
    async fn a_replacement_before_the_wrap_is_kept_and_after_the_end_does_nothing() {
        let (layer, live) = live(table("old").0);
        live.replace(table("new").0);
        let handler = layer.wrap(handler_fn(|_| async { "" }));
        assert_eq!(ask(&handler, "/").await, "new");
        drop((handler, layer));
        live.replace(table("newer").0);
        assert_eq!(lock(&live.0).slots.len(), 0);
    }

    #[tokio::test]
    async fn requests_in_flight_finish_on_the_old_table_which_is_then_freed() {
        let (old, old_text) = table("old");
        let (layer, live) = live(old);
        let handler = layer.wrap(handler_fn(|_| async { "" }));
        let in_flight = ask(&handler, "/");
        tokio::pin!(in_flight);
        assert!(poll_once(in_flight.as_mut()).await.is_none());
        live.replace(table("new").0);
        assert_eq!(ask(&handler, "/").await, "new");
        assert!(old_text.strong_count() > 0);
        assert_eq!(in_flight.await, "old");
        assert_eq!(old_text.strong_count(), 0);
    }

    /// Polls once.
    async fn poll_once<F: Future + Unpin>(mut future: F) -> Option<F::Output> {
        std::future::poll_fn(|cx| {
            std::task::Poll::Ready(match std::pin::Pin::new(&mut future).poll(cx) {
                std::task::Poll::Ready(output) => Some(output),
                std::task::Poll::Pending => None,
            })
        })
        .await
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_thousand_replacements_under_load_lose_no_request() {
        let (first, mut last) = table("0");
        let (layer, live) = live(first);
        let handler = layer.wrap(handler_fn(|_| async { "" }));
        let load: Vec<_> = (0..4)
            .map(|_| {
                let handler = handler.clone();
                tokio::spawn(async move {
                    let mut newest = 0;
                    while newest < 1000 {
                        let answer = ask(&handler, "/").await;
                        let seen = std::str::from_utf8(&answer).unwrap().parse::<u32>().unwrap();
                        assert!(seen >= newest, "{seen} after {newest}");
                        newest = seen;
                    }
                })
            })
            .collect();
        for version in 1..=1000 {
            let (table, text) = table(&version.to_string());
            live.replace(table);
            if version < 1000 {
                last = text;
            }
            tokio::task::yield_now().await;
        }
        for task in load {
            task.await.unwrap();
        }
        assert_eq!(last.strong_count(), 0, "only the newest table is left");
    }
}
