use std::fmt;
use std::sync::Arc;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use parapet_core::{BoxFuture, RequestHead};
use parapet_header::quoted;
use subtle::{Choice, ConstantTimeEq};

use crate::credentials::authorization;
use crate::scheme::{Check, Denial, Scheme, add_challenge};
use crate::{AuthError, Authenticator, Error, Grant, Identity, Reason};

#[cfg(feature = "htpasswd")]
mod htpasswd;
#[cfg(feature = "htpasswd")]
mod password_file;

/// User name and password (RFC 7617): settings of the check, made an [`Authenticator`] by [`build`](Self::build).
///
/// The password does not reach the backend: `Authorization` is taken off the request that goes on.
pub struct Basic {
    store: Store,
    realm: String,
    charset_utf8: bool,
    keep_credentials: bool,
}

enum Store {
    Pair {
        user: String,
        password: String,
    },
    Own(Arc<Verify>),
    #[cfg(feature = "htpasswd")]
    File(std::path::PathBuf),
}

type Verify =
    dyn Fn(&RequestHead, Credentials) -> BoxFuture<'static, Result<(), AuthError>> + Send + Sync;

/// What a client sent. `Debug` hides both.
#[derive(Clone)]
pub struct Credentials {
    user: String,
    password: String,
}

impl Credentials {
    /// The user name.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The password; may be empty, may hold colons.
    pub fn password(&self) -> &str {
        &self.password
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(hidden)")
    }
}

impl Basic {
    /// One pair. Neither is kept: only their tags under a key drawn in [`build`](Self::build).
    pub fn new(user: impl Into<String>, password: impl Into<String>) -> Self {
        Self::with_store(Store::Pair { user: user.into(), password: password.into() })
    }

    /// An own store. What the future needs of the head is taken out of it first; compare in constant time.
    pub fn verify<F, Fut>(verify: F) -> Self
    where
        F: Fn(&RequestHead, Credentials) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), AuthError>> + Send + 'static,
    {
        Self::with_store(Store::Own(Arc::new(move |head, credentials| {
            Box::pin(verify(head, credentials))
        })))
    }

    /// A password file of lines `user:hash`, hashes by bcrypt (`$2a$`, `$2b$`, `$2y$`) or argon2id and argon2i (PHC
    /// strings); `#` starts a comment. Looked at every 5 s and swapped whole; a bad one keeps the last good one.
    ///
    /// Hashes are checked on the blocking pool, half as many at once as there are cores; who waits longer than 5 s for
    /// that gets 503. A success is remembered for 5 minutes, 1024 of them.
    #[cfg(feature = "htpasswd")]
    pub fn htpasswd(path: impl Into<std::path::PathBuf>) -> Self {
        Self::with_store(Store::File(path.into()))
    }

    fn with_store(store: Store) -> Self {
        Self { store, realm: "Restricted".into(), charset_utf8: false, keep_credentials: false }
    }

    /// `realm` of the challenge, which RFC 7617 §2 requires. Default: `Restricted`.
    #[must_use]
    pub fn realm(mut self, realm: impl Into<String>) -> Self {
        self.realm = realm.into();
        self
    }

    /// Adds `charset="UTF-8"` to the challenge (RFC 7617 §2.1). Default: `false`.
    #[must_use]
    pub fn charset_utf8(mut self, on: bool) -> Self {
        self.charset_utf8 = on;
        self
    }

    /// Leaves `Authorization` on the request that goes on. Default: `false`.
    #[must_use]
    pub fn keep_credentials(mut self, keep: bool) -> Self {
        self.keep_credentials = keep;
        self
    }

    /// Makes the authenticator.
    ///
    /// # Errors
    /// [`EmptyCredentials`](Error::EmptyCredentials), [`BadCredentials`](Error::BadCredentials),
    /// [`BadRealm`](Error::BadRealm), [`Random`](Error::Random);
    /// [`PasswordFile`](Error::PasswordFile) and [`PasswordLine`](Error::PasswordLine) for a file.
    pub fn build(self) -> Result<Authenticator, Error> {
        let realm = quoted(&self.realm).ok_or(Error::BadRealm("the realm"))?;
        let charset = if self.charset_utf8 { ", charset=\"UTF-8\"" } else { "" };
        let challenge = HeaderValue::from_str(&format!("Basic realm={realm}{charset}"))
            .map_err(|_| Error::BadRealm("the realm"))?;
        let verifier = match self.store {
            Store::Pair { user, password } => {
                Verifier::Pair(Box::new(Pair::new(&user, &password)?))
            }
            Store::Own(verify) => Verifier::Own(verify),
            #[cfg(feature = "htpasswd")]
            Store::File(path) => Verifier::File(htpasswd::Htpasswd::open(path)?),
        };
        Ok(Authenticator::of(BasicCheck {
            verifier,
            challenge,
            keep_credentials: self.keep_credentials,
        }))
    }
}

impl fmt::Debug for Basic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Basic").field("realm", &self.realm).finish_non_exhaustive()
    }
}

struct BasicCheck {
    verifier: Verifier,
    challenge: HeaderValue,
    keep_credentials: bool,
}

enum Verifier {
    Pair(Box<Pair>),
    Own(Arc<Verify>),
    #[cfg(feature = "htpasswd")]
    File(Arc<htpasswd::Htpasswd>),
}

