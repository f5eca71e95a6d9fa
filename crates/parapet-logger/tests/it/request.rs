use http::header::{FORWARDED, REFERER, USER_AGENT};
use http::{HeaderName, HeaderValue, Method, Version};
use parapet_core::{Body, BodyError, Middleware, Request, RequestExt, Response, handler_fn};
use parapet_logger::{self as logger, Logger, Query};

use crate::support::{Log, answer, exchange, get};

fn hello() -> Response {
    Response::new(Body::full("hello"))
}

#[tokio::test]
async fn the_record_tells_the_request_as_it_came() {
    let log = Log::new();
    let handler = log.wrap(handler_fn(|mut request: Request| async move {
        *request.method_mut() = Method::POST;
        *request.uri_mut() = "/other".parse().unwrap();
        request.set_authority("other.test".parse().unwrap());
        request.headers_mut().clear();
        "hello"
    }));
    let mut request = get("http://example.com:8080/path?x=1");
    *request.version_mut() = Version::HTTP_2;
    for (name, value) in [
        ("referer", "http://from.test/a"),
        ("user-agent", "tester"),
        ("x-forwarded-for", "192.0.2.1"),
        ("x-forwarded-for", "192.0.2.2"),
        ("x-real-ip", "192.0.2.3"),
    ] {
        request.headers_mut().append(name, HeaderValue::from_static(value));
    }
    exchange(&handler, request).await;
    let record = log.record();
    for (name, value) in [
        ("host", "example.com:8080"),
        ("requestMethod", "GET"),
        ("requestUrl", "http://example.com:8080/path?x=1"),
        ("protocol", "HTTP/2.0"),
        ("referer", "http://from.test/a"),
        ("userAgent", "tester"),
        ("remoteIp", ""),
        ("realIp", "192.0.2.3"),
        ("forwardedFor", "192.0.2.1, 192.0.2.2"),
    ] {
        assert_eq!(record[name], value, "{name}");
    }
    assert_eq!(record["requestBodySize"], 0);
}

#[tokio::test]
async fn a_body_counts_by_its_declared_length_or_by_what_was_read() {
    let drain = || {
        handler_fn(|request: Request| async move {
            let _ = request.into_body().collect(1 << 20).await;
            "done"
        })
    };
    let log = Log::new();
    exchange(&log.wrap(drain()), get("/").map(|_| Body::full("12345"))).await;
    exchange(&log.wrap(answer(hello)), get("/").map(|_| Body::full("12345"))).await; // not read at all
    let unknown = || {
        let chunks = ["123", "4567"].map(Ok::<_, BodyError>);
        get("/").map(|_| Body::from_stream(futures_util::stream::iter(chunks)))
    };
    exchange(&log.wrap(drain()), unknown()).await;
    // One chunk was read, and the rest is still open when the record is written.
    let open = std::sync::Mutex::new(None);
    let open: &'static _ = Box::leak(Box::new(open));
    let first = handler_fn(move |request: Request| async move {
        let mut body = request.into_body();
        body.frame().await.unwrap().unwrap();
        *open.lock().unwrap() = Some(body);
        "done"
    });
    exchange(&log.wrap(first), unknown()).await;
    let sizes: Vec<_> =
        log.records().iter().map(|record| record["requestBodySize"].clone()).collect();
    assert_eq!(sizes, [5, 5, 7, 3]);
}

#[tokio::test]
async fn a_body_that_can_be_replayed_stays_one() {
    let log = Log::new();
    let handler = log.wrap(handler_fn(|request: Request| async move {
        assert!(request.body().replay().is_some());
        request.into_body().collect(100).await.unwrap();
        "done"
    }));
    let make = || Body::from_stream(futures_util::stream::iter([Ok::<_, BodyError>("again")]));
    exchange(&handler, get("/").map(|_| Body::replayable(make))).await;
    assert_eq!(log.record()["requestBodySize"], 5);
}

#[tokio::test]
async fn empty_fields_are_there_unless_left_out() {
    let origin = answer(hello);
    let (full, lean) = (Log::new(), Log::with(|logger| logger.omit_empty(true)));
    for log in [&full, &lean] {
        exchange(&log.wrap(origin.clone()), get("http://h/")).await;
    }
    for name in ["referer", "userAgent", "forwardedFor", "remoteIp", "realIp", "aborted", "error"] {
        assert_eq!(full.record()[name], "", "{name}");
        assert!(lean.record().get(name).is_none(), "{name}");
    }
    assert!(lean.record().get("requestBodySize").is_none());
    for (logger, omits) in [
        (logger::stdout(), true),
        (logger::stderr(), true),
        (Logger::new(), false),
        (Logger::default(), false),
        (Logger::to(std::io::sink()), false),
    ] {
        assert!(format!("{logger:?}").contains(&format!("omit_empty: {omits}")));
    }
}

