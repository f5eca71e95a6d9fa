use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use parapet_authn::{Algorithm, Error, Jwt, Oidc};
use parapet_core::{Body, Handler, Request, Response, handler_fn, plain_error};
use tokio::time::advance;

use crate::support::{Signer, ask, bearer, date, status, wrap};

/// Documents by their URL, and the URLs that were asked for.
#[derive(Clone, Default)]
struct Web(Arc<Mutex<Pages>>);

type Pages = (HashMap<String, String>, Vec<String>);

impl Web {
    fn put(&self, url: &str, text: impl Into<String>) {
        self.0.lock().unwrap().0.insert(url.into(), text.into());
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap().1)
    }

    fn client(&self) -> Handler {
        let web = self.clone();
        handler_fn(move |request: Request| {
            let web = web.clone();
            async move {
                let page = {
                    let mut web = web.0.lock().unwrap();
                    let url = request.uri().to_string();
                    web.1.push(url.clone());
                    web.0.get(&url).cloned()
                };
                match page {
                    Some(text) if text == SILENT => std::future::pending().await,
                    Some(text) => Response::new(Body::full(text)),
                    None => plain_error(http::StatusCode::NOT_FOUND, "Not Found"),
                }
            }
        })
    }
}

/// A page whose server never answers.
const SILENT: &str = "silent";
const ISSUER: &str = "https://login.test/tenant";
const DOCUMENT: &str = "https://login.test/tenant/.well-known/openid-configuration";
const KEYS: &str = "https://keys.test/jwks";

fn check(web: &Web) -> Handler {
    let keys = Oidc::discover(ISSUER).client(web.client()).build().unwrap();
    wrap(&Jwt::from_key_source(keys, [Algorithm::EdDSA]).now(date).build().unwrap()).0
}

#[tokio::test(start_paused = true)]
async fn discovery_finds_the_keys_once_a_day_and_sets_the_issuer() {
    let signer = Signer::new(Algorithm::EdDSA);
    let web = Web::default();
    web.put(DOCUMENT, format!(r#"{{"issuer":"{ISSUER}","jwks_uri":"{KEYS}","id_token_signing_alg_values_supported":["none"]}}"#));
    web.put(KEYS, format!(r#"{{"keys":[{{"kid":"k",{}}}]}}"#, signer.jwk()));
    let handler = check(&web);
    let token = |issuer: &str| {
        signer.token_of(Algorithm::EdDSA, "k", &format!(r#"{{"iss":"{issuer}","sub":"u"}}"#))
    };
    assert_eq!(status(&handler, bearer(&token(ISSUER))).await, 200);
    assert_eq!(web.asked(), [DOCUMENT, KEYS]);
    assert_eq!(ask(&handler, bearer(&token("https://other.test"))).await.2, "bad_issuer");

    // The set is fetched again, the document is still good.
    advance(Duration::from_secs(3600)).await;
    assert_eq!(status(&handler, bearer(&token(ISSUER))).await, 200);
    while web.0.lock().unwrap().1.is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(web.asked(), [KEYS]);

    // A document that cannot be had leaves the place that it named last.
    web.0.lock().unwrap().0.remove(DOCUMENT);
    advance(Duration::from_secs(24 * 3600)).await;
    assert_eq!(status(&handler, bearer(&token(ISSUER))).await, 200);
    while web.0.lock().unwrap().1.len() < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(web.asked(), [DOCUMENT, KEYS]);
}

#[tokio::test(start_paused = true)]
async fn a_discovery_that_hangs_keeps_no_new_key_away() {
    let (old, new) = (Signer::new(Algorithm::EdDSA), Signer::new(Algorithm::EdDSA));
    let web = Web::default();
    let keys = |kid: &str, signer: &Signer| {
        web.put(KEYS, format!(r#"{{"keys":[{{"kid":"{kid}",{}}}]}}"#, signer.jwk()));
    };
    web.put(DOCUMENT, format!(r#"{{"issuer":"{ISSUER}","jwks_uri":"{KEYS}"}}"#));
    keys("old", &old);
    let handler = check(&web);
    let payload = format!(r#"{{"iss":"{ISSUER}"}}"#);
    let token = |signer: &Signer, kid: &str| signer.token_of(Algorithm::EdDSA, kid, &payload);
    assert_eq!(status(&handler, bearer(&token(&old, "old"))).await, 200);
    advance(Duration::from_secs(25 * 3600)).await;
    web.put(DOCUMENT, SILENT);
    keys("new", &new);
    assert_eq!(status(&handler, bearer(&token(&new, "new"))).await, 200);
    assert_eq!(web.asked(), [DOCUMENT, KEYS, DOCUMENT, KEYS]);
}

#[tokio::test(start_paused = true)]
async fn a_document_of_somebody_else_or_without_a_safe_place_is_refused() {
    let signer = Signer::new(Algorithm::EdDSA);
    let set = format!(r#"{{"keys":[{{"kid":"k",{}}}]}}"#, signer.jwk());
    for document in [
        format!(r#"{{"issuer":"{ISSUER}/","jwks_uri":"{KEYS}"}}"#),
        format!(r#"{{"issuer":"https://LOGIN.test/tenant","jwks_uri":"{KEYS}"}}"#),
        format!(r#"{{"jwks_uri":"{KEYS}"}}"#),
        format!(r#"{{"issuer":"{ISSUER}"}}"#),
        format!(r#"{{"issuer":"{ISSUER}","jwks_uri":"http://keys.test/jwks"}}"#),
        format!(r#"{{"issuer":"{ISSUER}","jwks_uri":"/jwks"}}"#),
        "<html>".to_owned(),
    ] {
        let web = Web::default();
        web.put(DOCUMENT, document.as_str());
        web.put(KEYS, set.as_str());
        web.put("http://keys.test/jwks", set.as_str());
        let token = signer.token_of(Algorithm::EdDSA, "k", "{}");
        assert_eq!(status(&check(&web), bearer(&token)).await, 503, "{document}");
        assert_eq!(web.asked(), [DOCUMENT], "{document}");
    }
    for issuer in
        ["http://login.test", "login.test", "https://a@login.test", "https://login.test?x"]
    {
        assert!(matches!(Oidc::discover(issuer).build(), Err(Error::BadUrl { .. })), "{issuer}");
    }
}
