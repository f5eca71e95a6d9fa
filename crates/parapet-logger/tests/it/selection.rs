use http::StatusCode;
use parapet_core::{Body, Request, Response, handler_fn};
use parapet_logger::{Format, RecordView, Summary};

use crate::support::{Log, exchange, get};

/// Answers with the status that the path names.
fn by_path() -> parapet_core::Handler {
    handler_fn(|request: Request| async move {
        let mut response = Response::new(Body::full("hello"));
        *response.status_mut() = request.uri().path().trim_start_matches('/').parse().unwrap();
        response
    })
}

#[tokio::test]
async fn a_tenth_of_the_good_records_and_all_bad_ones() {
    fastrand::seed(7);
    let log = Log::with(|logger| logger.sample(0.1).unwrap());
    let handler = log.wrap(by_path());
    for _ in 0..10_000 {
        exchange(&handler, get("/200")).await;
    }
    for _ in 0..100 {
        exchange(&handler, get("/500")).await;
        drop(handler.serve(get("/200"))); // aborted
    }
    let records = log.records();
    let count = |status: u16| records.iter().filter(|record| record["status"] == status).count();
    assert!((900..=1100).contains(&count(200)), "{}", count(200));
    assert_eq!((count(500), count(499)), (100, 100));
    for record in records {
        // A record that is always kept stands for itself.
        assert_eq!(record.get("sampleRate").is_some(), record["status"] == 200);
    }
}

#[tokio::test]
async fn nothing_or_all_is_a_share_too() {
    for (rate, kept) in [(0.0, 0), (1.0, 100)] {
        let log = Log::with(|logger| logger.sample(rate).unwrap());
        let handler = log.wrap(by_path());
        for _ in 0..100 {
            exchange(&handler, get("/200")).await;
        }
        assert_eq!(log.records().len(), kept);
        assert!(!log.text().contains("sampleRate"));
    }
}

#[tokio::test]
async fn a_filter_sees_the_exchange() {
    let log = Log::with(|logger| {
        logger.filter(|summary: &Summary<'_>| {
            assert_eq!((summary.method(), summary.host()), ("GET", "h:1"));
            assert_eq!((summary.request_body_size(), summary.aborted()), (0, None));
            assert_eq!(summary.response_body_size(), 5);
            assert!(summary.duration_header().unwrap() <= summary.duration());
            summary.status() != StatusCode::OK && summary.path() != "/404"
        })
    });
    let handler = log.wrap(by_path());
    for path in ["200", "404", "500"] {
        exchange(&handler, get(&format!("http://h:1/{path}?x"))).await;
    }
    assert_eq!(log.record()["status"], 500);
}

#[tokio::test]
async fn a_filter_that_panics_keeps_the_record() {
    let log = Log::with(|logger| logger.filter(|_| panic!("a filter")));
    exchange(&log.wrap(by_path()), get("/200")).await;
    assert_eq!(log.record()["status"], 200);
}

#[tokio::test]
async fn an_encoder_that_panics_loses_its_record_alone() {
    let format = Format::custom(|record: &RecordView<'_>, out: &mut Vec<u8>| {
        out.extend_from_slice(b"half");
        assert!(record.summary().status().is_success());
        out.extend_from_slice(b" and whole");
    });
    let log = Log::with(|logger| logger.format(format));
    let handler = log.wrap(by_path());
    for path in ["/200", "/500", "/200"] {
        exchange(&handler, get(path)).await;
    }
    assert_eq!(log.text(), "half and whole\nhalf and whole\n");
    assert_eq!(log.logger.stats().dropped_error, 1);
}
