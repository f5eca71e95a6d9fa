use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use aws_lc_rs::digest::{SHA256, digest};
use http::{HeaderMap, HeaderName};
use parapet_core::RequestHead;

use crate::bearer::{BearerChallenges, Source};
use crate::jws::{Compact, Header, Unverified};
use crate::lru::Lru;
use crate::rules::{ClaimRules, Times, claim_settings};
use crate::scheme::{Check, Checked, Denial, Scheme, add_challenge};
use crate::{
    Algorithm, AuthError, Authenticator, Error, Grant, JwtClaims, JwtKey, KeyError, KeySet,
    KeySource, Reason, TokenSource,
};

/// Bearer tokens that are signed JWTs (RFC 7519, RFC 6750): settings of the check, made an [`Authenticator`] by
/// [`build`](Self::build).
///
/// The algorithms are pinned here; a token's `alg` is compared with them before any key is looked for, and keys never
/// come out of a token.
#[derive(Clone, Debug)]
pub struct Jwt {
    keys: Keys,
    algorithms: Vec<Algorithm>,
    rules: ClaimRules,
    realm: Option<String>,
    types: Vec<String>,
    sources: Vec<TokenSource>,
    max_token_bytes: usize,
    cache: usize,
    strip_token: bool,
    allow_weak_secret: bool,
}

#[derive(Clone)]
enum Keys {
    Static(JwtKey),
    Source(Arc<dyn KeySource>),
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Static(key) => key.fmt(f),
            Self::Source(_) => f.write_str("KeySource"),
        }
    }
}

/// A set of demands with a name.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// JWT access tokens (RFC 9068 §2): `typ` is `at+jwt`; `iss`, `exp`, `aud`, `sub`, `client_id`, `iat` and `jti` are
    /// there.
    AccessToken,
}

impl Jwt {
    /// Checks tokens with one key. All algorithms must be of the key's own family and curve.
    pub fn new(key: JwtKey, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        Self::with_keys(Keys::Static(key), algorithms.into_iter().collect())
    }

    /// Checks tokens with the keys that `source` gives for each request.
    pub fn from_key_source(
        source: impl KeySource,
        algorithms: impl IntoIterator<Item = Algorithm>,
    ) -> Self {
        Self::with_keys(Keys::Source(Arc::new(source)), algorithms.into_iter().collect())
    }

    fn with_keys(keys: Keys, algorithms: Vec<Algorithm>) -> Self {
        Self {
            keys,
            algorithms,
            rules: ClaimRules::default(),
            realm: None,
            types: Vec::new(),
            sources: vec![TokenSource::Bearer],
            max_token_bytes: 16_384,
            cache: 4096,
            strip_token: false,
            allow_weak_secret: false,
        }
    }

    /// Values that `typ` may have, without case, `application/` optional (RFC 8725 §3.11). Default: unchecked.
    #[must_use]
    pub fn types<S: Into<String>>(mut self, types: impl IntoIterator<Item = S>) -> Self {
        self.types = types.into_iter().map(Into::into).collect();
        self
    }

    /// Demands what the profile demands, besides what is set already. Default: none.
    #[must_use]
    pub fn profile(mut self, profile: Profile) -> Self {
        match profile {
            Profile::AccessToken => {
                self.types = vec!["at+jwt".into()];
                self.require(["iss", "exp", "aud", "sub", "client_id", "iat", "jti"])
            }
        }
    }

    /// Where the token may stand: the first that has one decides. Default: `Bearer` alone.
    #[must_use]
    pub fn token_from(mut self, sources: impl IntoIterator<Item = TokenSource>) -> Self {
        self.sources = sources.into_iter().collect();
        self
    }

    /// Longest token, in bytes. Default: 16,384.
    #[must_use]
    pub fn max_token_bytes(mut self, bytes: usize) -> Self {
        self.max_token_bytes = bytes;
        self
    }

    /// Verified tokens that are remembered, by their SHA-256. A hit skips the signature, never the times, the scopes or
    /// the predicates; a new key set makes it void. Failures are not remembered. Default: 4096. 0: none.
    #[must_use]
    pub fn cache(mut self, entries: usize) -> Self {
        self.cache = entries;
        self
    }

    /// Takes the token off the request that goes on. Default: `false`.
    #[must_use]
    pub fn strip_token(mut self, strip: bool) -> Self {
        self.strip_token = strip;
        self
    }

    /// Admits secrets of 1 to 31 bytes, for a migration. Default: `false`.
    #[must_use]
    pub fn allow_weak_secret(mut self, allow: bool) -> Self {
        self.allow_weak_secret = allow;
        self
    }

