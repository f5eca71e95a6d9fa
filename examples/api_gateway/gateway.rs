//! What the gateway does with a request.

use parapet::prelude::*;
use parapet::upstream::{HttpTransport, Upstream};
use parapet::{location, requestid};
use parapet_authn::{self as authn, Algorithm, Forward, Jwks, Jwt};
use parapet_ratelimit as ratelimit;

use crate::services::Services;

/// Requests that one subject has in a minute.
pub(crate) const LIMIT: u32 = 5;

/// The chain of the whole gateway.
pub(crate) fn gateway(services: &Services) -> Result<impl Middleware> {
    // One set of keys for all routes; it is fetched by the first request that needs it.
    let keys = Jwks::new(format!("{}/keys", services.issuer_url)).build()?;
    // The algorithm is pinned here, and what a good token must say.
    let jwt = || {
        Jwt::from_key_source(keys.clone(), [Algorithm::ES256])
            .issuer(&services.issuer_url)
            .audience("orders")
            .require(["exp", "sub"])
            .realm("api")
            // The backend reads a field in place of a token, and never one that a client wrote.
            .claim_headers([("sub", "X-Auth-Subject")])
            .strip_token(true)
    };
    let limit = || ratelimit::fixed_window_per_minute(LIMIT).name("subject").key(authn::identity());
    let backend = || Upstream::single_host(&services.backend, HttpTransport::new());

    // The longer prefix first: it asks for more.
    let admin = location::prefix("/api/admin")?
        .with(jwt().require_scopes(["orders:write"]).build()?)
        .with(limit())
        .with(backend()?);
    let api = location::prefix("/api")?.with(jwt().build()?).with(limit()).with(backend()?);
    let office = location::prefix("/office")?
        .with(
            Forward::new(format!("{}/check", services.auth_url))
                .auth_request_headers(["Cookie"])
                .auth_response_headers(["X-Auth-User"])
                .build()?,
        )
        .with(backend()?);
    Ok(Chain::new().with(requestid::new().trust_proxy(false)).with(admin).with(api).with(office))
}
