//! How middlewares are put together, rule by rule.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use parapet_core::{
    Body, BodyError, Chain, Cond, Failure, Handler, IntoResponse, Middleware, Request, Response,
    ResponseError, ResponseFuture, Serve, abort, from_fn, from_fn_with, handler_fn,
    handler_fn_with, plain_error, plain_error_owned, terminal,
};

use crate::support::{get, text};

/// Puts `<name>` before and `</name>` behind the text of the answer, and its name into the request's path.
fn tag(name: &'static str) -> impl Middleware {
    from_fn(move |request: Request, next| async move {
        let inner = text(next.run(request).await).await;
        format!("<{name}>{inner}</{name}>")
    })
}

fn x() -> Handler {
    handler_fn(async |_| "X")
}

async fn run(handler: &Handler) -> String {
    text(handler.serve(get("/")).await).await
}

#[tokio::test]
async fn the_first_added_is_outermost_in_every_kind_of_list() {
    let expected = "<a><b><c>X</c></b></a>";
    let chain = Chain::new().with(tag("a")).with(tag("b")).with(tag("c"));
    assert_eq!((chain.len(), chain.is_empty()), (3, false));
    assert_eq!(run(&chain.wrap(x())).await, expected);
    assert_eq!(run(&(tag("a"), tag("b"), tag("c")).wrap(x())).await, expected);
    assert_eq!(run(&["a", "b", "c"].map(tag).wrap(x())).await, expected);
    assert_eq!(
        run(&["a", "b", "c"].map(tag).into_iter().collect::<Vec<_>>().wrap(x())).await,
        expected
    );
    let mut nested = Chain::new().with((tag("a"),));
    nested.push(Some(Chain::new().with(Arc::new(tag("b"))).with([tag("c")])));
    assert_eq!(run(&nested.wrap(x())).await, expected);
    let boxed: Box<dyn Middleware> = Box::new(chain);
    assert_eq!(run(&boxed.wrap(x())).await, expected);
}

#[tokio::test]
async fn a_tuple_holds_sixteen_layers_in_order() {
    let tuple = (
        tag("1"),
        tag("2"),
        tag("3"),
        tag("4"),
        tag("5"),
        tag("6"),
        tag("7"),
        tag("8"),
        tag("9"),
        tag("10"),
        tag("11"),
        tag("12"),
        tag("13"),
        tag("14"),
        tag("15"),
        tag("16"),
    );
    let names: Vec<_> = (1..=16).map(|number| number.to_string()).collect();
    let open = names.join("><");
    let close = names.iter().rev().cloned().collect::<Vec<_>>().join("></");
    assert_eq!(run(&tuple.wrap(x())).await, format!("<{open}>X</{close}>"));
}

#[test]
fn what_adds_no_layer_gives_next_itself() {
    let next = x();
    let none: Option<Chain> = None;
    let empty: [Chain; 0] = [];
    assert!(Chain::new().wrap(next.clone()).is_same(&next));
    assert!(none.wrap(next.clone()).is_same(&next));
    assert!(empty.wrap(next.clone()).is_same(&next));
    assert!(Vec::<Chain>::new().wrap(next.clone()).is_same(&next));
    assert!((|next: Handler| next).wrap(next.clone()).is_same(&next));
    assert!(Chain::new().with(none).with(Chain::new()).wrap(next.clone()).is_same(&next));
    assert!(!x().is_same(&next));
}

#[tokio::test]
async fn wrap_runs_once_from_the_innermost_outward_and_never_per_request() {
    let order = Arc::new(std::sync::Mutex::new(Vec::new()));
    let layer = |name: &'static str| {
        let order = Arc::clone(&order);
        move |next: Handler| {
            order.lock().expect("no panic").push(name);
            next
        }
    };
    let handler = Chain::new().with(layer("outer")).with(layer("inner")).wrap(x());
    for _ in 0..3 {
        run(&handler).await;
    }
    assert_eq!(*order.lock().expect("no panic"), ["inner", "outer"]);
}

#[tokio::test]
async fn cond_asks_once_and_runs_one_branch_over_the_same_next() {
    let (asked, wrapped) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let asks = Arc::clone(&asked);
    let predicate = move |request: &Request| {
        asks.fetch_add(1, Ordering::Relaxed);
        request.uri().path() == "/then"
    };
    let counts = Arc::clone(&wrapped);
    let then = move |next: Handler| {
        counts.fetch_add(1, Ordering::Relaxed);
        tag("then").wrap(next)
    };
    let cond = Cond::new(predicate, then);
    let handler = cond.wrap(x());
    assert_eq!(text(handler.serve(get("/then")).await).await, "<then>X</then>");
    assert_eq!(text(handler.serve(get("/other")).await).await, "X", "without otherwise: next");
    assert_eq!(asked.load(Ordering::Relaxed), 2, "once per request");
    assert_eq!(wrapped.load(Ordering::Relaxed), 1, "wrapped at set-up");
    let handler = cond.otherwise(tag("else")).wrap(x());
    assert_eq!(text(handler.serve(get("/then")).await).await, "<then>X</then>");
    assert_eq!(text(handler.serve(get("/other")).await).await, "<else>X</else>");
}

