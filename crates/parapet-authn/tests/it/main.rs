//! Tests of parapet-authn through its public API.

/// What hostile clients and servers send, and the clear answer to each.
#[cfg(test)]
mod attacks;
/// The base: own checks, refusals, hooks, several schemes.
#[cfg(test)]
mod base;
/// User name and password.
#[cfg(test)]
mod basic;
/// Scopes, claims, the cache of verified tokens, sources of tokens.
#[cfg(test)]
mod beyond;
/// An external auth server, over real sockets.
#[cfg(all(test, feature = "forward"))]
mod forward;
/// Password files.
#[cfg(all(test, feature = "htpasswd"))]
mod htpasswd;
/// Opaque tokens.
#[cfg(all(test, feature = "introspection"))]
mod introspection;
/// Remote key sets, on paused time.
#[cfg(all(test, feature = "jwks"))]
mod jwks;
/// JWTs with static keys.
#[cfg(test)]
mod jwt;
/// Client certificates, over TLS.
#[cfg(all(test, feature = "mtls"))]
mod mtls;
/// Discovery of OpenID providers.
#[cfg(all(test, feature = "oidc"))]
mod oidc;
/// What is logged and printed holds no secret.
#[cfg(test)]
mod secrets;
/// Keys, tokens and handlers for the others.
#[cfg(test)]
mod support;
/// What a person should look at is warned of.
#[cfg(test)]
mod warnings;
