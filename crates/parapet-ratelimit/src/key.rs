//! Ready keys for [`RateLimiter::key`](crate::RateLimiter::key) and [`Limits::new`](crate::Limits::new).
//!
//! A key function answers `None` for a request that is not to be limited.

use bytes::Bytes;
use http::HeaderName;
use parapet_core::{Request, RequestExt};
use parapet_header::{X_REAL_IP, client_ip as parse_client_ip};

use crate::limit_key::{DEFAULT_PREFIX, check_prefix};
use crate::{Error, Key};

/// The client's address by the server's trust rules; IPv6 by its /64. The default of every limiter.
///
/// A request without one (made in-process, or from a Unix socket) is keyed by its first `X-Real-IP`, as an address if it
/// is one; absent too, by the empty key, which all such requests share.
pub fn client_ip() -> impl Fn(&Request) -> Option<Key> + Clone + Send + Sync + 'static {
    |request| Some(client_key(request, DEFAULT_PREFIX))
}

/// [`client_ip`] with IPv6 cut to `bits`; 128 limits each address alone.
///
/// # Errors
/// [`Error::BadPrefixLength`] outside 1 to 128.
pub fn client_ip_prefix(
    bits: u8,
) -> Result<impl Fn(&Request) -> Option<Key> + Clone + Send + Sync + 'static, Error> {
    check_prefix(bits)?;
    Ok(move |request: &Request| Some(client_key(request, bits)))
}

/// The first line of field `name`. Requests without it are not limited.
pub fn header(
    name: HeaderName,
) -> impl Fn(&Request) -> Option<Key> + Clone + Send + Sync + 'static {
    move |request| {
        request.headers().get(&name).map(|value| Bytes::copy_from_slice(value.as_bytes()).into())
    }
}

/// The host that is asked for, in lower case and without port. The empty key for requests without one.
pub fn host() -> impl Fn(&Request) -> Option<Key> + Clone + Send + Sync + 'static {
    |request| {
        let host = request.authority().map(|authority| authority.host().to_ascii_lowercase());
        Some(host.map_or_else(Key::empty, Key::from))
    }
}

/// One key for all requests.
pub fn global() -> impl Fn(&Request) -> Option<Key> + Clone + Send + Sync + 'static {
    |_| Some(Key::empty())
}

/// The first `segments` segments of the normal path. Paths without a normal form share the empty key.
pub fn path_prefix(
    segments: usize,
) -> impl Fn(&Request) -> Option<Key> + Clone + Send + Sync + 'static {
    move |request| {
        let Ok(path) = request.normal_path() else { return Some(Key::empty()) };
        let mut end = path.len();
        let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
        // The slash behind the last wanted segment ends the key; the first one opens the path.
        if let Some((at, _)) = slashes.skip(1).nth(segments.saturating_sub(1)) {
            end = at;
        }
        if segments == 0 {
            end = 0;
        }
        Some(Bytes::copy_from_slice(path.get(..end).unwrap_or_default()).into())
    }
}

/// `first`, and `second` for requests of which `first` has none.
pub fn or<A, B>(
    first: impl Fn(&Request) -> Option<A> + Clone + Send + Sync + 'static,
    second: impl Fn(&Request) -> Option<B> + Clone + Send + Sync + 'static,
) -> impl Fn(&Request) -> Option<Key> + Clone + Send + Sync + 'static
where
    A: Into<Key>,
    B: Into<Key>,
{
    move |request| first(request).map(Into::into).or_else(|| second(request).map(Into::into))
}

/// Both together: one bucket for each pair. Requests that lack one of them are not limited.
pub fn both<A, B>(
    first: impl Fn(&Request) -> Option<A> + Clone + Send + Sync + 'static,
    second: impl Fn(&Request) -> Option<B> + Clone + Send + Sync + 'static,
) -> impl Fn(&Request) -> Option<Key> + Clone + Send + Sync + 'static
where
    A: Into<Key>,
    B: Into<Key>,
{
    move |request| {
        let (first, second): (Key, Key) = (first(request)?.into(), second(request)?.into());
        // No readable form holds a plus sign, so no two pairs read the same.
        Some(Key::from(format!("{}+{}", first.readable(), second.readable())))
    }
}

pub(crate) fn client_key(request: &Request, prefix: u8) -> Key {
    if let Some(address) = request.client_addr() {
        return Key::masked(address, prefix);
    }
    match request.headers().get(X_REAL_IP) {
        Some(value) => match parse_client_ip(value.as_bytes()) {
            Some(address) => Key::masked(address, prefix),
            None => Bytes::copy_from_slice(value.as_bytes()).into(),
        },
        None => Key::empty(),
    }
}