#[tokio::test]
async fn a_cond_in_a_cond_works() {
    let is =
        |prefix: &'static str| move |request: &Request| request.uri().path().starts_with(prefix);
    let inner = Cond::new(is("/a/b"), tag("b")).otherwise(tag("a"));
    let handler = Cond::new(is("/a"), inner).otherwise(Cond::new(is("/c"), tag("c"))).wrap(x());
    for (path, expected) in
        [("/a/b", "<b>X</b>"), ("/a", "<a>X</a>"), ("/c", "<c>X</c>"), ("/d", "X")]
    {
        assert_eq!(text(handler.serve(get(path)).await).await, expected, "{path}");
    }
}

#[tokio::test]
async fn a_terminal_never_calls_next() {
    struct Answers;
    impl Serve for Answers {
        fn serve(&self, _request: Request) -> ResponseFuture {
            ResponseFuture::ready("end".into_response())
        }
    }
    let called = Arc::new(AtomicUsize::new(0));
    let next = handler_fn_with(Arc::clone(&called), async |called: Arc<AtomicUsize>, _| {
        called.fetch_add(1, Ordering::Relaxed);
        "X"
    });
    let handler = Chain::new().with(tag("a")).with(terminal(Answers)).wrap(next.clone());
    assert_eq!(run(&handler).await, "<a>end</a>");
    let as_middleware = handler_fn(async |_| "handler");
    assert!(as_middleware.wrap(next).is_same(&as_middleware));
    assert_eq!(called.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn state_is_cloned_for_each_request() {
    let count = Arc::new(AtomicUsize::new(0));
    let layer =
        from_fn_with(Arc::clone(&count), |count: Arc<AtomicUsize>, request, next| async move {
            count.fetch_add(1, Ordering::Relaxed);
            next.run(request).await
        });
    let handler = layer.wrap(handler_fn_with("greeting", |greeting, _| async move { greeting }));
    assert_eq!(run(&handler).await, "greeting");
    assert_eq!(run(&handler).await, "greeting");
    assert_eq!(count.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn next_can_be_kept_as_a_handler() {
    let layer = from_fn(|_request, next| async move {
        let handler = next.into_handler();
        let (one, two) = (handler.serve(get("/1")), handler.serve(get("/2")));
        format!("{}{}", text(one.await).await, text(two.await).await)
    });
    assert_eq!(run(&layer.wrap(x())).await, "XX");
}

#[test]
fn a_ready_response_is_there_without_polling() {
    let ready = ResponseFuture::from(plain_error(StatusCode::NOT_FOUND, "Not Found"));
    assert_eq!(format!("{ready:?}"), "ResponseFuture(ready)");
    assert_eq!(ready.into_ready().expect("ready").status(), StatusCode::NOT_FOUND);
    let boxed = ResponseFuture::new(async { abort() });
    assert_eq!(format!("{boxed:?}"), "ResponseFuture(boxed)");
    assert!(boxed.into_ready().is_err());
}

#[test]
fn debug_of_a_handler_tells_the_type_only() {
    struct Secretive;
    impl Serve for Secretive {
        fn serve(&self, _request: Request) -> ResponseFuture {
            ResponseFuture::ready(abort())
        }
    }
    let text = format!("{:?}", Handler::new(Secretive));
    assert!(text.starts_with("Handler(") && text.ends_with("Secretive)"), "{text}");
}

/// Status, content type, `nosniff`, known length, body, and the kind of the note.
async fn seen(
    response: impl IntoResponse,
) -> (u16, Option<String>, bool, String, Option<&'static str>) {
    let response: Response = response.into_response();
    let status = response.status().as_u16();
    let content_type =
        response.headers().get(CONTENT_TYPE).map(|value| value.to_str().expect("text").to_owned());
    let nosniff = response.headers().get("x-content-type-options")
        == Some(&HeaderValue::from_static("nosniff"));
    let note = response.extensions().get::<ResponseError>().map(ResponseError::kind);
    let known = response.body().known_length();
    let body = text(response).await;
    assert_eq!(known, Some(body.len() as u64), "known length of {body:?}");
    (status, content_type, nosniff, body, note)
}

#[tokio::test]
async fn each_return_type_becomes_its_response() {
    const TEXT: &str = "text/plain; charset=utf-8";
    let failure = || Failure::new("no disk left");
    let io = || BodyError::from(std::io::Error::other("reset"));
    let ok: Result<&'static str, BodyError> = Ok("fine");
    let err: Result<&'static str, BodyError> = Err(BodyError::Timeout);
    let rows = [
        (seen("text").await, (200, Some(TEXT), false, "text", None)),
        (seen(String::from("text")).await, (200, Some(TEXT), false, "text", None)),
        (
            seen(bytes::Bytes::from_static(b"data")).await,
            (200, Some("application/octet-stream"), false, "data", None),
        ),
        (seen(StatusCode::NO_CONTENT).await, (204, None, false, "", None)),
        (seen((StatusCode::CREATED, "made")).await, (201, Some(TEXT), false, "made", None)),
        (
            seen((StatusCode::FORBIDDEN, "Forbidden")).await,
            (403, Some(TEXT), true, "Forbidden\n", None),
        ),
        (
            seen((StatusCode::IM_A_TEAPOT, "short and stout")).await,
            (418, Some(TEXT), true, "short and stout\n", None),
        ),
        (
            seen(failure()).await,
            (500, Some(TEXT), true, "Internal Server Error\n", Some("handler")),
        ),
        (
            seen(BodyError::LengthLimitExceeded).await,
            (413, Some(TEXT), true, "Request Entity Too Large\n", Some("body_limit")),
        ),
        (
            seen(BodyError::Timeout).await,
            (408, Some(TEXT), true, "Request Timeout\n", Some("body_timeout")),
        ),
        (seen(io()).await, (400, Some(TEXT), true, "Bad Request\n", Some("body"))),
        (seen(ok).await, (200, Some(TEXT), false, "fine", None)),
        (seen(err).await, (408, Some(TEXT), true, "Request Timeout\n", Some("body_timeout"))),
        (
            seen(plain_error_owned(StatusCode::BAD_REQUEST, "why".into())).await,
            (400, Some(TEXT), true, "why\n", None),
        ),
        (seen(Response::new(Body::full("as it is"))).await, (200, None, false, "as it is", None)),
    ];
    for ((status, content_type, nosniff, body, note), expected) in &rows {
        assert_eq!((*status, content_type.as_deref(), *nosniff, &**body, *note), *expected);
    }
}

#[tokio::test]
async fn a_plain_error_ends_in_a_newline_whether_its_text_is_known_or_not() {
    for name in [
        "404 page not found",
        "Bad Gateway",
        "Bad Request",
        "Content Too Large",
        "Forbidden",
        "Gateway Timeout",
        "HTTP Version Not Supported",
        "Internal Server Error",
        "Method Not Allowed",
        "Misdirected Request",
        "Not Found",
        "Request Entity Too Large",
        "Request Header Fields Too Large",
        "Request Timeout",
        "Service Unavailable",
        "Too Many Requests",
        "URI Too Long",
        "Unauthorized",
        "",
        "some other text",
    ] {
        let response = plain_error(StatusCode::SERVICE_UNAVAILABLE, name);
        assert_eq!(response.headers().len(), 2);
        assert_eq!(text(response).await, format!("{name}\n"));
    }
}

#[derive(Debug, thiserror::Error)]
#[error("cannot open the site")]
struct Outer(#[source] Inner);

#[derive(Debug, thiserror::Error)]
#[error("cannot read the file")]
struct Inner(#[source] std::io::Error);

#[test]
fn debug_of_a_failure_reads_as_the_errors_in_their_order() {
    fn site() -> parapet_core::Result {
        Err(Outer(Inner(std::io::Error::other("no such file"))))?;
        Ok(())
    }
    let failure = site().expect_err("it fails");
    assert_eq!(format!("{failure:?}"), "cannot open the site: cannot read the file: no such file");
    assert_eq!(failure.to_string(), "cannot open the site");
    assert!(failure.as_error().is::<Outer>());
    assert_eq!(format!("{:?}", Failure::new("a text")), "a text");
    let boxed: Box<dyn std::error::Error + Send + Sync> = failure.into();
    assert!(boxed.is::<Outer>());
    let boxed: Box<dyn std::error::Error> = Failure::new("a text").into();
    assert_eq!(boxed.to_string(), "a text");
}

#[tokio::test]
async fn a_failure_of_a_handler_is_noted_and_not_told() {
    let handler = handler_fn(async |_| {
        let number: u32 = "secret".parse()?;
        Ok::<_, Failure>(number.to_string())
    });
    let response = handler.serve(get("/")).await;
    let note = response.extensions().get::<ResponseError>().expect("a note").clone();
    assert_eq!((note.source(), note.kind()), ("core", "handler"));
    assert_eq!(note.error().to_string(), "invalid digit found in string");
    assert_eq!(text(response).await, "Internal Server Error\n");
}
