use http::HeaderName;

/// `X-Forwarded-For`: the addresses a request came through, the client's first.
pub const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// `X-Forwarded-Host`: the authority that the client asked for.
pub const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
/// `X-Forwarded-Method`: the method of the request that a forward-auth server judges.
pub const X_FORWARDED_METHOD: HeaderName = HeaderName::from_static("x-forwarded-method");
/// `X-Forwarded-Proto`: the scheme that the client used, `http` or `https`.
pub const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// `X-Forwarded-Uri`: the request target that a forward-auth server judges.
pub const X_FORWARDED_URI: HeaderName = HeaderName::from_static("x-forwarded-uri");
/// `X-Real-Ip`: the client's address alone.
pub const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");
/// `X-Request-Id`: names one request in the logs of all hops.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// `Keep-Alive`: a hop-by-hop hint on how long an idle connection is kept (RFC 2068 §19.7.1.1).
pub const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
/// `Proxy-Connection`: what old clients send to a proxy in place of `Connection` (RFC 9112 §C.2.2).
pub const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
/// `Sec-Fetch-Site`: how the origin of a request is related to its target (W3C Fetch Metadata).
pub const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