#[tokio::test]
async fn hostile_text_is_one_line_that_a_strict_parser_reads_back() {
    let log = Log::new();
    let agent = b"\"q\" \\ \xff \xe2\x80\xa8 \xc2\x9b2J";
    let mut request = get("http://h/");
    request.headers_mut().insert(USER_AGENT, HeaderValue::from_bytes(agent).unwrap());
    let handler = log.wrap(handler_fn(|request: Request| async move {
        logger::set(&request, "control", "\u{1}\u{7f}\u{1b}[2J\r\n{\"status\":200}");
        "hello"
    }));
    exchange(&handler, request).await;
    let text = log.text();
    assert!(
        !text.trim_end_matches('\n').chars().any(|char| char.is_control() || char == '\u{2028}')
    );
    let record = log.record();
    assert_eq!(record["userAgent"].as_str().unwrap(), String::from_utf8_lossy(agent));
    assert_eq!(record["control"], "\u{1}\u{7f}\u{1b}[2J\r\n{\"status\":200}");
}

#[tokio::test]
async fn secrets_of_queries_are_nowhere_in_the_sink() {
    let query = "a=1&Access_Token=s3cr3t&b=2";
    for (setting, logged) in [
        (Query::default(), "http://h/p?a=1&Access_Token=REDACTED&b=2"),
        (Query::Drop, "http://h/p"),
    ] {
        let log = Log::with(|logger| logger.query(setting));
        let mut request = get(&format!("http://h/p?{query}"));
        let referer = HeaderValue::from_str(&format!("http://u:s3cr3t@h/p?{query}")).unwrap();
        request.headers_mut().insert(REFERER, referer);
        exchange(&log.wrap(answer(hello)), request).await;
        let record = log.record();
        assert_eq!((&record["requestUrl"], &record["referer"]), (&logged.into(), &logged.into()));
        assert!(!log.text().contains("s3cr3t"));
    }
}

#[tokio::test]
async fn more_header_fields_are_logged_on_demand() {
    let log = Log::with(|logger| {
        let traced = HeaderName::from_static("traceparent");
        let logger = logger.request_headers([(traced, "trace"), (FORWARDED, "host")]).unwrap();
        logger.response_headers([(HeaderName::from_static("x-cache"), "cache")]).unwrap()
    });
    let handler = log.wrap(answer(|| {
        let mut response = hello();
        response.headers_mut().append("x-cache", HeaderValue::from_static("hit"));
        response.headers_mut().append("x-cache", HeaderValue::from_static("far"));
        response
    }));
    let mut request = get("http://h/");
    request.headers_mut().insert(FORWARDED, HeaderValue::from_static("for=unknown"));
    exchange(&handler, request).await;
    let record = log.record();
    assert_eq!((&record["trace"], &record["host"]), (&"".into(), &"for=unknown".into()));
    assert_eq!(record["cache"], "hit, far");
    assert_eq!(log.text().matches("\"host\"").count(), 1);
}

#[tokio::test]
async fn tls_fields_are_there_on_demand() {
    for (on, omit, there) in [(true, false, true), (true, true, false), (false, false, false)] {
        let log = Log::with(|logger| logger.tls_fields(on).omit_empty(omit));
        exchange(&log.wrap(answer(hello)), get("/")).await;
        let record = log.record();
        for name in ["tlsVersion", "tlsCipher", "tlsServerName", "alpn"] {
            assert_eq!(record.get(name).is_some(), there, "{name}");
        }
    }
}

#[tokio::test]
async fn unwanted_fields_are_left_out() {
    let log = Log::with(|logger| logger.without(["timestamp", "userAgent", "no such field"]));
    exchange(&log.wrap(answer(hello)), get("/")).await;
    let record = log.record();
    assert!(record.get("timestamp").is_none() && record.get("userAgent").is_none());
    assert!(record.get("host").is_some());
}

#[tokio::test]
async fn long_text_is_cut() {
    let log = Log::with(|logger| logger.max_value_bytes(64).unwrap());
    let mut request = get("/");
    request.headers_mut().insert(USER_AGENT, HeaderValue::from_str(&"a".repeat(100)).unwrap());
    exchange(&log.wrap(answer(hello)), request).await;
    assert_eq!(log.record()["userAgent"], format!("{}…", "a".repeat(61)));
}

#[test]
fn the_middleware_is_one() {
    fn is_middleware(_: impl Middleware) {}
    is_middleware(logger::disable());
    is_middleware(Logger::to(std::io::sink()));
}
