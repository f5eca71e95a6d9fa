//! The answer to a limited request.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use parapet_core::{Body, Response, ResponseError, ResponseFuture, plain_error};

use crate::admission::hook_panicked;
use crate::error::LONGEST;
use crate::headers::whole_seconds;

/// Why a request got 429, in the [`ResponseError`] of the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the client's limit is used up")]
struct LimitExceeded;

/// Seconds for `Retry-After`: rounded up, at least 1; `None` if it is not known when to come again.
pub(crate) fn retry_after(after: Duration, jitter: f64) -> Option<u64> {
    if after.is_zero() {
        return None;
    }
    let mut after = after.min(LONGEST);
    if jitter > 0.0 {
        after = after.saturating_add(after.mul_f64(jitter * fastrand::f64())).min(LONGEST);
    }
    Some(whole_seconds(after))
}

pub(crate) fn response(name: &str, retry_after: Option<u64>, problem_json: bool) -> Response {
    let mut response = plain_error(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests");
    if problem_json {
        // RFC 9457, with the type of the draft on RateLimit fields. The name is of a safe set: no escapes.
        let name = if name.is_empty() { "default" } else { name };
        let text = [PROBLEM_BEFORE_NAME, name, "\"]}\n"].concat();
        *response.body_mut() = Body::full(text);
        let json = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(CONTENT_TYPE, json);
    }
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response.extensions_mut().insert(ResponseError::new("ratelimit", "limited", LimitExceeded));
    response
}

/// The answer of a handler of limited requests, or `default` if it panics.
pub(crate) async fn or_default(
    mut answer: ResponseFuture,
    default: impl FnOnce() -> Response,
) -> Response {
    let answered = std::future::poll_fn(|cx| {
        match catch_unwind(AssertUnwindSafe(|| Pin::new(&mut answer).poll(cx))) {
            Ok(polled) => polled.map(Some),
            Err(_) => Poll::Ready(None),
        }
    })
    .await;
    answered.unwrap_or_else(|| {
        hook_panicked("exceeded");
        default()
    })
}

const PROBLEM_BEFORE_NAME: &str = "{\"type\":\"https://iana.org/assignments/http-problem-types#quota-exceeded\",\
\"title\":\"Too Many Requests\",\"status\":429,\"violated-policies\":[\"";
