use std::sync::{Arc, Mutex};
use std::time::Duration;

use parapet_core::LogValue;
use parapet_upstream::{Attempt, Balancer, Error, Picked, ShedReason, Transport, Upstream};

use crate::support::{Backend, Record, Silent, get, serve, status};

/// What a hook was told, a line for each call.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl Told {
    fn listen(&self, upstream: Upstream) -> Upstream {
        let told = self.0.clone();
        upstream.on_round_trip(move |head, info| {
            let host = info.host.unwrap_or("-");
            let outcome = match (info.status, info.error) {
                (Some(status), None) => status.to_string(),
                (None, Some(error)) => error.to_string(),
                other => panic!("{other:?}"),
            };
            let line = format!("{} {} {host} {outcome}", head.uri, info.attempt);
            told.lock().unwrap().push(line);
        })
    }

    fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

#[tokio::test(start_paused = true)]
async fn hook_is_called_once_for_each_attempt() {
    let failing = Backend::new(|n| match n {
        0 | 1 => Err(Error::Protocol("bad head")),
        _ => Ok(status(502)),
    });
    let told = Told::default();
    serve(&told.listen(failing.upstream().path("/p").unwrap()), get("/x")).await;
    assert_eq!(
        told.lines(),
        [
            "/p/x 0 app:8080 the response breaks the protocol: bad head",
            "/p/x 1 app:8080 the response breaks the protocol: bad head",
            "/p/x 2 app:8080 502",
        ]
    );
}

/// Picks a target once and sheds from then on.
struct Shedding(Backend);

impl Balancer for Shedding {
    fn pick(&self, _head: &parapet_core::RequestHead, at: &Attempt) -> Result<Picked, Error> {
        if at.retrying() {
            return Err(Error::Unavailable { reason: ShedReason::AllOpen });
        }
        Ok(Picked::new(Arc::new(self.0.target("app"))))
    }
}

#[tokio::test(start_paused = true)]
async fn shed_retry_does_not_report_the_earlier_target() {
    let told = Told::default();
    let upstream = Upstream::new(Shedding(Backend::failing(Error::Protocol("bad head"))));
    let mut request = get("/");
    let record = Record::mount(&mut request);
    assert_eq!(serve(&told.listen(upstream), request).await.status(), 503);
    assert_eq!(
        told.lines(),
        [
            "/ 0 app the response breaks the protocol: bad head",
            "/ 1 - no target is available: all_open",
        ]
    );
    assert_eq!(record.text("upstream"), "app", "the last one that was picked");
    assert_eq!(record.number("upstreamTries"), 2);
}

#[tokio::test(start_paused = true)]
async fn hook_and_log_hear_of_a_client_that_leaves() {
    let told = Told::default();
    let upstream = Upstream::single_host("app:81", Transport::custom(Silent)).unwrap();
    let mut request = get("/");
    let record = Record::mount(&mut request);
    let upstream = told.listen(upstream);
    let left = tokio::time::timeout(Duration::from_secs(2), serve(&upstream, request)).await;
    assert!(left.is_err());
    assert_eq!(told.lines(), ["/ 0 app:81 the request was given up before a response"]);
    assert_eq!(record.text("upstream"), "app:81");
    assert_eq!(record.number("upstreamDuration"), 2_000_000_000);
    assert_eq!(record.number("upstreamTries"), 1);
    assert_eq!(parapet_core::LogFields::get(&*record, "upstreamStatus"), None);
}

#[tokio::test(start_paused = true)]
async fn panicking_hook_changes_nothing() {
    let backend = Backend::ok();
    let upstream = backend.upstream().on_round_trip(|_, _| panic!("oops"));
    for _ in 0..2 {
        assert_eq!(serve(&upstream, get("/")).await.status(), 200);
    }
}

#[tokio::test(start_paused = true)]
async fn log_has_the_last_target_and_the_number_of_tries() {
    let backend = Backend::new(|n| match n {
        2 => Ok(status(201)),
        _ => Err(Error::Protocol("bad head")),
    });
    let mut request = get("/");
    let record = Record::mount(&mut request);
    serve(&backend.upstream(), request).await;
    assert_eq!(record.text("upstream"), "app:8080");
    assert_eq!(record.number("upstreamStatus"), 201);
    assert_eq!(record.number("upstreamTries"), 3);
    assert_eq!(record.number("upstreamDuration"), 0, "of the last attempt, on a clock that stands");

    let mut request = get("/");
    let record = Record::mount(&mut request);
    let failing = Backend::new(|n| if n == 0 { Ok(status(503)) } else { Err(Error::Canceled) });
    let upstream = failing.upstream().retry_on(|head| head.status == 503);
    assert_eq!(serve(&upstream, request).await.status(), 502);
    assert_eq!(record.number("upstreamTries"), 2);
    let status = parapet_core::LogFields::get(&*record, "upstreamStatus");
    assert_eq!(status, Some(LogValue::Null), "the last attempt had none");
}

#[tokio::test(start_paused = true)]
async fn proxy_behind_a_proxy_tells_of_the_same_attempts() {
    let backend =
        Backend::new(|n| if n == 0 { Err(Error::Protocol("bad head")) } else { Ok(status(200)) });
    let (inner, outer) = (Told::default(), Told::default());
    let transport = Transport::custom(inner.listen(backend.upstream()));
    let upstream = outer.listen(Upstream::single_host("edge", transport).unwrap());
    assert_eq!(serve(&upstream, get("/")).await.status(), 200);
    let lines = |host| {
        let failed = format!("/ 0 {host} the response breaks the protocol: bad head");
        [failed, format!("/ 1 {host} 200")]
    };
    assert_eq!(outer.lines(), lines("edge"));
    assert_eq!(inner.lines(), lines("app:8080"));
}

#[tokio::test(start_paused = true)]
async fn log_has_target_and_tries_of_a_request_that_failed_for_good() {
    let mut request = get("/");
    let record = Record::mount(&mut request);
    let upstream = Backend::failing(Error::Protocol("bad head")).upstream().retries(2);
    assert_eq!(serve(&upstream, request).await.status(), 502);
    assert_eq!(record.text("upstream"), "app:8080");
    assert_eq!(record.number("upstreamTries"), 3);
    assert_eq!(parapet_core::LogFields::get(&*record, "upstreamStatus"), Some(LogValue::Null));
}
