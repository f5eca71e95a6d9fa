use std::borrow::Cow;

use crate::pieces::{Pieces, cut, trim, unquoted};

/// What stands before the first `;` of a list element, and the parameters behind it
/// (RFC 9110 §5.6.6).
///
/// A `;` inside a quoted-string does not split.
pub fn params(element: &[u8]) -> (&[u8], Params<'_>) {
    let (head, after) = cut(element, b';');
    // Without a `;` one empty piece is left, which `Params` skips.
    (trim(head), Params { pieces: Pieces::new(after.unwrap_or_default(), b';') })
}

/// Parameters as `name` and `value` pairs; without a `=` there is no value.
///
/// The name is as written. A complete quoted-string is unquoted and unescaped; any other value is
/// as written, so that white space around `=`, which RFC 9110 §5.6.6 forbids, stays visible. Empty
/// pieces are skipped.
#[derive(Clone, Debug)]
pub struct Params<'a> {
    pieces: Pieces<'a>,
}

impl<'a> Params<'a> {
    /// Value of the first parameter of that name, ASCII case ignored; empty without a `=`.
    pub(crate) fn value_of(mut self, name: &str) -> Option<Cow<'a, [u8]>> {
        let (_, value) = self.find(|(found, _)| found.eq_ignore_ascii_case(name.as_bytes()))?;
        Some(value.unwrap_or_default())
    }
}

impl<'a> Iterator for Params<'a> {
    type Item = (&'a [u8], Option<Cow<'a, [u8]>>);

    fn next(&mut self) -> Option<Self::Item> {
        let piece = self.pieces.find(|piece| !piece.is_empty())?;
        let (name, value) = pair(piece);
        Some((name, value.map(unquoted)))
    }
}

/// Splits at the first `=`.
pub(crate) fn pair(piece: &[u8]) -> (&[u8], Option<&[u8]>) {
    let mut sides = piece.splitn(2, |byte| *byte == b'=');
    (sides.next().unwrap_or_default(), sides.next())
}
