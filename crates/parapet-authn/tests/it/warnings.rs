use parapet_authn::{Algorithm, Jwt, JwtKey};
use parapet_testkit::Warnings;

fn warnings(f: impl FnOnce()) -> usize {
    let counted = Warnings::new();
    f();
    counted.count()
}

#[test]
fn a_secret_shorter_than_its_hash_is_warned_of_once() {
    for (bytes, algorithm, expected) in [
        (32, Algorithm::HS256, 0),
        (32, Algorithm::HS384, 1),
        (47, Algorithm::HS384, 1),
        (48, Algorithm::HS384, 0),
        (63, Algorithm::HS512, 1),
        (64, Algorithm::HS512, 0),
    ] {
        let build = || {
            Jwt::new(JwtKey::hmac(vec![1; bytes]), [algorithm]).build().unwrap();
        };
        assert_eq!(warnings(build), expected, "{bytes} {algorithm}");
    }
}

/// Warnings while a key set is wanted this often, in steps of a minute, from a server with these answers.
#[cfg(feature = "jwks")]
fn warnings_of_fetches(answers: Vec<&'static str>) -> usize {
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use crate::support::{Signer, bearer, status, wrap};

    warnings(|| {
        let mut rt = tokio::runtime::Builder::new_current_thread();
        rt.enable_all().start_paused(true).build().unwrap().block_on(async {
            let wanted = answers.len();
            let answers = Arc::new(Mutex::new(answers.into_iter()));
            let client = parapet_core::handler_fn(move |_| {
                let answer = answers.lock().unwrap().next().unwrap_or_default();
                async move { answer }
            });
            let keys = parapet_authn::Jwks::new("https://issuer.test/").client(client);
            let jwt = Jwt::from_key_source(keys.build().unwrap(), [Algorithm::EdDSA]);
            let (handler, _) = wrap(&jwt.build().unwrap());
            let token = Signer::new(Algorithm::EdDSA).token_of(Algorithm::EdDSA, "k", "{}");
            for _ in 0..wanted {
                assert!(matches!(status(&handler, bearer(&token)).await, 401 | 503));
                tokio::time::advance(Duration::from_secs(60)).await;
            }
        });
    })
}

#[cfg(feature = "jwks")]
#[test]
fn a_key_server_that_goes_on_failing_or_publishes_private_keys_is_warned_of_once() {
    // The key of RFC 8037 §A.2.
    const GOOD: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
    const PRIVATE: &str = r#"{"keys":[{"d":"1"},{"d":"2"},{"d":"3"},{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
    for (case, answers, expected) in [
        ("good", vec![GOOD; 3], 0),
        ("failing", vec!["no"; 5], 1),
        ("failing again", vec!["no", "no", GOOD, "no", "no"], 2),
        ("private keys", vec![PRIVATE], 1),
    ] {
        assert_eq!(warnings_of_fetches(answers), expected, "{case}");
    }
}

#[cfg(feature = "introspection")]
#[test]
fn a_client_secret_over_a_plain_wire_is_warned_of() {
    for (url, expected) in [
        ("http://login.test/", 1),
        ("https://login.test/", 0),
        ("http://localhost:3000/", 0),
        ("http://[::1]/", 0),
    ] {
        let build = || {
            parapet_authn::Introspection::new(url, "a", "b").build().unwrap();
        };
        assert_eq!(warnings(build), expected, "{url}");
    }
}

#[cfg(feature = "jwks")]
#[test]
fn keys_over_a_plain_wire_are_warned_of_once() {
    for (url, expected) in [
        ("http://issuer.test/keys", 1),
        ("https://issuer.test/keys", 0),
        ("http://localhost:3000/keys", 0),
        ("http://127.0.0.1/keys", 0),
        ("http://[::1]:3000/keys", 0),
        ("http://10.0.0.1/keys", 1),
        ("http://127.0.0.1.evil.test/keys", 1),
    ] {
        let build = || {
            parapet_authn::Jwks::new(url).build().unwrap();
        };
        assert_eq!(warnings(build), expected, "{url}");
    }
}
