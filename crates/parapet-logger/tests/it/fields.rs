use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use parapet_core::{LogRecord, LogValue, Middleware, Request, RequestExt, from_fn, handler_fn};
use parapet_logger::{self as logger, Logger};

use crate::support::{Log, exchange, get};

#[tokio::test]
async fn a_field_that_a_handler_sets_is_written_and_read_back() {
    let log = Log::new();
    let handler = log.wrap(handler_fn(|request: Request| async move {
        logger::set(&request, "custom", "value");
        logger::set(&request, "number", 7_u64);
        logger::set(&request, "custom", String::from("other"));
        assert_eq!(logger::get(&request, "custom"), Some(LogValue::from("other")));
        assert_eq!(logger::get(&request, "unknown"), None);
        assert_eq!(logger::get(&request, "status"), None);
        assert_eq!(logger::get(&request, "requestMethod"), Some(LogValue::from("GET")));
        let url = logger::get(&request, "requestUrl");
        assert_eq!(url, Some(LogValue::from("http://h/?token=REDACTED")));
        assert!(
            matches!(logger::get(&request, "timestamp"), Some(LogValue::Text(at)) if at.len() == 24)
        );
        "hello"
    }));
    exchange(&handler, get("http://h/?token=s3cr3t")).await;
    let record = log.record();
    assert_eq!(record["custom"], "other");
    assert_eq!(record["number"], 7);
    assert!(log.text().trim_end().ends_with(r#","custom":"other","number":7}"#));
}

#[tokio::test]
async fn a_layer_reads_after_the_answer_what_was_set_within() {
    let log = Log::new();
    let seen = Arc::new(Mutex::new(None));
    let noted = Arc::clone(&seen);
    let reader = from_fn(move |request: Request, next| {
        let noted = Arc::clone(&noted);
        async move {
            let record = request.log().cloned();
            let response = next.run(request).await;
            *noted.lock().unwrap() = record.and_then(|record| record.get("upstream"));
            response
        }
    });
    let origin = handler_fn(|request: Request| async move {
        logger::set(&request, "upstream", "10.0.0.1:80");
        "hello"
    });
    exchange(&log.wrap(reader.wrap(origin)), get("/")).await;
    assert_eq!(*seen.lock().unwrap(), Some(LogValue::from("10.0.0.1:80")));
}

#[test]
fn without_a_logger_nothing_happens() {
    let request = get("/");
    logger::set(&request, "custom", "value");
    assert_eq!(logger::get(&request, "custom"), None);
    assert_eq!(logger::get(&request, "host"), None);
}

#[tokio::test]
async fn a_disabled_request_leaves_no_record() {
    for first in [true, false] {
        let log = Log::new();
        let origin = handler_fn(move |request: Request| async move {
            if first {
                logger::set(&request, "custom", "value");
            }
            request.log().unwrap().disable();
            logger::set(&request, "custom", "value");
            "hello"
        });
        exchange(&log.wrap(origin), get("/")).await;
        exchange(&log.wrap(logger::disable().wrap(handler_fn(|_| async { "" }))), get("/")).await;
        assert_eq!(log.text(), "");
    }
}

#[tokio::test]
async fn nested_loggers_share_the_fields_and_write_a_line_each() {
    let (outer, middle, inner) = (Log::new(), Log::new(), Log::new());
    let between = from_fn(|request: Request, next| async move {
        logger::set(&request, "between", true);
        next.run(request).await
    });
    let origin = handler_fn(|request: Request| async move {
        assert_eq!(logger::get(&request, "between"), Some(LogValue::Bool(true)));
        logger::set(&request, "within", "here");
        if request.uri().path() == "/off" {
            request.log().unwrap().disable();
        }
        "hello"
    });
    let handler = outer.wrap(middle.wrap(between.wrap(inner.wrap(origin))));
    exchange(&handler, get("/")).await;
    exchange(&handler, get("/off")).await;
    for log in [outer, middle, inner] {
        let record = log.record();
        assert_eq!((&record["between"], &record["within"]), (&true.into(), &"here".into()));
        assert_eq!(record["status"], 200);
    }
}

#[tokio::test]
async fn nothing_changes_after_the_record_was_written() {
    let log = Log::new();
    let kept: Arc<Mutex<Option<LogRecord>>> = Arc::default();
    let keep = Arc::clone(&kept);
    let handler = log.wrap(handler_fn(move |request: Request| {
        *keep.lock().unwrap() = request.log().cloned();
        logger::set(&request, "early", 1);
        async { "hello" }
    }));
    exchange(&handler, get("/")).await;
    let record = kept.lock().unwrap().take().unwrap();
    record.set("early", 2);
    record.set("late", 3);
    record.disable();
    assert_eq!(record.get("early"), Some(LogValue::Int(1)));
    assert_eq!(record.get("late"), None);
    assert_eq!(log.record()["early"], 1);
}

#[tokio::test]
async fn sixty_five_fields_are_one_too_many() {
    let log = Log::new();
    let handler = log.wrap(handler_fn(|request: Request| async move {
        for number in 0..65 {
            logger::set(&request, format!("f{number}"), number);
        }
        "hello"
    }));
    exchange(&handler, get("/")).await;
    let record = log.record();
    assert_eq!(record["f63"], 63);
    assert!(record.get("f64").is_none());
    assert_eq!(record["logTruncated"], true);
}

#[tokio::test]
async fn a_client_address_found_within_is_the_logged_one() {
    let log = Log::new();
    let handler = log.wrap(handler_fn(|mut request: Request| async move {
        request.set_client_addr(IpAddr::from([198, 51, 100, 7]));
        "hello"
    }));
    exchange(&handler, get("/")).await;
    assert_eq!(log.record()["realIp"], "198.51.100.7");
}

#[test]
fn everything_prints_and_goes_between_threads() {
    fn check<T: std::fmt::Debug + Send + Sync>(value: &T) -> String {
        format!("{value:?}")
    }
    assert!(check(&Logger::to(std::io::sink())).contains("Json"));
    assert_eq!(check(&logger::disable()), "Disable");
}
