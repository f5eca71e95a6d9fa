use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parapet_authn::{Algorithm, Jwt, JwtKey};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Counts warnings; everything else is ignored.
#[derive(Clone, Default)]
struct Warnings(Arc<AtomicUsize>);

impl Subscriber for Warnings {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        if *event.metadata().level() == Level::WARN {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

fn warnings(f: impl FnOnce()) -> usize {
    let counted = Warnings::default();
    tracing::subscriber::with_default(counted.clone(), f);
    counted.0.load(Ordering::Relaxed)
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
