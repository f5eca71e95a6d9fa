use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::scheme::Denial;
use crate::{Algorithm, Reason};

/// Most bytes of a decoded protected header.
const MAX_HEADER_BYTES: usize = 4096;

/// A compact JWS whose header is good and of which nothing else was looked at (RFC 7515 §7.1).
pub(crate) struct Compact<'a> {
    pub(crate) header: Arc<Header>,
    token: &'a str,
}

/// A compact JWS whose form and header are good and whose signature nobody has checked yet.
pub(crate) struct Unverified<'a> {
    pub(crate) header: Arc<Header>,
    /// The exact bytes that were signed.
    pub(crate) message: &'a [u8],
    payload: Vec<u8>,
    pub(crate) signature: Vec<u8>,
}

/// A protected header that was found good for the pinned algorithms and types.
pub(crate) struct Header {
    encoded: Box<str>,
    pub(crate) algorithm: Algorithm,
    pub(crate) kid: Option<Arc<str>>,
}

impl<'a> Compact<'a> {
    /// Takes `token` apart. No key is looked at; `algorithms` are the pinned ones. `known` are headers that were found good
    /// under the same settings: the tokens of one key have the same one, and then it is not parsed again.
    pub(crate) fn parse(
        token: &'a str,
        algorithms: &[Algorithm],
        types: &[String],
        known: &[Arc<Header>],
    ) -> Result<Self, Denial> {
        let (encoded, _) = token.split_once('.').ok_or_else(|| Denial::token(Reason::Malformed))?;
        let header = match known.iter().find(|known| *known.encoded == *encoded) {
            Some(known) => Arc::clone(known),
            None => Arc::new(Header::parse(encoded, algorithms, types)?),
        };
        Ok(Self { header, token })
    }

    /// Decodes both other parts: what is malformed costs no signature check. The payload's JSON is not looked at before
    /// the signature is.
    pub(crate) fn decode(self) -> Result<Unverified<'a>, Denial> {
        let malformed = || Denial::token(Reason::Malformed);
        let (message, signature) = self.token.rsplit_once('.').ok_or_else(malformed)?;
        let (_, payload) = message.split_once('.').ok_or_else(malformed)?;
        // Five parts are a JWE, which nobody here can open.
        if payload.contains('.') || signature.is_empty() {
            return Err(malformed());
        }
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| malformed());
        Ok(Unverified {
            header: self.header,
            message: message.as_bytes(),
            payload: decode(payload)?,
            signature: decode(signature)?,
        })
    }
}

impl Unverified<'_> {
    /// The payload, parsed once; only to be asked for after the signature was checked.
    pub(crate) fn claims(&self) -> Result<Map<String, Value>, Denial> {
        crate::json::object(&self.payload).ok_or_else(|| Denial::token(Reason::Malformed))
    }
}

impl Header {
    fn parse(encoded: &str, algorithms: &[Algorithm], types: &[String]) -> Result<Self, Denial> {
        let malformed = || Denial::token(Reason::Malformed);
        if encoded.len() > MAX_HEADER_BYTES.div_ceil(3) * 4 {
            return Err(Denial::token(Reason::TooLarge));
        }
        let header = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| malformed())?;
        if header.len() > MAX_HEADER_BYTES {
            return Err(Denial::token(Reason::TooLarge));
        }
        let header = crate::json::object(&header).ok_or_else(malformed)?;
        let algorithm = algorithm(&header, algorithms)?;
        // RFC 7515 §4.1.11: whoever does not understand an extension must refuse, and there is none here to understand.
        if header.contains_key("crit") {
            return Err(Denial::token(Reason::Critical));
        }
        check_type(&header, types)?;
        // `jku`, `jwk`, `x5u` and `x5c` are not looked at: keys never come from the token.
        let kid = match header.get("kid") {
            None => None,
            Some(Value::String(kid)) => Some(kid.as_str().into()),
            Some(_) => return Err(malformed()),
        };
        Ok(Self { encoded: encoded.into(), algorithm, kid })
    }
}

fn algorithm(header: &Map<String, Value>, pinned: &[Algorithm]) -> Result<Algorithm, Denial> {
    header
        .get("alg")
        .and_then(Value::as_str)
        .and_then(Algorithm::parse)
        .filter(|algorithm| pinned.contains(algorithm))
        .ok_or_else(|| Denial::token(Reason::BadAlg))
}

/// RFC 8725 §3.11; the prefix is optional by RFC 7515 §4.1.9.
fn check_type(header: &Map<String, Value>, types: &[String]) -> Result<(), Denial> {
    if types.is_empty() {
        return Ok(());
    }
    let found = header.get("typ").and_then(Value::as_str).map(bare_type).unwrap_or_default();
    if types.iter().any(|wanted| bare_type(wanted).eq_ignore_ascii_case(found)) {
        return Ok(());
    }
    Err(Denial::token(Reason::BadType))
}

fn bare_type(text: &str) -> &str {
    const PREFIX: &str = "application/";
    match text.split_at_checked(PREFIX.len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(PREFIX) => rest,
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::JwtKey;

    /// Vectors whose label is not what RFC 7515 says, and what it says.
    const MISLABELLED: [(u64, bool); 4] = [
        // Labelled invalid for their padding, which they have not: the text is the one of a valid vector.
        (367, true),
        (370, true),
        // Labelled valid with a `?` inside of base64url, which §2 does not know and the MAC does not cover.
        (372, false),
        (373, false),
    ];

    /// Vectors of others, in the folder that the environment names.
    #[test]
    fn the_vectors_of_wycheproof_end_as_they_say() {
        let Some(folder) = std::env::var_os("PARAPET_TEST_DATA") else {
            println!("skipped: PARAPET_TEST_DATA names no folder with jws-vectors.json");
            return;
        };
        let text = fs::read_to_string(Path::new(&folder).join("jws-vectors.json")).unwrap();
        let vectors: Value = serde_json::from_str(&text).unwrap();
        let mut counts = (0, 0);
        let mut wrong = Vec::new();
        for group in vectors["groups"].as_array().unwrap() {
            let algorithm = Algorithm::parse(group["algorithm"].as_str().unwrap());
            let mut jwk = group["key"].as_object().unwrap().clone();
            if jwk["kty"] == "RSA" {
                // Some groups give the private key: only its public part is taken here.
                jwk.retain(|name, _| !matches!(&**name, "d" | "p" | "q" | "dp" | "dq" | "qi"));
            }
            let key = JwtKey::jwk_json(&Value::Object(jwk).to_string());
            for test in group["tests"].as_array().unwrap() {
                let token = test["jws"].as_str().unwrap_or_default();
                let verified = match (&key, algorithm) {
                    (Ok(key), Some(algorithm)) if key.fits(algorithm) => {
                        Compact::parse(token, &[algorithm], &[], &[])
                            .and_then(Compact::decode)
                            .is_ok_and(|jws| {
                                key.verify(jws.header.algorithm, jws.message, &jws.signature)
                            })
                    }
                    _ => false,
                };
                counts.0 += 1;
                let number = test["tcId"].as_u64();
                let exception = MISLABELLED.iter().find(|(one, _)| Some(*one) == number);
                let expected = exception.map_or(test["result"] == "valid", |(_, valid)| *valid);
                if verified == expected {
                    counts.1 += 1;
                } else {
                    wrong.push(format!(
                        "{} {} {}: {verified}",
                        group["algorithm"], test["tcId"], test["comment"]
                    ));
                }
            }
        }
        assert!(wrong.is_empty(), "{} of {}: {wrong:#?}", counts.1, counts.0);
        assert!(counts.0 > 0);
    }
}
