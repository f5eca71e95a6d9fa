use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use parapet_core::{Middleware, RequestHead, ResponseHead, Server};
use parapet_testkit::{FrameClient, OriginConn, RawClient, RawOrigin, kind};
use parapet_timeout::{RequestDeadline, Timeout};
use parapet_upstream::{
    Attempt, Balancer, Error, Guard, HttpTransport, Picked, Target, Ticket, Upstream,
};
use tokio::net::TcpListener;

use crate::timeout::ms;
use crate::tunnel::serve;

/// Picks its one target and counts what is in flight there, up to the end of the body.
struct Counting {
    target: Arc<Target>,
    in_flight: Arc<AtomicUsize>,
}

struct Slot(Arc<AtomicUsize>);

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Ticket for Slot {
    fn done(self: Box<Self>, _result: Result<&ResponseHead, &Error>) -> Option<Guard> {
        Some(Guard::new(*self))
    }
}

impl Balancer for Counting {
    fn pick(&self, _head: &RequestHead, _at: &Attempt) -> Result<Picked, Error> {
        self.in_flight.fetch_add(1, Ordering::SeqCst);
        Ok(Picked::new(Arc::clone(&self.target)).ticket(Slot(Arc::clone(&self.in_flight))))
    }
}

/// A proxy to `origin`, what is in flight there, and the failures that its hook heard of.
fn proxy(origin: &RawOrigin) -> (Upstream, Arc<AtomicUsize>, Arc<Mutex<Vec<String>>>) {
    let (in_flight, heard) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
    let target = Target::new(&origin.address().to_string(), HttpTransport::new()).unwrap();
    let balancer = Counting { target: Arc::new(target), in_flight: Arc::clone(&in_flight) };
    let record = Arc::clone(&heard);
    let upstream = Upstream::new(balancer).on_round_trip(move |_, info| {
        record.lock().unwrap().push(format!("{:?}", info.error));
    });
    (upstream, in_flight, heard)
}

#[tokio::test]
async fn a_silent_backend_is_answered_for_with_504_and_its_slot_is_free() {
    let origin = RawOrigin::start(OriginConn::stall).await;
    let deadline: Box<dyn Middleware> = Box::new(RequestDeadline::new(ms(50)));
    let timeout: Box<dyn Middleware> = Box::new(Timeout::new(ms(50)));
    // The deadline is the upstream's to keep and counts against the target; the timeout drops the request.
    for (layer, error) in [(deadline, "Some(Timeout(Deadline))"), (timeout, "Some(Canceled)")] {
        let (upstream, in_flight, heard) = proxy(&origin);
        let address = serve((layer, upstream)).await;
        let mut client = RawClient::connect(address).await;
        client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
        let answer = client.answer().await;
        assert_eq!((answer.status, answer.text()), (504, "Gateway Timeout\n"));
        assert_eq!(*heard.lock().unwrap(), [error]);
        assert_eq!(in_flight.load(Ordering::SeqCst), 0, "{error}");
    }
}

/// Answers with a head and a part of the body, then says nothing more.
async fn stalling(head: &'static str) -> RawOrigin {
    RawOrigin::start(move |mut conn| async move {
        conn.read_head().await;
        conn.send(head).await;
        conn.stall().await;
    })
    .await
}

#[tokio::test]
async fn a_body_that_stalls_ends_badly_on_the_wire_and_frees_its_slot() {
    for head in [
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\npart\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\npart",
    ] {
        let origin = stalling(head).await;
        let (upstream, in_flight, _heard) = proxy(&origin);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = Server::backend().with((RequestDeadline::new(ms(100)), upstream));
        tokio::spawn(server.serve(listener));

        let mut client = RawClient::connect(address).await;
        client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
        let received = String::from_utf8(client.rest().await).unwrap();
        assert!(received.starts_with("HTTP/1.1 200 "), "{received}");
        assert!(received.trim_end().ends_with("part"), "no last chunk: {received:?}");

        let (mut client, _) = FrameClient::connect(address).await;
        client.get(1, "/").await;
        loop {
            let frame = client.answer().await.expect("a reset of the stream");
            assert!(!frame.ends_stream(), "never a clean end: {frame:?}");
            if frame.kind == kind::RST_STREAM {
                break;
            }
        }
        assert_eq!(in_flight.load(Ordering::SeqCst), 0);
    }
}

/// In Go a 103 disarms the timeout: there the first head counts.
#[tokio::test]
async fn an_early_hint_is_no_head() {
    let origin = stalling("HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\n\r\n").await;
    let (upstream, in_flight, _heard) = proxy(&origin);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::new().early_hints_http1(true);
    tokio::spawn(server.with((Timeout::new(ms(100)), upstream)).serve(listener));
    let mut client = RawClient::connect(address).await;
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    assert_eq!(client.answer().await.status, 103);
    assert_eq!(client.answer().await.status, 504);
    assert_eq!(in_flight.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn the_answer_to_head_is_a_head() {
    let origin = RawOrigin::start(OriginConn::stall).await;
    let (upstream, _in_flight, _heard) = proxy(&origin);
    let address = serve((Timeout::new(ms(50)), upstream)).await;
    let mut client = RawClient::connect(address).await;
    client.send("HEAD / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n").await;
    let answer = client.answer_to(true).await;
    assert_eq!((answer.status, answer.field("content-length")), (504, Some("16")));
    assert_eq!(client.rest().await, b"");
}

#[tokio::test]
async fn a_panic_of_the_predicate_is_the_handlers() {
    let panicking = |_: &parapet_core::Request| panic!("of the predicate");
    let timeout: Box<dyn Middleware> = Box::new(Timeout::new(ms(50)).skip_if(panicking));
    let deadline: Box<dyn Middleware> = Box::new(RequestDeadline::new(ms(50)).skip_if(panicking));
    for layer in [timeout, deadline] {
        let mut client = RawClient::connect(serve(layer).await).await;
        client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
        assert_eq!(client.answer().await.status, 500);
    }
}
