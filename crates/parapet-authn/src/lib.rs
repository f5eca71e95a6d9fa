//! Authenticates requests before they reach the backend: JWTs, Basic, an external auth server, client certificates, or a
//! check of one's own.
//!
//! For edges and API gateways. Every scheme builds one [`Authenticator`], a middleware that looks at the head of each
//! request once and fails closed.
//!
//! ```
//! use parapet_authn::{AuthError, Authenticator, Basic, Grant, Identity};
//! use parapet_core::{Body, Middleware, handler_fn};
//!
//! // A scheme of one's own: what the future needs is taken out of the head first.
//! let by_key = Authenticator::new(|head| {
//!     let key = head.headers.get("x-api-key").cloned();
//!     async move {
//!         match key {
//!             Some(key) if key == "k1" => Ok(Grant::new().with_identity(Identity::new("key").with_subject("team-1"))),
//!             Some(_) => Err(AuthError::InvalidCredentials),
//!             None => Err(AuthError::MissingAuthorization),
//!         }
//!     }
//! });
//! let handler = by_key.wrap(handler_fn(|request: parapet_core::Request| async move {
//!     let identity = request.extensions().get::<Identity>().and_then(Identity::subject);
//!     format!("hello {}", identity.unwrap_or("nobody"))
//! }));
//! # let rt = tokio::runtime::Builder::new_current_thread().build()?;
//! let request = http::Request::get("/").header("x-api-key", "k1").body(Body::empty())?;
//! assert_eq!(rt.block_on(handler.serve(request)).status(), 200);
//! assert_eq!(rt.block_on(handler.serve(http::Request::new(Body::empty()))).status(), 401);
//!
//! // One of the schemes below.
//! let basic = Basic::new("admin", "correct horse").realm("staff").build()?;
//! let handler = basic.wrap(handler_fn(|_| async { "never asked" }));
//! let response = rt.block_on(handler.serve(http::Request::new(Body::empty())));
//! assert_eq!(response.headers()["www-authenticate"], r#"Basic realm="staff""#);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | scheme | credentials | feature |
//! | --- | --- | --- |
//! | [`Authenticator::new`] | whatever its check looks at | |
//! | [`Jwt::new`], [`Jwt::from_key_source`] | bearer tokens that are signed JWTs | |
//! | `Jwks`, a [`KeySource`] | the keys of a remote set | `jwks` |
//! | `Oidc::discover`, a [`KeySource`] | the keys of an OpenID provider | `oidc` |
//! | `Introspection` | opaque bearer tokens (RFC 7662) | `introspection` |
//! | [`Basic::new`], [`Basic::verify`] | user name and password (RFC 7617) | |
//! | `Basic::htpasswd` | the same, hashes in a file | `htpasswd` |
//! | `Forward` | whatever an external auth server looks at | `forward` |
//! | `ClientCert` | the TLS client certificate | `mtls` |
//! | [`Any`] | those of several schemes | |
//!
//! | setting of [`Authenticator`] | default | effect |
//! | --- | --- | --- |
//! | [`challenge`](Authenticator::challenge) | the scheme's | `WWW-Authenticate` of a 401 |
//! | [`forbidden`](Authenticator::forbidden) | a plain error | the answer of a refusal |
//! | [`optional`](Authenticator::optional) | `false` | requests without credentials pass, without an identity |
//! | [`on_decision`](Authenticator::on_decision) | none | hook: scheme, outcome, reason, time |
//!
//! | setting of [`Jwt`] | default | effect |
//! | --- | --- | --- |
//! | [`issuer`](Jwt::issuer), [`audience`](Jwt::audience) | unchecked | `iss` and `aud` must fit |
//! | [`leeway`](Jwt::leeway) | 60 s | tolerance for `exp`, `nbf`, `iat` |
//! | [`require`](Jwt::require), [`profile`](Jwt::profile) | none | claims that must be there; **without `exp` in it, a token without `exp` lasts for ever** |
//! | [`require_scopes`](Jwt::require_scopes), [`require_claim`](Jwt::require_claim) | none | else 403 |
//! | [`types`](Jwt::types) | unchecked | `typ` of the header |
//! | [`token_from`](Jwt::token_from) | `Bearer` | cookies and fields with tokens |
//! | [`claim_headers`](Jwt::claim_headers), [`strip_token`](Jwt::strip_token) | none, `false` | what the backend sees |
//! | [`cache`](Jwt::cache) | 4096 | verified tokens that are remembered |
//! | [`max_token_bytes`](Jwt::max_token_bytes) | 16,384 | longest token |
//!
//! What a success leaves in the request's extensions: [`Identity`], and [`JwtClaims`] for tokens. [`identity()`] and
//! [`claim()`] read them as keys of a rate limiter. To throttle failed logins, put a rate limiter keyed by the client's
//! address (its default) in front, with a cost of 0 for answers other than 401.
//!
//! What it does not do: encrypted tokens (JWE), Ed448 and secp256k1, proof of possession (RFC 9449, RFC 8705), sessions
//! and login pages. Tokens are never read from the query. The algorithms are verified by aws-lc, which the server's TLS
//! links already; the checks around them are ours, since jsonwebtoken, the oracle of the tests, reads the key anew for each
//! token, knows no ES512, and takes its cryptography from a global of the process.

mod algorithm;
mod any;
mod auth_error;
mod authenticator;
mod basic;
mod bearer;
mod claims;
#[cfg(any(feature = "jwks", feature = "forward", feature = "introspection"))]
mod client;
#[cfg(feature = "mtls")]
mod client_cert;
mod credentials;
mod custom;
mod error;
mod event;
#[cfg(feature = "forward")]
mod forward;
mod grant;
mod identity;
#[cfg(feature = "introspection")]
mod introspection;
mod json;
#[cfg(feature = "jwks")]
mod jwks;
mod jws;
mod jwt;
mod key;
mod key_set;
mod lru;
#[cfg(feature = "oidc")]
mod oidc;
mod own_fields;
mod rules;
mod scheme;

pub use self::algorithm::Algorithm;
pub use self::any::Any;
pub use self::auth_error::AuthError;
pub use self::authenticator::Authenticator;
pub use self::basic::{Basic, Credentials};
pub use self::bearer::TokenSource;
pub use self::claims::JwtClaims;
#[cfg(feature = "mtls")]
pub use self::client_cert::{ClientCert, XFCC};
pub use self::error::Error;
pub use self::event::{AuthEvent, Outcome, Reason};
#[cfg(feature = "forward")]
pub use self::forward::Forward;
pub use self::grant::Grant;
pub use self::identity::{Identity, claim, identity};
#[cfg(feature = "introspection")]
pub use self::introspection::Introspection;
#[cfg(feature = "jwks")]
pub use self::jwks::{Jwks, JwksStats, RefreshInfo, RemoteKeys};
pub use self::jwt::{Jwt, Profile};
pub use self::key::JwtKey;
pub use self::key_set::{KeyError, KeySet, KeySource};
#[cfg(feature = "oidc")]
pub use self::oidc::Oidc;
