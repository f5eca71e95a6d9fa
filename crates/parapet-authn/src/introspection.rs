use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use parapet_core::{Body, Handler, RequestHead, ResponseError};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use crate::bearer::{BearerChallenges, Source};
use crate::client::{absolute, default_client, is_plain};
use crate::lru::Lru;
use crate::rules::{ClaimRules, Times, claim_settings};
use crate::scheme::{Check, Checked, Denial, Scheme, add_challenge};
use crate::{AuthError, Authenticator, Error, JwtClaims, Reason, json};

/// Opaque bearer tokens that an authorization server explains (RFC 7662): settings of the check, made an
/// [`Authenticator`] by [`build`](Self::build).
///
/// An active token is remembered for 60 s or until its `exp`, a refused one for 10 s; 4096 of each. Requests with one
/// token share one question, and 1024 questions at most are under way; above that: 503. Claims are checked as those of a
/// JWT.
#[derive(Clone)]
pub struct Introspection {
    url: String,
    client_id: String,
    secret: String,
    rules: ClaimRules,
    realm: Option<String>,
    client: Option<Handler>,
    timeout: Duration,
    max_token_bytes: usize,
}

impl Introspection {
    /// Asks the server at `url` as `client_id` with `secret` (Basic, RFC 6749 §2.3.1).
    pub fn new(
        url: impl Into<String>,
        client_id: impl Into<String>,
        secret: impl Into<String>,
    ) -> Self {
        Self {
            url: url.into(),
            client_id: client_id.into(),
            secret: secret.into(),
            rules: ClaimRules::default(),
            realm: None,
            client: None,
            timeout: Duration::from_secs(10),
            max_token_bytes: 16_384,
        }
    }

    /// What asks: a handler that takes an absolute URI. Default: parapet-upstream's client.
    #[must_use]
    pub fn client(mut self, client: Handler) -> Self {
        self.client = Some(client);
        self
    }

    /// Time for one question, else 503. Default: 10 s.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Longest token, in bytes. Default: 16,384.
    #[must_use]
    pub fn max_token_bytes(mut self, bytes: usize) -> Self {
        self.max_token_bytes = bytes;
        self
    }

    /// Makes the authenticator.
    ///
    /// # Errors
    /// [`BadUrl`](Error::BadUrl), [`BadRealm`](Error::BadRealm), [`BadHeaderName`](Error::BadHeaderName),
    /// [`ReservedHeader`](Error::ReservedHeader), [`EmptyCredentials`](Error::EmptyCredentials),
    /// [`ZeroDuration`](Error::ZeroDuration).
    pub fn build(self) -> Result<Authenticator, Error> {
        if self.timeout.is_zero() {
            return Err(Error::ZeroDuration("timeout"));
        }
        if self.client_id.is_empty() || self.secret.is_empty() {
            return Err(Error::EmptyCredentials);
        }
        // RFC 6749 §2.3.1: both are form-encoded before Basic joins them.
        let pair = format!("{}:{}", form(&self.client_id), form(&self.secret));
        let mut authorization = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(pair)))
            .map_err(|_| Error::EmptyCredentials)?;
        authorization.set_sensitive(true);
        let rules = self.rules.check()?;
        let url = absolute("the URL of the introspection endpoint", &self.url)?;
        if is_plain(&url) {
            // RFC 7662 §4 demands TLS.
            tracing::warn!(
                host = url.host(),
                "introspection goes over plain HTTP: tokens and the client's secret are open to whoever is on that wire"
            );
        }
        Ok(Authenticator::of(Shared {
            challenges: BearerChallenges::new(self.realm.as_deref(), &rules.scopes)?,
            own_fields: rules.own_fields(),
            max_token_bytes: self.max_token_bytes,
            inner: Arc::new(Inner {
                url,
                authorization,
                rules,
                client: self.client.unwrap_or_else(default_client),
                timeout: self.timeout,
                active: Mutex::new(Lru::new(REMEMBERED)),
                refused: Mutex::new(Lru::new(REMEMBERED)),
                asking: Mutex::new(HashMap::new()),
            }),
        }))
    }
}

impl fmt::Debug for Introspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Introspection").field("rules", &self.rules).finish_non_exhaustive()
    }
}

claim_settings!(Introspection);

