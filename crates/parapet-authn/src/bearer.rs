use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderName, HeaderValue};
use parapet_core::RequestHead;
use parapet_header::{cookies, one_line, quoted};

use crate::credentials::authorization;
use crate::scheme::Denial;
use crate::{AuthError, Error, Grant, Reason};

/// Where a token may stand. A query is not offered: what stands there ends up in logs (RFC 6750 §2.3).
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenSource {
    /// `Authorization: Bearer …` (RFC 6750 §2.1).
    Bearer,
    /// The cookie of this name.
    Cookie(String),
    /// The field of this name, the token alone.
    Header(String),
}

#[derive(Clone, Debug)]
pub(crate) enum Source {
    Bearer,
    Cookie(String),
    Header(HeaderName),
}

impl Source {
    pub(crate) fn of(source: &TokenSource) -> Result<Self, Error> {
        Ok(match source {
            TokenSource::Bearer => Self::Bearer,
            TokenSource::Cookie(name) => Self::Cookie(name.clone()),
            TokenSource::Header(name) => {
                Self::Header(name.parse().map_err(|_| Error::BadHeaderName(name.clone()))?)
            }
        })
    }

    /// The token, or an error if it is not one token. `Ok(None)`: none here.
    pub(crate) fn token<'a>(&self, head: &'a RequestHead) -> Result<Option<&'a str>, Denial> {
        let repeated = || Denial::new(AuthError::InvalidRequest, Reason::Repeated);
        let bytes = match self {
            Self::Bearer => authorization(&head.headers, "bearer").map_err(|_| repeated())?,
            Self::Header(name) => {
                one_line(&head.headers, name).map_err(|_| repeated())?.map(HeaderValue::as_bytes)
            }
            Self::Cookie(name) => {
                let mut found =
                    cookies(&head.headers).filter(|(found, _)| *found == name.as_bytes());
                let first = found.next();
                if found.next().is_some() {
                    return Err(repeated());
                }
                first.map(|(_, value)| value)
            }
        };
        match bytes.map(<[u8]>::trim_ascii) {
            None | Some([]) => Ok(None),
            Some(token) => {
                std::str::from_utf8(token).map(Some).map_err(|_| Denial::token(Reason::Malformed))
            }
        }
    }

    /// Takes the token off the request.
    pub(crate) fn strip(&self, head: &RequestHead, grant: Grant) -> Grant {
        match self {
            Self::Bearer => grant.remove(AUTHORIZATION),
            Self::Header(name) => grant.remove(name.clone()),
            Self::Cookie(name) => {
                let lines = head.headers.get_all(COOKIE).iter();
                // The others go on byte by byte.
                let left: Vec<&[u8]> = lines
                    .flat_map(|line| line.as_bytes().split(|byte| *byte == b';'))
                    .map(<[u8]>::trim_ascii)
                    .filter(|piece| !piece.is_empty() && cookie_name(piece) != name.as_bytes())
                    .collect();
                match HeaderValue::from_bytes(&left.join(&b"; "[..])) {
                    Ok(value) if !left.is_empty() => grant.insert(COOKIE, value),
                    _ => grant.remove(COOKIE),
                }
            }
        }
    }
}

fn cookie_name(piece: &[u8]) -> &[u8] {
    piece.split(|byte| *byte == b'=').next().unwrap_or_default().trim_ascii()
}

/// The challenges of a bearer scheme, built once (RFC 6750 §3).
#[derive(Clone, Debug)]
pub(crate) struct BearerChallenges {
    missing: HeaderValue,
    token: HeaderValue,
    request: HeaderValue,
    scope: HeaderValue,
}

impl BearerChallenges {
    pub(crate) fn new(realm: Option<&str>, scopes: &[String]) -> Result<Self, Error> {
        let realm = realm
            .map(|realm| quoted(realm).ok_or(Error::BadRealm("the realm")))
            .transpose()?
            .map(|realm| format!("realm={realm}"));
        let scope = (!scopes.is_empty())
            .then(|| quoted(&scopes.join(" ")).ok_or(Error::BadRealm("a scope")))
            .transpose()?
            .map(|scopes| format!("scope={scopes}"));
        let form = |error: Option<&str>, scope: Option<&String>| {
            let error = error.map(|error| format!("error=\"{error}\""));
            let parameters: Vec<String> =
                [realm.clone(), error, scope.cloned()].into_iter().flatten().collect();
            let text = ["Bearer", &parameters.join(", ")].join(" ");
            HeaderValue::from_str(text.trim_end()).map_err(|_| Error::BadRealm("the realm"))
        };
        Ok(Self {
            missing: form(None, None)?,
            token: form(Some("invalid_token"), None)?,
            request: form(Some("invalid_request"), None)?,
            scope: form(Some("insufficient_scope"), scope.as_ref())?,
        })
    }

    pub(crate) fn of(&self, error: &AuthError) -> Option<&HeaderValue> {
        match error {
            AuthError::MissingAuthorization => Some(&self.missing),
            AuthError::InvalidRequest => Some(&self.request),
            AuthError::InsufficientScope => Some(&self.scope),
            AuthError::Unavailable => None,
            _ => Some(&self.token),
        }
    }
}
