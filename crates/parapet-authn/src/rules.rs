use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderName, HeaderValue};
use serde_json::{Map, Value};

use crate::own_fields;
use crate::scheme::Denial;
use crate::{AuthError, Error, Grant, Identity, JwtClaims, Reason};

/// What claims must say, and what becomes of them: the same for tokens that are verified here and for introspected ones.
#[derive(Clone)]
pub(crate) struct ClaimRules {
    pub(crate) issuers: Vec<String>,
    pub(crate) audiences: Vec<String>,
    pub(crate) leeway: Duration,
    pub(crate) required: Vec<String>,
    pub(crate) scopes: Vec<String>,
    pub(crate) predicates: Vec<(String, Predicate)>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) now: Now,
    /// `headers` with checked names; made by `check`.
    fields: Vec<(String, HeaderName)>,
}

pub(crate) type Predicate = Arc<dyn Fn(&Value) -> bool + Send + Sync>;
pub(crate) type Now = Arc<dyn Fn() -> SystemTime + Send + Sync>;

impl Default for ClaimRules {
    fn default() -> Self {
        Self {
            issuers: Vec::new(),
            audiences: Vec::new(),
            leeway: Duration::from_secs(60),
            required: Vec::new(),
            scopes: Vec::new(),
            predicates: Vec::new(),
            headers: Vec::new(),
            now: Arc::new(parapet_core::time::date),
            fields: Vec::new(),
        }
    }
}

impl fmt::Debug for ClaimRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClaimRules")
            .field("issuers", &self.issuers)
            .field("audiences", &self.audiences)
            .field("leeway", &self.leeway)
            .field("required", &self.required)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}

impl ClaimRules {
    /// Checks the settings.
    pub(crate) fn check(mut self) -> Result<Self, Error> {
        self.fields = self
            .headers
            .iter()
            .map(|(claim, field)| Ok((claim.clone(), own_fields::name(field)?)))
            .collect::<Result<_, Error>>()?;
        Ok(self)
    }

    /// Fields that claims are written to: the client's copies always go.
    pub(crate) fn own_fields(&self) -> Vec<HeaderName> {
        self.fields.iter().map(|(_, name)| name.clone()).collect()
    }

    /// The claims of a token whose origin is proved, if they satisfy all rules that time does not change.
    pub(crate) fn admit(&self, members: Map<String, Value>) -> Result<(JwtClaims, Times), Denial> {
        let times = Times::of(&members)?;
        times.check((self.now)(), self.leeway)?;
        if self.required.iter().any(|name| members.get(name).is_none_or(Value::is_null)) {
            return Err(Denial::token(Reason::BadClaim));
        }
        let one_of = |values: &[String], claim: &Value| {
            claim.as_str().is_some_and(|claim| values.iter().any(|value| value == claim))
        };
        if !self.issuers.is_empty()
            && !members.get("iss").is_some_and(|iss| one_of(&self.issuers, iss))
        {
            return Err(Denial::token(Reason::BadIssuer));
        }
        if !self.audiences.is_empty() {
            let fits = match members.get("aud") {
                Some(Value::Array(list)) => {
                    // RFC 7519 §4.1.3: strings only.
                    list.iter().all(Value::is_string)
                        && list.iter().any(|aud| one_of(&self.audiences, aud))
                }
                Some(aud) => one_of(&self.audiences, aud),
                None => false,
            };
            if !fits {
                return Err(Denial::token(Reason::BadAudience));
            }
        }
        // A subject that is there is a string (RFC 7519 §4.1.2).
        if members.get("sub").is_some_and(|sub| !sub.is_string()) {
            return Err(Denial::token(Reason::BadClaim));
        }
        Ok((JwtClaims::new(members), times))
    }

    /// What the holder of these claims may do: asked for each request, since predicates may look at more than the claims.
    pub(crate) fn grant(&self, scheme: &'static str, claims: JwtClaims) -> Result<Grant, Denial> {
        if !self.scopes.iter().all(|scope| has_scope(&claims, scope)) {
            return Err(Denial::new(AuthError::InsufficientScope, Reason::MissingScope));
        }
        for (name, holds) in &self.predicates {
            if !claims.get(name).is_some_and(|value| holds(value)) {
                return Err(Denial::new(AuthError::InsufficientScope, Reason::ClaimRefused));
            }
        }
        let mut identity = Identity::new(scheme);
        if let Some(subject) = claims.shared_subject() {
            identity = identity.with_subject(Arc::clone(subject));
        }
        if let Some(issuer) = claims.shared_issuer() {
            identity = identity.with_issuer(Arc::clone(issuer));
        }
        let mut grant = Grant::new().with_identity(identity);
        for (claim, field) in &self.fields {
            if let Some(value) = claims.get(claim).and_then(header_value) {
                grant = grant.insert(field.clone(), value);
            }
        }
        Ok(grant.with_claims(claims))
    }

    pub(crate) fn now(&self) -> SystemTime {
        (self.now)()
    }
}

/// When a token is good: NumericDates (RFC 7519 §2), checked at each use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    expires: Option<f64>,
    not_before: Option<f64>,
    issued: Option<f64>,
}

impl Times {
    fn of(members: &Map<String, Value>) -> Result<Self, Denial> {
        let date = |name: &str| match members.get(name) {
            None => Ok(None),
            Some(value) => value
                .as_f64()
                .filter(|seconds| (0.0..9_007_199_254_740_992.0).contains(seconds))
                .map(Some)
                .ok_or_else(|| Denial::token(Reason::BadClaim)),
        };
        Ok(Self { expires: date("exp")?, not_before: date("nbf")?, issued: date("iat")? })
    }

