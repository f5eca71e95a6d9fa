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
/// What clients send under the names of fields that are ours.
#[cfg(test)]
#[cfg(all(feature = "forward", feature = "introspection"))]
mod forged;
/// An external auth server, over real sockets.
#[cfg(test)]
#[cfg(feature = "forward")]
mod forward;
/// The corpus of the fuzz target `jws`, and inputs near it.
#[cfg(test)]
mod fuzz_corpus;
/// Password files.
#[cfg(test)]
#[cfg(feature = "htpasswd")]
mod htpasswd;
/// Bodies that the auth server sees too, over real sockets.
#[cfg(test)]
#[cfg(feature = "forward")]
mod include_body;
/// Opaque tokens.
#[cfg(test)]
#[cfg(feature = "introspection")]
mod introspection;
/// Remote key sets, on paused time.
#[cfg(test)]
#[cfg(feature = "jwks")]
mod jwks;
/// Any bytes as a token.
#[cfg(test)]
mod jws;
/// JWTs with static keys.
#[cfg(test)]
mod jwt;
/// Client certificates, over TLS.
#[cfg(test)]
#[cfg(feature = "mtls")]
mod mtls;
/// Discovery of OpenID providers.
#[cfg(test)]
#[cfg(feature = "oidc")]
mod oidc;
/// Another implementation of JWTs as a second opinion.
#[cfg(test)]
mod oracle;
/// What is logged and printed holds no secret.
#[cfg(test)]
mod secrets;
/// Keys, tokens and handlers for the others.
#[cfg(test)]
mod support;
/// What a person should look at is warned of.
#[cfg(test)]
mod warnings;
/// Key servers and introspection servers as bytes, over real sockets.
#[cfg(test)]
#[cfg(all(feature = "jwks", feature = "introspection"))]
mod wire;
