use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use parapet_core::{Request, percent};

/// `X-Forwarded-Prefix`: what was taken off the front of a path on its way.
const X_FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");

/// What the layers of this crate took off so far. In the extensions of the request, where no client can write.
#[derive(Clone, Debug)]
struct Stripped(HeaderValue);

/// `prefix` as it goes into the field: percent-encoded.
pub(crate) fn field_value(prefix: &str) -> HeaderValue {
    let mut text = Vec::with_capacity(percent::encoded_len(prefix));
    percent::encode_into(prefix, &mut text);
    // Always valid: nothing but URI characters.
    HeaderValue::from_maybe_shared(Bytes::from(text)).unwrap_or(HeaderValue::from_static("/"))
}

/// Removes the field unless a layer of this crate wrote it.
pub(crate) fn forget_clients(request: &mut Request) {
    if request.extensions().get::<Stripped>().is_none() {
        request.headers_mut().remove(X_FORWARDED_PREFIX);
    }
}

/// Sets the field to what outer layers took off and `prefix`.
pub(crate) fn append(request: &mut Request, prefix: &HeaderValue) {
    let value = match request.extensions().get::<Stripped>() {
        Some(Stripped(outer)) => {
            let text = [outer.as_bytes(), prefix.as_bytes()].concat();
            HeaderValue::from_maybe_shared(Bytes::from(text)).unwrap_or_else(|_| prefix.clone())
        }
        None => prefix.clone(),
    };
    request.extensions_mut().insert(Stripped(value.clone()));
    // A full map is left as it is: `insert` would panic there.
    let _ = request.headers_mut().try_insert(X_FORWARDED_PREFIX, value);
}