fn form(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// RFC 9110 §11.2.
fn is_token68(token: &str) -> bool {
    let text = token.trim_end_matches('=');
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    !text.is_empty() && text.bytes().all(fits)
}

const SCHEME: &str = "introspection";
const REMEMBERED: usize = 4096;
/// Most questions under way.
const MAX_ASKING: usize = 1024;
const ACTIVE: Duration = Duration::from_secs(60);
const INACTIVE: Duration = Duration::from_secs(10);
/// Longest answer: [`REMEMBERED`] of them are kept.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

struct Shared {
    inner: Arc<Inner>,
    challenges: BearerChallenges,
    own_fields: Vec<HeaderName>,
    max_token_bytes: usize,
}

struct Inner {
    url: Uri,
    authorization: HeaderValue,
    rules: ClaimRules,
    client: Handler,
    timeout: Duration,
    active: Known,
    /// Apart, so that whoever sends tokens by chance does not drive out the good ones.
    refused: Known,
    /// Questions under way, at most [`MAX_ASKING`].
    asking: Mutex<HashMap<Digest, watch::Receiver<Option<Answer>>>>,
}

type Digest = [u8; 32];
/// Answers, and when they end.
type Known = Mutex<Lru<Digest, (Answer, Instant)>>;

#[derive(Clone)]
enum Answer {
    Active(JwtClaims, Times),
    /// Inactive, or its claims are refused.
    Refused(Reason),
    Unavailable,
}

impl Scheme for Shared {
    fn name(&self) -> &'static str {
        SCHEME
    }

    fn check(&self, head: &RequestHead) -> Check {
        let token = match Source::Bearer.token(head) {
            Ok(Some(token)) if token.len() > self.max_token_bytes => {
                return Check::Now(Err(Denial::token(Reason::TooLarge)));
            }
            Ok(Some(token)) if !is_token68(token) => {
                return Check::Now(Err(Denial::token(Reason::Malformed)));
            }
            Ok(Some(token)) => token.to_owned(),
            Ok(None) => return Check::Now(Err(Denial::missing())),
            Err(denial) => return Check::Now(Err(denial)),
        };
        let inner = Arc::clone(&self.inner);
        Check::Later(Box::pin(async move { inner.check(token).await }))
    }

    fn challenges(&self, error: &AuthError, into: &mut HeaderMap) {
        add_challenge(into, self.challenges.of(error));
    }

    fn own_fields(&self) -> &[HeaderName] {
        &self.own_fields
    }
}

impl Inner {
    async fn check(self: Arc<Self>, token: String) -> Checked {
        let digest: Digest = digest(&SHA256, token.as_bytes())
            .as_ref()
            .try_into()
            .map_err(|_| Denial::unavailable())?;
        for known in [&self.active, &self.refused] {
            let known = lock(known).get(&digest).cloned();
            if let Some((answer, until)) = known
                && Instant::now() < until
            {
                return Ok(self.judge(answer)?.cached(true));
            }
        }
        let mut asked = {
            let mut asking = lock(&self.asking);
            let running = asking.get(&digest).filter(|asked| asked.has_changed().is_ok()).cloned();
            // A question outlives the client that made it: clients that come and go must not pile them up.
            if running.is_none() && asking.len() >= MAX_ASKING {
                return Err(Denial::new(AuthError::Unavailable, Reason::Overloaded));
            }
            running.unwrap_or_else(|| {
                let asked = self.ask(token, digest);
                asking.insert(digest, asked.clone());
                asked
            })
        };
        let answer = match asked.wait_for(Option::is_some).await {
            Ok(answer) => answer.clone(),
            Err(_) => None,
        };
        self.judge(answer.unwrap_or(Answer::Unavailable))
    }

    /// On a task of its own: a client that leaves does not take the answer from the others.
    fn ask(self: &Arc<Self>, token: String, digest: Digest) -> watch::Receiver<Option<Answer>> {
        let (tell, asked) = watch::channel(None);
        let this = Arc::clone(self);
        tokio::spawn(async move {
            let _gone = Asking { inner: Arc::clone(&this), digest };
            let answer =
                timeout(this.timeout, this.question(&token)).await.unwrap_or(Answer::Unavailable);
            let hold = match &answer {
                Answer::Active(_, times) => {
                    let left = times.left(this.rules.now()).map_or(ACTIVE, |left| left.min(ACTIVE));
                    Some((&this.active, left))
                }
                Answer::Refused(_) => Some((&this.refused, INACTIVE)),
                Answer::Unavailable => None,
            };
            if let Some((known, hold)) = hold {
                lock(known).insert(digest, (answer.clone(), Instant::now() + hold));
            }
            tell.send_replace(Some(answer));
        });
        asked
    }

    async fn question(&self, token: &str) -> Answer {
        let content = format!("token={}&token_type_hint=access_token", form(token));
        let mut request = http::Request::new(Body::full(content));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.url.clone();
        let headers = request.headers_mut();
        headers.insert(AUTHORIZATION, self.authorization.clone());
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        let response = self.client.serve(request).await;
        if response.extensions().get::<ResponseError>().is_some()
            || response.status() != StatusCode::OK
        {
            tracing::debug!(status = response.status().as_u16(), "introspection failed");
            return Answer::Unavailable;
        }
        let Ok(content) = response.into_body().collect(MAX_ANSWER_BYTES).await else {
            return Answer::Unavailable;
        };
        let Some(members) = json::object(content.data()) else { return Answer::Unavailable };
        match members.get("active") {
            Some(Value::Bool(true)) => match self.rules.admit(members) {
                Ok((claims, times)) => Answer::Active(claims, times),
                Err(denial) => Answer::Refused(denial.reason),
            },
            Some(Value::Bool(false)) => Answer::Refused(Reason::Inactive),
            _ => Answer::Unavailable,
        }
    }

    fn judge(&self, answer: Answer) -> Checked {
        match answer {
            Answer::Active(claims, times) => {
                times.check(self.rules.now(), self.rules.leeway)?;
                self.rules.grant(SCHEME, claims)
            }
            Answer::Refused(reason) => Err(Denial::token(reason)),
            Answer::Unavailable => Err(Denial::unavailable()),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes its question off the list, however it ended.
struct Asking {
    inner: Arc<Inner>,
    digest: Digest,
}

impl Drop for Asking {
    fn drop(&mut self) {
        lock(&self.inner.asking).remove(&self.digest);
    }
}
