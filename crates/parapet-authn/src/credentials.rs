use http::HeaderMap;
use http::header::AUTHORIZATION;
use parapet_header::{Repeated, one_line};

/// What stands behind `scheme` in the one `Authorization` field; `None` without the field or with another scheme
/// (RFC 9110 §11.4). The scheme is compared without case.
pub(crate) fn authorization<'a>(
    headers: &'a HeaderMap,
    scheme: &str,
) -> Result<Option<&'a [u8]>, Repeated> {
    let Some(line) = one_line(headers, &AUTHORIZATION)? else { return Ok(None) };
    let line = line.as_bytes().trim_ascii();
    let (found, rest) = match line.iter().position(|byte| *byte == b' ') {
        Some(at) => line.split_at_checked(at).unwrap_or((line, &[])),
        None => (line, &[][..]),
    };
    Ok(found.eq_ignore_ascii_case(scheme.as_bytes()).then(|| rest.trim_ascii()))
}
