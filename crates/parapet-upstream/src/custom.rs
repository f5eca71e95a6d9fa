//! What the built-in transports do by themselves, done around a custom one.

use parapet_core::{Body, RequestHead, Response};
use tokio::time::timeout_at;

use crate::deadline_body::DeadlineBody;
use crate::response_fields::without_forbidden_trailers;
use crate::{Attempt, Error, RoundTrip, UpgradedUpstream};

/// A round trip of `custom` that keeps to the attempt's times, and passes no forbidden trailers either way.
pub(crate) async fn round_trip(
    custom: &dyn RoundTrip,
    head: &RequestHead,
    body: Body,
    at: &Attempt,
) -> Result<Response, Error> {
    let trip = custom.round_trip(head, without_forbidden_trailers(body), at);
    let response = match at.head_deadline() {
        Some((when, kind)) => timeout_at(when, trip).await.map_err(|_| Error::Timeout(kind))??,
        None => trip.await?,
    };
    if response.extensions().get::<UpgradedUpstream>().is_some() {
        return Ok(response);
    }
    Ok(response.map(|body| DeadlineBody::bound(without_forbidden_trailers(body), at.deadline())))
}
