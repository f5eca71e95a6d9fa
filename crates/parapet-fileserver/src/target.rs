use std::borrow::Cow;

use parapet_core::path;

/// Whether names that begin with a dot are served. Complete: they are, or they are not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "there is no third answer")]
pub enum Dotfiles {
    /// As any other file.
    Allow,
    /// As if they did not exist, but for what lies below `/.well-known/` (RFC 8615).
    #[default]
    Deny,
}

impl Dotfiles {
    /// Whether `name` is hidden, in a path or in a listing of a directory that is the root or not.
    pub(crate) fn hides(self, name: &[u8], at_root: bool) -> bool {
        self == Self::Deny && name.first() == Some(&b'.') && !(at_root && name == b".well-known")
    }
}

/// What a request path names below the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target<'a> {
    /// In normal form.
    path: Cow<'a, [u8]>,
}

impl<'a> Target<'a> {
    /// `None`: no file can have this path.
    pub(crate) fn of(raw: &'a str, dotfiles: Dotfiles) -> Option<Self> {
        let path = path::normal(raw.as_bytes()).ok()?;
        let names = path.strip_prefix(b"/")?;
        let mut segments = names.split(|byte| *byte == b'/').enumerate();
        let hidden = segments.any(|(at, segment)| dotfiles.hides(segment, at == 0));
        // Dot segments are gone; what is left of them would be a mistake of ours, not a climb.
        let climbs = names.split(|byte| *byte == b'/').any(|name| matches!(name, b"." | b".."));
        (!hidden && !climbs).then_some(Self { path })
    }

    /// Relative to the root, without slashes at the ends; empty is the root itself.
    pub(crate) fn relative(&self) -> &[u8] {
        let path = self.path.strip_prefix(b"/").unwrap_or(&self.path);
        path.strip_suffix(b"/").unwrap_or(path)
    }

    /// Whether it asks for a directory: it ends in a slash.
    pub(crate) fn is_directory(&self) -> bool {
        self.path.last() == Some(&b'/')
    }

    /// The directory it lies in, relative to the root, and its name there.
    pub(crate) fn split(&self) -> (&[u8], &[u8]) {
        let relative = self.relative();
        match relative.iter().rposition(|byte| *byte == b'/') {
            Some(at) => {
                (relative.get(..at).unwrap_or_default(), relative.get(at + 1..).unwrap_or_default())
            }
            None => (b"", relative),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_what_its_normal_form_names() {
        for (raw, expected) in [
            ("/", Some(("", true))),
            ("/a", Some(("a", false))),
            ("/a/", Some(("a", true))),
            ("//a//b", Some(("a/b", false))),
            ("/a/../b", Some(("b", false))),
            ("/../../etc/passwd", Some(("etc/passwd", false))),
            ("/..%2f..%2fetc%2Fpasswd", Some(("etc/passwd", false))),
            ("/a%20b", Some(("a b", false))),
            ("/a/.", Some(("a", true))),
            ("/%00", None),
            ("/%zz", None),
            ("/..;/x", None),
            ("*", None),
            ("/.git/config", None),
            ("/a/.env", None),
            ("/%2egit", None),
            ("/.well-known/acme", Some((".well-known/acme", false))),
            ("/.well-known/.x", None),
            ("/a/.well-known/x", None),
        ] {
            let target = Target::of(raw, Dotfiles::Deny);
            let found = target.as_ref().map(|target| {
                (std::str::from_utf8(target.relative()).unwrap(), target.is_directory())
            });
            assert_eq!(found, expected, "{raw}");
        }
        assert!(Target::of("/.git/config", Dotfiles::Allow).is_some());
        let split = Target::of("/a/b/c/", Dotfiles::Deny).unwrap();
        assert_eq!(split.split(), (&b"a/b"[..], &b"c"[..]));
        assert_eq!(Target::of("/c", Dotfiles::Deny).unwrap().split(), (&b""[..], &b"c"[..]));
    }
}
