//! What checks allocate: a remembered token, a password, a refusal, a hand-over to the next layer.

#[cfg(test)]
mod checks {
    use std::alloc::System;
    use std::sync::Arc;

    use aws_lc_rs::hmac;
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    use parapet_authn::{
        Algorithm, Any, AuthError, Authenticator, Basic, Grant, Jwt, JwtKey, KeySet,
    };
    use parapet_core::{
        Body, Handler, Middleware, Request, RequestExt, Response, ResponseFuture, Serve,
    };
    use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

    #[global_allocator]
    static GLOBAL: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

    struct Ready;

    impl Serve for Ready {
        fn serve(&self, _request: Request) -> ResponseFuture {
            ResponseFuture::ready(Response::new(Body::empty()))
        }
    }

    const SECRET: [u8; 32] = [7; 32];

    fn token(kid: &str) -> String {
        let header = URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"HS256","kid":"{kid}"}}"#));
        let payload = URL_SAFE_NO_PAD.encode(r#"{"sub":"u","iss":"i","scope":"read"}"#);
        let message = format!("{header}.{payload}");
        let key = hmac::Key::new(hmac::HMAC_SHA256, &SECRET);
        let signature = hmac::sign(&key, message.as_bytes());
        format!("Bearer {message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn allocations(handler: &Handler, authorization: Option<&str>, status: u16) -> usize {
        let mut request = http::Request::new(Body::empty());
        // As the server does: one insertion of the core's facts, before any layer.
        let info = request.detached_info();
        request.extensions_mut().insert(info);
        if let Some(value) = authorization {
            request.headers_mut().insert("authorization", value.parse().unwrap());
        }
        let rt = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let region = Region::new(GLOBAL);
        let response = match handler.serve(request).into_ready() {
            Ok(response) => response,
            Err(later) => rt.block_on(later),
        };
        let allocations = region.change().allocations;
        assert_eq!(response.status(), status);
        allocations
    }

    /// A success: one for each extension, `JwtClaims` and `Identity`; Basic has its subject, one decoded text and one list
    /// of edits besides. A refusal: two for the header map, two for the box and table of the extensions, three for the
    /// note. What waits (own checks, key sources) boxes the wait and the answer.
    #[test]
    fn checks_allocate_as_little_as_they_must() {
        let wrap = |check: Authenticator| check.wrap(Handler::new(Ready));
        let key = || JwtKey::hmac(SECRET);
        let hs = [Algorithm::HS256];
        let fixed = || Jwt::new(key(), hs).realm("api").require_scopes(["read"]);
        let keys = Arc::new(KeySet::new([(Some("k".to_owned()), key())]));
        let sourced = wrap(Jwt::from_key_source(keys, hs).build().unwrap());
        let jwt = wrap(fixed().build().unwrap());
        let unremembered = wrap(fixed().cache(0).build().unwrap());
        let claims = wrap(fixed().claim_headers([("sub", "x-sub")]).build().unwrap());
        let basic = || Basic::new("ann", "secret").build().unwrap();
        let any = wrap(Any::new([fixed().build().unwrap(), basic()]).build().unwrap());
        let basic = wrap(basic());
        let own = wrap(Authenticator::new(|_| async { Ok(Grant::new()) }));
        let no = wrap(Authenticator::new(|_| async { Err(AuthError::InvalidCredentials) }));
        let (token, other) = (token("k"), token("other"));
        let forged = format!("{}AA", token.get(..token.len() - 2).unwrap());
        let pair = |text: &str| format!("Basic {}", STANDARD.encode(text));
        let (good, bad) = (pair("ann:secret"), pair("ann:wrong!"));
        for (case, handler, authorization, status, expected) in [
            ("remembered", &jwt, Some(token.as_str()), 200, 2),
            ("remembered, with a claim in a field", &claims, Some(&token), 200, 4),
            ("remembered, of a key source", &sourced, Some(&token), 200, 6),
            ("verified", &unremembered, Some(&token), 200, 14),
            ("forged", &jwt, Some(&forged), 401, 9),
            ("no token", &jwt, None, 401, 7),
            ("no password", &basic, None, 401, 7),
            ("password", &basic, Some(&good), 200, 4),
            ("wrong password", &basic, Some(&bad), 401, 8),
            ("second of two schemes", &any, Some(&good), 200, 5),
            ("none of two schemes", &any, None, 401, 8),
            ("own check", &own, None, 200, 2),
            ("own refusal", &no, None, 401, 9),
        ] {
            for _ in 0..3 {
                if handler.is_same(&jwt) {
                    // A second key's tokens in between, as around a change of keys.
                    allocations(handler, Some(&other), 200);
                }
                allocations(handler, authorization, status);
            }
            assert_eq!(allocations(handler, authorization, status), expected, "{case}");
        }
    }
}
