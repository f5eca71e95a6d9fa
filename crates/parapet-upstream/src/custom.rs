//! What the built-in transports do by themselves, done around a custom one.

use parapet_core::{Body, BoxFuture, RequestHead, Response};
use tokio::time::timeout_at;

use crate::response_fields::without_forbidden_trailers;
use crate::{Attempt, Error, RoundTrip, UpgradedUpstream};

/// A round trip of `custom` that takes the body out, keeps to the attempt's times, and passes no forbidden trailers either way.
pub(crate) fn round_trip<'a>(
    custom: &'a dyn RoundTrip,
    head: &'a RequestHead,
    body: &mut Body,
    at: &'a Attempt,
) -> impl Future<Output = Result<Response, Error>> + Send + use<'a> {
    // Started here, so that the future holds no body.
    let trip = custom.round_trip(head, without_forbidden_trailers(std::mem::take(body)), at);
    async move { in_time(trip, at).await.map(|response| finish(response, at)) }
}

/// `trip`, no longer than the attempt allows. The timer is boxed: few have one, and every future would be larger by it.
pub(crate) async fn in_time(
    trip: BoxFuture<'_, Result<Response, Error>>,
    at: &Attempt,
) -> Result<Response, Error> {
    match at.head_deadline() {
        Some((when, kind)) => {
            Box::pin(timeout_at(when, trip)).await.map_err(|_| Error::Timeout(kind))?
        }
        None => trip.await,
    }
}

/// A tunnel is bounded by whoever runs it.
fn finish(response: Response, at: &Attempt) -> Response {
    if response.extensions().get::<UpgradedUpstream>().is_some() {
        return response;
    }
    response.map(|body| {
        let body = without_forbidden_trailers(body);
        match at.deadline() {
            Some(deadline) => body.with_deadline(deadline),
            None => body,
        }
    })
}
