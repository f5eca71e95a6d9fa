use http::HeaderName;

/// Whether a field must not stand in a trailer section (RFC 9110 §6.5.1).
///
/// These must be known before the content: framing, routing (`Host`, `Forwarded`, `X-Forwarded-*`,
/// `X-Real-Ip`), authentication, `Set-Cookie`, `Content-*`, hop-by-hop fields and `Trailer`. Two
/// may come later by their own definition and so are allowed: `Content-Digest` (RFC 9530 §2) and
/// `Authentication-Info` (RFC 9110 §11.6.3).
pub fn forbidden_in_trailers(name: &HeaderName) -> bool {
    match name.as_str() {
        "authorization"
        | "connection"
        | "cookie"
        | "forwarded"
        | "host"
        | "keep-alive"
        | "proxy-authenticate"
        | "proxy-authorization"
        | "proxy-connection"
        | "set-cookie"
        | "te"
        | "trailer"
        | "transfer-encoding"
        | "upgrade"
        | "www-authenticate"
        | "x-real-ip" => true,
        "content-digest" => false,
        name => name.starts_with("content-") || name.starts_with("x-forwarded-"),
    }
}
