use super::normal;

/// Why a text cannot be a path that requests are matched against: it would match nothing, or less than it seems to.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum PatternError {
    /// It does not begin with `/`.
    #[error("a path begins with a slash")]
    LeadingSlash,
    /// It holds `%XX`: requests are matched on the decoded path.
    #[error("write it decoded")]
    Encoded,
    /// It is not in normal form, or has a `?` or `#`: the form to write instead.
    #[error("write {0:?}")]
    NotNormal(String),
}

/// Checks that `pattern` is a path in decoded, normal form: what [`normal`] can yield.
///
/// ```
/// use parapet_core::path::{PatternError, check_pattern};
/// assert_eq!(check_pattern("/a b/"), Ok(()));
/// assert_eq!(check_pattern("/a%20b"), Err(PatternError::Encoded));
/// assert_eq!(check_pattern("/a//b"), Err(PatternError::NotNormal("/a/b".into())));
/// ```
///
/// # Errors
/// [`PatternError`], see there.
pub fn check_pattern(pattern: &str) -> Result<(), PatternError> {
    if !pattern.starts_with('/') {
        return Err(PatternError::LeadingSlash);
    }
    let escape = |bytes: &[u8]| matches!(bytes, [b'%', high, low] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit());
    if pattern.as_bytes().windows(3).any(escape) {
        return Err(PatternError::Encoded);
    }
    let path = pattern.split(['?', '#']).next().unwrap_or_default();
    let normal = decoded_normal(path);
    if normal.as_deref() == Some(pattern) {
        return Ok(());
    }
    // A path that is refused has no normal form: the nearest thing without what is refused.
    let instead = normal.or_else(|| {
        let cleaned = path.replace('\\', "/").replace('\0', "");
        let segments = cleaned.split('/').map(|segment| match segment.split_once(';') {
            Some((dots @ ("." | ".."), _)) => dots,
            _ => segment,
        });
        decoded_normal(&segments.collect::<Vec<_>>().join("/"))
    });
    Err(PatternError::NotNormal(instead.unwrap_or_else(|| "/".to_owned())))
}

/// [`normal`] of a path that is decoded already.
fn decoded_normal(path: &str) -> Option<String> {
    // A percent sign is the only byte that means something else when it is not encoded.
    let raw = path.replace('%', "%25");
    String::from_utf8(normal(raw.as_bytes()).ok()?.into_owned()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_decoded_normal_paths() {
        for pattern in ["/", "/a", "/a/", "/a b/ü", "/100%", "/%zz", "/a;x=1", "/a+b", "/..a"] {
            assert_eq!(check_pattern(pattern), Ok(()), "{pattern}");
        }
        for pattern in ["", "a", "*", "?", "http://a/"] {
            assert_eq!(check_pattern(pattern), Err(PatternError::LeadingSlash), "{pattern}");
        }
        for pattern in ["/%20", "/a%2Fb", "/%c3%bc"] {
            assert_eq!(check_pattern(pattern), Err(PatternError::Encoded), "{pattern}");
        }
        for (pattern, instead) in [
            ("//a", "/a"),
            ("/a//", "/a/"),
            ("/a/./b/../c", "/a/c"),
            ("/..", "/"),
            ("/a\\b", "/a/b"),
            ("/a\\..\\b", "/b"),
            ("/a\0b", "/ab"),
            ("/a/..;x/b", "/b"),
            ("/a?b", "/a"),
            ("/a//b#c", "/a/b"),
        ] {
            let expected = PatternError::NotNormal(instead.to_owned());
            assert_eq!(check_pattern(pattern), Err(expected), "{pattern:?}");
        }
    }
}
