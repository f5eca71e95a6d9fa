use http::Uri;
use parapet_core::Handler;

use crate::Error;

/// The client of all that asks another server by default.
pub(crate) fn default_client() -> Handler {
    parapet_upstream::client()
}

/// An absolute `http` or `https` URL without user information and fragment.
pub(crate) fn absolute(setting: &'static str, url: &str) -> Result<Uri, Error> {
    let bad = |reason| Error::BadUrl { setting, reason };
    if url.contains('#') {
        return Err(bad("a fragment is never sent"));
    }
    let uri: Uri = url.parse().map_err(|_| bad("it is no URL"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(bad("it is not absolute with http or https"));
    }
    let authority = uri.authority().map(http::uri::Authority::as_str).unwrap_or_default();
    if authority.contains('@') {
        return Err(bad("user information has no place there"));
    }
    if uri.host().is_none_or(str::is_empty) {
        return Err(bad("it has no host"));
    }
    Ok(uri)
}

/// Whether others on the wire can read and write what goes there: plain HTTP that leaves this machine.
#[cfg(any(feature = "jwks", feature = "introspection"))]
pub(crate) fn is_plain(uri: &Uri) -> bool {
    uri.scheme_str() == Some("http") && !is_loopback(uri)
}

#[cfg(any(feature = "jwks", feature = "introspection"))]
fn is_loopback(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}