impl Scheme for BasicCheck {
    fn name(&self) -> &'static str {
        "basic"
    }

    fn check(&self, head: &RequestHead) -> Check {
        let text = match credentials(head) {
            Ok(text) => text,
            Err(denial) => return Check::Now(Err(denial)),
        };
        // RFC 7617 §2: a user name has no colon, a password may have some.
        let Some((user, password)) = text.split_once(':') else {
            return Check::Now(Err(Denial::credentials(Reason::Malformed)));
        };
        let owned = || Credentials { user: user.into(), password: password.into() };
        match &self.verifier {
            Verifier::Pair(pair) => Check::Now(if pair.fits(user, password) {
                Ok(self.grant(user))
            } else {
                Err(Denial::credentials(Reason::BadCredentials))
            }),
            Verifier::Own(verify) => {
                let (grant, credentials) = (self.grant(user), owned());
                let verified = verify(head, credentials);
                Check::Later(Box::pin(async move {
                    verified.await?;
                    Ok(grant)
                }))
            }
            #[cfg(feature = "htpasswd")]
            Verifier::File(file) => {
                let (grant, credentials, file) = (self.grant(user), owned(), Arc::clone(file));
                Check::Later(Box::pin(async move {
                    let cached = file.verify(credentials).await?;
                    Ok(grant.cached(cached))
                }))
            }
        }
    }

    fn challenges(&self, error: &AuthError, into: &mut HeaderMap) {
        if !matches!(error, AuthError::Unavailable | AuthError::InsufficientScope) {
            add_challenge(into, Some(&self.challenge));
        }
    }
}

impl BasicCheck {
    fn grant(&self, user: &str) -> Grant {
        let grant = Grant::new().with_identity(Identity::new("basic").with_subject(user));
        if self.keep_credentials { grant } else { grant.remove(AUTHORIZATION) }
    }
}

/// Most bytes of user, colon and password.
const MAX_CREDENTIALS: usize = 4096;

/// User, colon and password, decoded.
fn credentials(head: &RequestHead) -> Result<String, Denial> {
    let malformed = || Denial::credentials(Reason::Malformed);
    let encoded = authorization(&head.headers, "basic")
        .map_err(|_| Denial::credentials(Reason::Repeated))?
        .ok_or_else(Denial::missing)?;
    if encoded.len() > MAX_CREDENTIALS.div_ceil(3) * 4 {
        return Err(Denial::credentials(Reason::TooLarge));
    }
    let decoded = STANDARD.decode(encoded).map_err(|_| malformed())?;
    if decoded.len() > MAX_CREDENTIALS {
        return Err(Denial::credentials(Reason::TooLarge));
    }
    let text = String::from_utf8(decoded).map_err(|_| malformed())?;
    // RFC 7617 §2. Names go on to logs and to stores of others.
    if has_control(&text) { Err(malformed()) } else { Ok(text) }
}

fn has_control(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_control())
}

/// A user and a password as tags under a random key: time tells nothing of either, not even their lengths.
struct Pair {
    key: hmac::Key,
    user: hmac::Tag,
    password: hmac::Tag,
}

impl Pair {
    fn new(user: &str, password: &str) -> Result<Self, Error> {
        if user.is_empty() || password.is_empty() {
            return Err(Error::EmptyCredentials);
        }
        // No client could send them: a line end at the end of a file that holds the password, above all.
        if user.contains(':') {
            return Err(Error::BadCredentials("the user name holds a colon"));
        }
        if has_control(user) || has_control(password) {
            return Err(Error::BadCredentials("a control character, a line end perhaps, is in it"));
        }
        let key = random_key()?;
        Ok(Self {
            user: hmac::sign(&key, user.as_bytes()),
            password: hmac::sign(&key, password.as_bytes()),
            key,
        })
    }

    fn fits(&self, user: &str, password: &str) -> bool {
        self.fits_by(
            user,
            password,
            |text| hmac::sign(&self.key, text.as_bytes()),
            |a, b| a.as_ref().ct_eq(b.as_ref()),
        )
    }

    /// Both are always looked at, and the two results once.
    fn fits_by(
        &self,
        user: &str,
        password: &str,
        tag: impl Fn(&str) -> hmac::Tag,
        equal: impl Fn(&hmac::Tag, &hmac::Tag) -> Choice,
    ) -> bool {
        let fits = equal(&tag(user), &self.user) & equal(&tag(password), &self.password);
        fits.into()
    }
}

fn random_key() -> Result<hmac::Key, Error> {
    hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).map_err(|_| Error::Random)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn wrong_input_of_every_length_takes_the_same_number_of_tags_and_comparisons() {
        let pair = Pair::new("user", "password").unwrap();
        let long = "x".repeat(4096);
        for (user, password) in [
            ("u", "p"),
            ("resu", "drowssap"),
            ("user", "drowssap"),
            ("resu", "password"),
            ("", ""),
            (&long, &long),
            ("user", "password"),
        ] {
            let (tags, compared) = (Cell::new(0), Cell::new(0));
            let fits = pair.fits_by(
                user,
                password,
                |text| {
                    tags.set(tags.get() + 1);
                    hmac::sign(&pair.key, text.as_bytes())
                },
                |a, b| {
                    compared.set(compared.get() + 1);
                    a.as_ref().ct_eq(b.as_ref())
                },
            );
            assert_eq!((tags.get(), compared.get()), (2, 2), "{user:.9}");
            assert_eq!(fits, (user, password) == ("user", "password"));
        }
    }
}
