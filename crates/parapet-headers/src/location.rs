use http::HeaderValue;
use http::header::{CONTENT_LOCATION, LOCATION};

use crate::operation::map_lines;
use crate::{Error, Place, ResponseHeaders};

/// Replaces the prefix `from` of `Location` and `Content-Location` by `to`: for origins that answer with their own
/// address. Bytes are compared; a value without the prefix stays.
///
/// # Errors
/// [`Error::Value`]: `from` is empty, or one of both cannot stand in a field.
pub fn rewrite_location(from: &str, to: &str) -> Result<ResponseHeaders, Error> {
    for (index, text) in [from, to].into_iter().enumerate() {
        if HeaderValue::from_str(text).is_err() || (index == 0 && text.is_empty()) {
            let place = Place { operation: "rewrite_location", index };
            return Err(Error::Value { place, name: LOCATION.to_string(), value: text.into() });
        }
    }
    let (from, to) = (from.as_bytes().to_vec(), to.as_bytes().to_vec());
    Ok(ResponseHeaders::default().change(move |head, _| {
        for name in [LOCATION, CONTENT_LOCATION] {
            map_lines(&mut head.headers, &name, |line| {
                let Some(rest) = line.as_bytes().strip_prefix(&*from) else {
                    return Some(line.clone());
                };
                HeaderValue::from_bytes(&[&to, rest].concat()).ok()
            });
        }
    }))
}