    /// Makes the authenticator.
    ///
    /// # Errors
    /// [`NoAlgorithms`](Error::NoAlgorithms), [`AlgorithmKeyMismatch`](Error::AlgorithmKeyMismatch),
    /// [`SymmetricAlgorithmWithRemoteKeys`](Error::SymmetricAlgorithmWithRemoteKeys),
    /// [`WeakSecret`](Error::WeakSecret), [`BadRealm`](Error::BadRealm), [`BadHeaderName`](Error::BadHeaderName),
    /// [`ReservedHeader`](Error::ReservedHeader).
    pub fn build(mut self) -> Result<Authenticator, Error> {
        self.check_keys()?;
        if let Keys::Source(source) = &self.keys
            && let Some(issuer) = source.issuer()
            && self.rules.issuers.is_empty()
        {
            self.rules.issuers.push(issuer.into());
        }
        let rules = self.rules.check()?;
        Ok(Authenticator::of(Shared(Arc::new(JwtCheck {
            challenges: BearerChallenges::new(self.realm.as_deref(), &rules.scopes)?,
            own_fields: rules.own_fields(),
            keys: self.keys,
            algorithms: self.algorithms,
            rules,
            types: self.types,
            sources: self.sources.iter().map(Source::of).collect::<Result<_, _>>()?,
            max_token_bytes: self.max_token_bytes,
            cache: (self.cache > 0).then(|| Mutex::new(Lru::new(self.cache))),
            headers: ArcSwap::default(),
            strip_token: self.strip_token,
        }))))
    }

    fn check_keys(&self) -> Result<(), Error> {
        if self.algorithms.is_empty() {
            return Err(Error::NoAlgorithms);
        }
        match &self.keys {
            Keys::Static(key) => {
                if let Some(algorithm) = self.algorithms.iter().find(|one| !key.fits(**one)) {
                    return Err(Error::AlgorithmKeyMismatch(*algorithm));
                }
                match key.secret_bytes() {
                    Some(0) => Err(Error::WeakSecret(0)),
                    Some(bytes) if bytes < 32 && !self.allow_weak_secret => {
                        Err(Error::WeakSecret(bytes))
                    }
                    Some(bytes) => {
                        self.warn_of_short_secret(bytes);
                        Ok(())
                    }
                    None => Ok(()),
                }
            }
            Keys::Source(source) => {
                let symmetric = self.algorithms.iter().find(|one| one.is_symmetric());
                match symmetric {
                    Some(algorithm) if !source.may_hold_secrets() => {
                        Err(Error::SymmetricAlgorithmWithRemoteKeys(*algorithm))
                    }
                    _ => Ok(()),
                }
            }
        }
    }

    fn warn_of_short_secret(&self, bytes: usize) {
        let wanted = self.algorithms.iter().map(|algorithm| match algorithm {
            Algorithm::HS384 => 48,
            Algorithm::HS512 => 64,
            _ => 32,
        });
        if let Some(wanted) = wanted.max()
            && bytes < wanted
        {
            tracing::warn!(
                bytes,
                wanted,
                "the JWT secret is shorter than its hash (RFC 7518 §3.2)"
            );
        }
    }
}

claim_settings!(Jwt);

struct JwtCheck {
    keys: Keys,
    algorithms: Vec<Algorithm>,
    rules: ClaimRules,
    types: Vec<String>,
    sources: Vec<Source>,
    max_token_bytes: usize,
    cache: Option<Mutex<Lru<Digest, Verified>>>,
    /// Of tokens that were verified last, at most [`MAX_HEADERS`].
    headers: ArcSwap<Vec<Arc<Header>>>,
    strip_token: bool,
    challenges: BearerChallenges,
    own_fields: Vec<HeaderName>,
}

type Digest = [u8; 32];

/// A token whose signature and fixed claims were found good.
#[derive(Clone)]
struct Verified {
    claims: JwtClaims,
    times: Times,
    /// Of the key set that verified it; 0 for a static key.
    generation: u64,
}

struct Shared(Arc<JwtCheck>);

impl Scheme for Shared {
    fn name(&self) -> &'static str {
        SCHEME
    }

    fn check(&self, head: &RequestHead) -> Check {
        let check = &self.0;
        let (source, token) = match check.token(head) {
            Ok(found) => found,
            Err(denial) => return Check::Now(Err(denial)),
        };
        let strip = |grant: Grant| {
            if check.strip_token { source.strip(head, grant) } else { grant }
        };
        match &check.keys {
            Keys::Static(key) => Check::Now(check.with_key(token, key).map(strip)),
            Keys::Source(_) => {
                let check = Arc::clone(&self.0);
                let (token, stripped) = (token.to_owned(), strip(Grant::new()));
                Check::Later(Box::pin(async move {
                    let grant = check.with_source(&token).await?;
                    Ok(grant.and(stripped))
                }))
            }
        }
    }

    fn challenges(&self, error: &AuthError, into: &mut HeaderMap) {
        add_challenge(into, self.0.challenges.of(error));
    }

    fn own_fields(&self) -> &[HeaderName] {
        &self.0.own_fields
    }
}

