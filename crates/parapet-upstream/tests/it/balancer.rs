use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use parapet_core::{Body, RequestHead, Response, ResponseHead};
use parapet_upstream::{
    Attempt, Balancer, Error, Guard, Picked, Target, Ticket, Transport, Upstream,
};

use crate::support::{Backend, Silent, get, serve, status};

/// One target; counts the bodies that are open, and hears outcomes.
#[derive(Clone)]
struct Watching {
    target: Arc<Target>,
    open: Arc<AtomicUsize>,
    outcomes: Arc<Mutex<Vec<String>>>,
}

impl Watching {
    fn new(transport: impl Into<Transport>) -> Self {
        let target = Arc::new(Target::new("app", transport).unwrap());
        Self { target, open: Arc::default(), outcomes: Arc::default() }
    }

    fn outcomes(&self) -> Vec<String> {
        self.outcomes.lock().unwrap().clone()
    }

    fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }
}

impl Balancer for Watching {
    fn pick(&self, _head: &RequestHead, _at: &Attempt) -> Result<Picked, Error> {
        self.open.fetch_add(1, Ordering::Relaxed);
        let slot = Slot(self.open.clone());
        let ticket = Watched { outcomes: self.outcomes.clone(), slot };
        Ok(Picked::new(Arc::clone(&self.target)).ticket(ticket))
    }
}

struct Watched {
    outcomes: Arc<Mutex<Vec<String>>>,
    slot: Slot,
}

impl Ticket for Watched {
    fn done(self: Box<Self>, result: Result<&ResponseHead, &Error>) -> Option<Guard> {
        let outcome = match result {
            Ok(head) => head.status.to_string(),
            Err(error) => error.to_string(),
        };
        self.outcomes.lock().unwrap().push(outcome);
        Some(Guard::new(self.slot))
    }
}

struct Slot(Arc<AtomicUsize>);

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn guard_lives_as_long_as_the_body() {
    let watching = Watching::new(&Backend::new(|_| Ok(Response::new(Body::from("ok")))));
    let response = serve(&Upstream::new(watching.clone()), get("/")).await;
    assert_eq!((watching.outcomes(), watching.open()), (vec!["200 OK".to_owned()], 1));
    let mut body = response.into_body();
    body.frame().await.unwrap().unwrap();
    assert_eq!(watching.open(), 0, "at its end, not at its drop");
}

#[tokio::test]
async fn guard_of_a_response_without_body_is_free_at_once() {
    let watching = Watching::new(&Backend::new(|_| Ok(status(503))));
    let response = serve(&Upstream::new(watching.clone()), get("/")).await;
    assert_eq!((response.status().as_u16(), watching.open()), (503, 0));
}

#[tokio::test(start_paused = true)]
async fn failure_is_told_once_for_each_attempt() {
    let watching = Watching::new(&Backend::failing(Error::Protocol("bad head")));
    serve(&Upstream::new(watching.clone()).retries(1), get("/")).await;
    let told = "the response breaks the protocol: bad head";
    assert_eq!((watching.outcomes(), watching.open()), (vec![told.to_owned(); 2], 0));
}

#[tokio::test(start_paused = true)]
async fn client_that_leaves_is_no_outcome() {
    let watching = Watching::new(Transport::custom(Silent));
    let upstream = Upstream::new(watching.clone());
    let left = tokio::time::timeout(Duration::from_secs(1), serve(&upstream, get("/"))).await;
    assert!(left.is_err());
    assert_eq!((watching.outcomes(), watching.open()), (vec![], 0));
}

#[tokio::test]
async fn panicking_round_trip_frees_the_slot() {
    let watching = Watching::new(&Backend::new(|_| panic!("oops")));
    let upstream = Upstream::new(watching.clone());
    let request = tokio::spawn(async move { serve(&upstream, get("/")).await });
    assert!(request.await.unwrap_err().is_panic());
    assert_eq!((watching.outcomes(), watching.open()), (vec![], 0));
}
