use serde_json::Value;

use crate::{JwtKey, KeySet, json};

/// Most keys of one set.
const MAX_KEYS: usize = 256;

/// The usable keys of a JWK Set (RFC 7517 §5); `None` if it is none, or has no usable key.
///
/// What cannot be used is skipped, so that an issuer may add kinds of keys that nobody here knows.
pub(super) fn parse(document: &[u8]) -> Option<KeySet> {
    let document = json::object(document)?;
    let keys = document.get("keys")?.as_array()?;
    let (mut used, mut is_warned) = (Vec::new(), false);
    for jwk in keys.iter().filter_map(Value::as_object) {
        if jwk.contains_key("d") {
            if !std::mem::replace(&mut is_warned, true) {
                tracing::warn!("a key set holds a private key; it is not used");
            }
            continue;
        }
        let kid = match jwk.get("kid") {
            None => None,
            Some(Value::String(kid)) => Some(kid.clone()),
            Some(_) => continue,
        };
        if let Ok(key) = JwtKey::public_jwk(jwk) {
            used.push((kid, key));
        }
        if used.len() == MAX_KEYS {
            break;
        }
    }
    (!used.is_empty()).then(|| KeySet::new(used))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_public_keys_for_signatures_and_skips_the_rest() {
        // The key of RFC 8037 §A.2.
        let good =
            r#""kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo""#;
        for (members, used) in [
            (good.to_owned(), true),
            (format!(r#"{good},"use":"sig","key_ops":["verify"],"alg":"EdDSA","kid":"a""#), true),
            (format!(r#"{good},"use":"enc""#), false),
            (format!(r#"{good},"key_ops":["sign"]"#), false),
            (format!(r#"{good},"alg":"RS256""#), false),
            (format!(r#"{good},"alg":"ES256K""#), false),
            (format!(r#"{good},"kid":7"#), false),
            (format!(r#"{good},"d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A""#), false),
            (good.replace("Ed25519", "X25519"), false),
            (good.replace("11qY", ""), false),
            (r#""kty":"oct","k":"AAAA""#.to_owned(), false),
            (r#""kty":"RSA","n":"AQAB","e":"AQAB""#.to_owned(), false),
            (r#""kty":"EC","crv":"P-256","x":"AA","y":"AA""#.to_owned(), false),
        ] {
            let set = parse(format!(r#"{{"keys":[{{{members}}}]}}"#).as_bytes());
            assert_eq!(set.is_some(), used, "{members}");
        }
        let many = format!(r#"{{"keys":[{}]}}"#, vec![format!("{{{good}}}"); 300].join(","));
        assert_eq!(parse(many.as_bytes()).map(|set| set.len()), Some(256));
        for none in
            ["{}", r#"{"keys":{}}"#, r#"{"keys":[]}"#, "[]", "<html>", "", r#"{"keys":[1]}"#]
        {
            assert!(parse(none.as_bytes()).is_none(), "{none}");
        }
    }
}
