use std::fmt;
#[cfg(feature = "oidc")]
use std::sync::{Mutex, PoisonError};
#[cfg(feature = "oidc")]
use std::time::Duration;

use bytes::Bytes;
use http::header::ACCEPT;
use http::{HeaderValue, StatusCode, Uri};
use parapet_core::{Body, BodyError, Handler, ResponseError};
#[cfg(feature = "oidc")]
use tokio::time::Instant;

use super::document;
use crate::KeySet;
use crate::client::is_plain;

/// Gets documents. Follows no redirect.
pub(super) struct Fetcher {
    pub(super) place: Place,
    pub(super) client: Handler,
    pub(super) max_bytes: usize,
    /// Where discovery found the set, and when.
    #[cfg(feature = "oidc")]
    pub(super) discovered: Mutex<Option<(Uri, Instant)>>,
    /// Of a whole fetch.
    #[cfg(feature = "oidc")]
    pub(super) timeout: Duration,
}

pub(super) enum Place {
    Url(Uri),
    #[cfg(feature = "oidc")]
    Discovery {
        document: Uri,
        issuer: String,
    },
}

/// For the log: without the query, in which keys to interfaces lie.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = match self {
            Self::Url(url) => url,
            #[cfg(feature = "oidc")]
            Self::Discovery { document, .. } => document,
        };
        let authority = url.authority().map(http::uri::Authority::as_str).unwrap_or_default();
        write!(f, "{}://{authority}{}", url.scheme_str().unwrap_or_default(), url.path())
    }
}

impl Place {
    /// Whether others on the wire can write what comes from there.
    pub(super) fn is_plain(&self) -> bool {
        match self {
            Self::Url(url) => is_plain(url),
            #[cfg(feature = "oidc")]
            Self::Discovery { .. } => false,
        }
    }
}

/// Why there is no new set.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error("no answer in time")]
    Timeout,
    #[error("no answer")]
    Unreachable,
    #[error("the answer has status {0}")]
    Status(StatusCode),
    #[error("the document is too large")]
    TooLarge,
    #[error("the document has no usable key")]
    Document,
    #[cfg(feature = "oidc")]
    #[error("the discovery document is not this issuer's")]
    Issuer,
    #[error("the fetch was stopped")]
    Stopped,
}

impl FetchError {
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Unreachable => "unreachable",
            Self::Status(_) => "status",
            Self::TooLarge => "too_large",
            Self::Document => "document",
            #[cfg(feature = "oidc")]
            Self::Issuer => "issuer",
            Self::Stopped => "stopped",
        }
    }
}

/// How long a discovery document is good for.
#[cfg(feature = "oidc")]
const DISCOVERY_AGE: Duration = Duration::from_secs(24 * 3600);

impl Fetcher {
    pub(super) async fn fetch(&self) -> Result<KeySet, FetchError> {
        const KEY_SETS: HeaderValue =
            HeaderValue::from_static("application/jwk-set+json, application/json");
        let url = match &self.place {
            Place::Url(url) => url.clone(),
            #[cfg(feature = "oidc")]
            Place::Discovery { document, issuer } => self.located(document, issuer).await?,
        };
        let content = self.get(&url, KEY_SETS).await?;
        document::parse(&content).ok_or(FetchError::Document)
    }

    async fn get(&self, url: &Uri, accept: HeaderValue) -> Result<Bytes, FetchError> {
        let mut request = http::Request::new(Body::empty());
        *request.uri_mut() = url.clone();
        request.headers_mut().insert(ACCEPT, accept);
        let response = self.client.serve(request).await;
        if response.extensions().get::<ResponseError>().is_some() {
            return Err(FetchError::Unreachable);
        }
        if response.status() != StatusCode::OK {
            return Err(FetchError::Status(response.status()));
        }
        match response.into_body().collect(self.max_bytes).await {
            Ok(content) => Ok(content.into_data()),
            Err(BodyError::LengthLimitExceeded) => Err(FetchError::TooLarge),
            Err(_) => Err(FetchError::Unreachable),
        }
    }
}

#[cfg(feature = "oidc")]
impl Fetcher {
    async fn located(&self, document: &Uri, issuer: &str) -> Result<Uri, FetchError> {
        let known = self.discovered().clone();
        let now = Instant::now();
        let found = match known {
            Some((url, at)) if now.saturating_duration_since(at) < DISCOVERY_AGE => return Ok(url),
            // The place that it named last goes on serving, also when nobody answers: that must leave time for the keys.
            Some((url, _)) => {
                match tokio::time::timeout(self.timeout / 2, self.discover(document, issuer)).await
                {
                    Ok(Ok(found)) => found,
                    _ => return Ok(url),
                }
            }
            None => self.discover(document, issuer).await?,
        };
        *self.discovered() = Some((found.clone(), now));
        Ok(found)
    }

    /// `jwks_uri` of the document (OpenID Connect Discovery 1.0 §4).
    async fn discover(&self, document: &Uri, issuer: &str) -> Result<Uri, FetchError> {
        const JSON: HeaderValue = HeaderValue::from_static("application/json");
        let content = self.get(document, JSON).await?;
        let document = crate::json::object(&content).ok_or(FetchError::Document)?;
        // §4.3: exactly the issuer that was asked for, else its keys could vouch for another one's tokens.
        if document.get("issuer").and_then(serde_json::Value::as_str) != Some(issuer) {
            return Err(FetchError::Issuer);
        }
        document
            .get("jwks_uri")
            .and_then(serde_json::Value::as_str)
            .and_then(|url| crate::client::absolute("jwks_uri", url).ok())
            .filter(|url| url.scheme_str() == Some("https"))
            .ok_or(FetchError::Document)
    }

    fn discovered(&self) -> std::sync::MutexGuard<'_, Option<(Uri, Instant)>> {
        self.discovered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(feature = "oidc")]
impl Place {
    /// §4: the well-known path behind the issuer, over https only.
    pub(super) fn discovery(issuer: &str) -> Result<Self, crate::Error> {
        const SETTING: &str = "the issuer";
        let bad = |reason| crate::Error::BadUrl { setting: SETTING, reason };
        if crate::client::absolute(SETTING, issuer)?.scheme_str() != Some("https") {
            return Err(bad("discovery is for https alone"));
        }
        if issuer.contains('?') {
            return Err(bad("an issuer has no query"));
        }
        let base = issuer.trim_end_matches('/');
        let url = format!("{base}/.well-known/openid-configuration");
        let document = url.parse().map_err(|_| bad("it is no URL"))?;
        Ok(Self::Discovery { document, issuer: issuer.into() })
    }
}
