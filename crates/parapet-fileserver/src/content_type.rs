use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use bytes::Bytes;
use http::HeaderValue;

/// The media type that the extension of `path` says; `None` if it has none, or one that nobody knows.
pub(crate) fn by_extension(path: &[u8]) -> Option<HeaderValue> {
    let path = Path::new(OsStr::from_bytes(path));
    let media_type = mime_guess::from_path(path).first_raw()?;
    if !media_type.starts_with("text/") {
        return Some(HeaderValue::from_static(media_type));
    }
    let common = match media_type {
        "text/css" => "text/css; charset=utf-8",
        "text/html" => "text/html; charset=utf-8",
        "text/javascript" => "text/javascript; charset=utf-8",
        "text/plain" => "text/plain; charset=utf-8",
        "text/xml" => "text/xml; charset=utf-8",
        _ => {
            let value = Bytes::from([media_type, "; charset=utf-8"].concat());
            return HeaderValue::from_maybe_shared(value).ok();
        }
    };
    Some(HeaderValue::from_static(common))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_have_a_charset_and_other_types_do_not() {
        for (path, expected) in [
            ("a/b.html", "text/html; charset=utf-8"),
            ("a.CSS", "text/css; charset=utf-8"),
            ("a.min.js", "text/javascript; charset=utf-8"),
            ("a.md", "text/markdown; charset=utf-8"),
            ("a.json", "application/json"),
            ("a.wasm", "application/wasm"),
            ("a.svg", "image/svg+xml"),
            ("a.woff2", "font/woff2"),
            ("a.webmanifest", "application/manifest+json"),
            ("a.unheard", ""),
            ("README", ""),
            ("dir.html/README", ""),
        ] {
            let found = by_extension(path.as_bytes());
            let found = found.as_ref().map_or("", |value| value.to_str().unwrap());
            assert_eq!(found, expected, "{path}");
        }
    }
}
