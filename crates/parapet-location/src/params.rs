use std::borrow::Cow;

use parapet_core::path::{PathError, normal};

/// The normal form of `raw` less its path parameters: `;…` cut from every segment, as servlet containers do before they
/// look at a path.
///
/// They are cut before the path is normalised, so that `/a/;x/../b` is `/b` as it is there, and once more behind it,
/// since some decode `%3B` first.
pub(crate) fn without_params(raw: &[u8]) -> Result<Cow<'_, [u8]>, PathError> {
    let path = normal(raw)?;
    if !path.contains(&b';') && !raw.contains(&b';') {
        return Ok(path);
    }
    let cut = cut_params(raw);
    let path = normal(&cut)?;
    let cut = cut_params(&path);
    // Cutting may have left empty segments.
    let mut folded = Vec::with_capacity(cut.len());
    for byte in cut {
        if byte != b'/' || folded.last() != Some(&b'/') {
            folded.push(byte);
        }
    }
    Ok(Cow::Owned(folded))
}

fn cut_params(path: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len());
    let mut in_params = false;
    for byte in path {
        match byte {
            b'/' => in_params = false,
            b';' => in_params = true,
            _ => {}
        }
        if !in_params {
            out.push(*byte);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_cut_from_every_segment() {
        for (raw, expected) in [
            ("/admin", "/admin"),
            ("/admin;x=1/y", "/admin/y"),
            ("/admin;x=1;y=2", "/admin"),
            ("/admin%3Bx/y", "/admin/y"),
            ("/;x/admin", "/admin"),
            ("/%3Bx/admin", "/admin"),
            ("/;x", "/"),
            ("/a/;x", "/a/"),
            ("/a;/;/b;", "/a/b"),
            ("/a/;x/../b", "/b"),
            ("/a;b/../c", "/c"),
            ("/a/b;x/%2e", "/a/b/"),
        ] {
            let path = without_params(raw.as_bytes()).unwrap();
            assert_eq!(std::str::from_utf8(&path).unwrap(), expected, "{raw}");
        }
        for raw in ["/x/..;/admin", "/x/%2e%2e%3bx/admin", "/%00", "/x;%zz"] {
            assert!(without_params(raw.as_bytes()).is_err(), "{raw}");
        }
    }
}