const SCHEME: &str = "jwt";
/// An issuer signs with one key, or two around a change of keys, and each has a header of its own.
const MAX_HEADERS: usize = 8;

impl JwtCheck {
    fn token<'a>(&self, head: &'a RequestHead) -> Result<(&Source, &'a str), Denial> {
        for source in &self.sources {
            if let Some(token) = source.token(head)? {
                if token.len() > self.max_token_bytes {
                    return Err(Denial::token(Reason::TooLarge));
                }
                return Ok((source, token));
            }
        }
        Err(Denial::missing())
    }

    fn parse<'t>(&self, token: &'t str) -> Result<Compact<'t>, Denial> {
        Compact::parse(token, &self.algorithms, &self.types, &self.headers.load())
    }

    fn with_key(&self, token: &str, key: &JwtKey) -> Checked {
        // First: another algorithm costs no hash either.
        let compact = self.parse(token)?;
        let digest = self.digest(token);
        if let Some(verified) = self.cached(digest.as_ref()) {
            return self.again(verified);
        }
        let unverified = compact.decode()?;
        verify(&unverified, std::iter::once(key)).and_then(|()| self.admit(&unverified, 0, digest))
    }

    async fn with_source(&self, token: &str) -> Checked {
        let Keys::Source(source) = &self.keys else { return Err(Denial::unavailable()) };
        let compact = self.parse(token)?;
        let header = Arc::clone(&compact.header);
        let (kid, algorithm) = (header.kid.as_deref(), header.algorithm);
        let digest = self.digest(token);
        if let Some(verified) = self.cached(digest.as_ref()) {
            let set = keys(&**source, kid, algorithm).await?;
            if set.generation() == verified.generation {
                return self.again(verified);
            }
        }
        let unverified = compact.decode()?;
        let set = keys(&**source, kid, algorithm).await?;
        verify(&unverified, set.candidates(kid, algorithm))?;
        self.admit(&unverified, set.generation(), digest)
    }

    fn admit(&self, token: &Unverified<'_>, generation: u64, digest: Option<Digest>) -> Checked {
        // Its signature was good, so nobody else can make this change all the time.
        let known = self.headers.load();
        if !known.iter().any(|known| Arc::ptr_eq(known, &token.header)) {
            let others = known.iter().take(MAX_HEADERS - 1).cloned();
            let headers = std::iter::once(Arc::clone(&token.header)).chain(others).collect();
            self.headers.store(Arc::new(headers));
        }
        let (claims, times) = self.rules.admit(token.claims()?)?;
        if let (Some(cache), Some(digest)) = (&self.cache, digest) {
            let verified = Verified { claims: claims.clone(), times, generation };
            cache.lock().unwrap_or_else(PoisonError::into_inner).insert(digest, verified);
        }
        self.rules.grant(SCHEME, claims)
    }

    /// What may have changed since: the time, and what the predicates look at.
    fn again(&self, verified: Verified) -> Checked {
        verified.times.check(self.rules.now(), self.rules.leeway)?;
        Ok(self.rules.grant(SCHEME, verified.claims)?.cached(true))
    }

    fn digest(&self, token: &str) -> Option<Digest> {
        self.cache.as_ref()?;
        digest(&SHA256, token.as_bytes()).as_ref().try_into().ok()
    }

    fn cached(&self, digest: Option<&Digest>) -> Option<Verified> {
        let mut cache = self.cache.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
        cache.get(digest?).cloned()
    }
}

async fn keys(
    source: &dyn KeySource,
    kid: Option<&str>,
    algorithm: Algorithm,
) -> Result<Arc<KeySet>, Denial> {
    source.keys(kid, algorithm).await.map_err(|error| match error {
        KeyError::NotFound => Denial::token(Reason::UnknownKid),
        KeyError::Unavailable => Denial::unavailable(),
        KeyError::Other(error) => {
            tracing::debug!(error = %error, "a key source failed");
            Denial::unavailable()
        }
    })
}

fn verify<'k>(
    token: &Unverified<'_>,
    mut keys: impl Iterator<Item = &'k JwtKey>,
) -> Result<(), Denial> {
    let mut reason = Reason::UnknownKid;
    let fits = keys.any(|key| {
        reason = Reason::BadSignature;
        key.verify(token.header.algorithm, token.message, &token.signature)
    });
    if fits { Ok(()) } else { Err(Denial::token(reason)) }
}
