use std::fmt::Write;
use std::time::Duration;

use http::HeaderValue;

use crate::Error;

/// `max-age=31536000`: one year, this host alone.
pub fn default() -> Hsts {
    Hsts { value: HeaderValue::from_static("max-age=31536000"), over_http: false }
}

/// `max-age=63072000; includeSubDomains; preload`: two years, all subdomains, and consent to the list that browsers are
/// shipped with. Hard to take back: every subdomain must speak HTTPS.
pub fn preload() -> Hsts {
    let value = HeaderValue::from_static("max-age=63072000; includeSubDomains; preload");
    Hsts { value, over_http: false }
}

/// Sends one policy with every HTTPS response.
///
/// Costs one box a response, none if next answers without waiting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hsts {
    /// Built once: a clone shares its bytes.
    pub(crate) value: HeaderValue,
    pub(crate) over_http: bool,
}

impl Hsts {
    /// A policy of one's own. `max_age`: how long a browser keeps to HTTPS after each response, in whole seconds,
    /// rounded down; zero makes it forget the policy (RFC 6797 §6.1.1).
    pub fn builder(max_age: Duration) -> Builder {
        Builder { max_age, include_subdomains: false, preload: false, over_http: false }
    }

    /// Whether the field is sent over clear text too. Default: false, since RFC 6797 §7.2 forbids it and browsers ignore
    /// it there. For a place where the scheme cannot be known: a balancer in front ends TLS and is not trusted.
    #[must_use]
    pub fn over_http(self, over_http: bool) -> Self {
        Self { over_http, ..self }
    }
}

impl Default for Hsts {
    fn default() -> Self {
        default()
    }
}

/// A policy in the making: see [`Hsts::builder`].
#[derive(Clone, Debug)]
#[must_use]
pub struct Builder {
    max_age: Duration,
    include_subdomains: bool,
    preload: bool,
    over_http: bool,
}

impl Builder {
    /// Whether the policy covers all subdomains (RFC 6797 §6.1.2). Default: false.
    pub fn include_subdomains(self, include_subdomains: bool) -> Self {
        Self { include_subdomains, ..self }
    }

    /// Whether browsers may be shipped with the policy. Default: false. Needs
    /// [`include_subdomains`](Self::include_subdomains) and a year at least.
    pub fn preload(self, preload: bool) -> Self {
        Self { preload, ..self }
    }

    /// See [`Hsts::over_http`]. Default: false.
    pub fn over_http(self, over_http: bool) -> Self {
        Self { over_http, ..self }
    }

    /// Makes the layer.
    ///
    /// # Errors
    /// [`Error::MaxAge`]: above 2³¹ s. [`Error::NotPreloadable`]: the browsers' list would refuse the site.
    pub fn build(self) -> Result<Hsts, Error> {
        let Self { max_age, include_subdomains, preload, over_http } = self;
        let seconds = max_age.as_secs();
        if max_age > MAX_AGE {
            return Err(Error::MaxAge(max_age));
        }
        if preload && (max_age < PRELOAD_AGE || !include_subdomains) {
            return Err(Error::NotPreloadable { max_age, include_subdomains });
        }
        let mut text = String::new();
        let _never_fails = write!(text, "max-age={seconds}");
        if include_subdomains {
            text.push_str("; includeSubDomains");
        }
        if preload {
            text.push_str("; preload");
        }
        let value = HeaderValue::try_from(text).map_err(|_| Error::MaxAge(max_age))?;
        Ok(Hsts { value, over_http })
    }
}

/// 2³¹ s: where delta-seconds end (RFC 9111 §1.2.2); browsers cut at most there.
const MAX_AGE: Duration = Duration::from_secs(1 << 31);
/// What <https://hstspreload.org> asks for.
const PRELOAD_AGE: Duration = Duration::from_secs(31_536_000);
