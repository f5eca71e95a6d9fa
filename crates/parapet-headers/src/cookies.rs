use http::HeaderValue;
use http::header::SET_COOKIE;

use crate::ResponseHeaders;
use crate::operation::map_lines;

/// Adds `HttpOnly`, `SameSite=Lax` and, over https, `Secure` to each `Set-Cookie` line that lacks them (RFC 6265 §5.2).
pub fn secure_cookies() -> ResponseHeaders {
    ResponseHeaders::default().change(|head, asked| {
        map_lines(&mut head.headers, &SET_COOKIE, |line| Some(secured(line, asked.https)));
    })
}

fn secured(line: &HeaderValue, https: bool) -> HeaderValue {
    let has = |attribute: &[u8]| {
        line.as_bytes().split(|byte| *byte == b';').skip(1).any(|part| {
            let name = part.split(|byte| *byte == b'=').next().unwrap_or_default();
            name.trim_ascii().eq_ignore_ascii_case(attribute)
        })
    };
    let mut bytes = line.as_bytes().to_vec();
    for (attribute, wanted, text) in [
        (&b"secure"[..], https, &b"; Secure"[..]),
        (b"httponly", true, b"; HttpOnly"),
        (b"samesite", true, b"; SameSite=Lax"),
    ] {
        if wanted && !has(attribute) {
            bytes.extend_from_slice(text);
        }
    }
    HeaderValue::from_bytes(&bytes).unwrap_or_else(|_| line.clone())
}