    pub(crate) fn check(&self, now: SystemTime, leeway: Duration) -> Result<(), Denial> {
        let now = seconds(now);
        let leeway = leeway.as_secs_f64();
        if self.expires.is_some_and(|expires| now >= expires + leeway) {
            return Err(Denial::token(Reason::Expired));
        }
        let early = |from: Option<f64>| from.is_some_and(|from| from > now + leeway);
        if early(self.not_before) || early(self.issued) {
            return Err(Denial::token(Reason::NotYetValid));
        }
        Ok(())
    }

    /// Time left until `exp`.
    #[cfg(feature = "introspection")]
    pub(crate) fn left(&self, now: SystemTime) -> Option<Duration> {
        let left = self.expires? - seconds(now);
        Some(Duration::try_from_secs_f64(left.max(0.0)).unwrap_or(Duration::MAX))
    }
}

fn seconds(date: SystemTime) -> f64 {
    date.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// `scope` is a space-separated string (RFC 8693 §4.2), `scp` that or an array.
fn has_scope(claims: &JwtClaims, wanted: &str) -> bool {
    ["scope", "scp"].iter().filter_map(|name| claims.get(name)).any(|value| match value {
        Value::String(list) => list.split(' ').any(|scope| scope == wanted),
        Value::Array(list) => list.iter().any(|scope| scope.as_str() == Some(wanted)),
        _ => false,
    })
}

/// `None`: no field value can say it.
fn header_value(claim: &Value) -> Option<HeaderValue> {
    let text = match claim {
        Value::Null => return None,
        Value::Object(_) => URL_SAFE_NO_PAD.encode(claim.to_string()),
        Value::Array(list) => {
            let texts: Vec<String> = list.iter().map(scalar).collect::<Option<_>>()?;
            // A comma inside of a member would make two members of it.
            if texts.iter().any(|text| text.contains(',')) {
                return None;
            }
            texts.join(",")
        }
        _ => scalar(claim)?,
    };
    // Not what backends read in several ways (RFC 9110 §5.5).
    if text.is_ascii() { HeaderValue::try_from(text).ok() } else { None }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

/// The settings that every bearer check has.
macro_rules! claim_settings {
    ($type:ty) => {
        impl $type {
            /// `iss` must be this, byte by byte; called again: any of the values (RFC 7519 §4.1.1). Default: unchecked.
            #[must_use]
            pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
                self.rules.issuers.push(issuer.into());
                self
            }

            /// `aud` must hold this; called again: any of the values (RFC 7519 §4.1.3). Default: unchecked.
            #[must_use]
            pub fn audience(mut self, audience: impl Into<String>) -> Self {
                self.rules.audiences.push(audience.into());
                self
            }

            /// Tolerance for `exp`, `nbf` and `iat`. Default: 60 s. Zero means zero (in the Go original: 60 s).
            #[must_use]
            pub fn leeway(mut self, leeway: std::time::Duration) -> Self {
                self.rules.leeway = leeway;
                self
            }

            /// `realm` of the challenge (RFC 9110 §11.5). Default: none.
            #[must_use]
            pub fn realm(mut self, realm: impl Into<String>) -> Self {
                self.realm = Some(realm.into());
                self
            }

            /// The calendar clock. Default: [`parapet_core::time::date`].
            #[must_use]
            pub fn now(
                mut self,
                now: impl Fn() -> std::time::SystemTime + Send + Sync + 'static,
            ) -> Self {
                self.rules.now = std::sync::Arc::new(now);
                self
            }

            /// Claims that must be there. Default: none; without `exp` here a token may last for ever.
            #[must_use]
            pub fn require<S: Into<String>>(mut self, claims: impl IntoIterator<Item = S>) -> Self {
                self.rules.required.extend(claims.into_iter().map(Into::into));
                self
            }

            /// Scopes that `scope` or `scp` must hold, all of them, else 403 (RFC 6750 §3.1). Default: none.
            #[must_use]
            pub fn require_scopes<S: Into<String>>(
                mut self,
                scopes: impl IntoIterator<Item = S>,
            ) -> Self {
                self.rules.scopes.extend(scopes.into_iter().map(Into::into));
                self
            }

            /// A claim that must be there and satisfy `holds`, else 403. Asked for each request. Default: none.
            #[must_use]
            pub fn require_claim(
                mut self,
                name: impl Into<String>,
                holds: impl Fn(&serde_json::Value) -> bool + Send + Sync + 'static,
            ) -> Self {
                self.rules.predicates.push((name.into(), std::sync::Arc::new(holds)));
                self
            }

            /// Writes claims to fields of the request: (claim, field). The client's copies always go. Strings, numbers and
            /// booleans as text, arrays joined by commas, objects as base64url of their JSON; what no field can carry is
            /// left out. Default: none.
            #[must_use]
            pub fn claim_headers<C: Into<String>, F: Into<String>>(
                mut self,
                headers: impl IntoIterator<Item = (C, F)>,
            ) -> Self {
                self.rules
                    .headers
                    .extend(headers.into_iter().map(|(claim, field)| (claim.into(), field.into())));
                self
            }
        }
    };
}
pub(crate) use claim_settings;
