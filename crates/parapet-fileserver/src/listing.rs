//! The document that lists a directory.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::Frame;
use parapet_core::path;
use rustix::fs::{Dir, FileType};

use crate::Dotfiles;
use crate::location::escape;
use crate::tree::{Kind, Tree, Want, kind};

/// Entries listed at most.
const MAX_ENTRIES: usize = 10_000;
/// Bytes of one frame, about.
const PAGE: usize = 16 * 1024;

const HEAD: &str = "<!doctype html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width\">
<title>Index</title>
<style>
:root { color-scheme: light dark; }
body { margin: 1rem auto; padding: 0 1rem; max-width: 60rem; }
pre { margin: 0; font: 1rem/1.4 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
a { display: inline-block; padding: 0.3rem 0 0.3rem 2rem; text-indent: -2rem; }
</style>
<pre>
";

/// The entries of a directory that would be served, in byte order. Streamed, so that a client that does not read holds the
/// names and no text.
#[derive(Debug)]
pub(crate) struct Listing {
    /// Each as it is shown, with the slash of a directory, and behind it a NUL: no name has either of both.
    names: Box<[u8]>,
    /// Bytes of `names` that were given out.
    at: usize,
    is_cut: bool,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Head,
    Entries,
    Ended,
}

impl Listing {
    /// Reads `directory`, which is `relative` below the root.
    ///
    /// # Errors
    /// What the system fails with.
    pub(crate) fn read(
        tree: &Tree<'_>,
        directory: OwnedFd,
        relative: &[u8],
        dotfiles: Dotfiles,
    ) -> io::Result<Self> {
        let mut entries = BTreeMap::new();
        let mut is_cut = false;
        for entry in Dir::new(directory)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if dotfiles.hides(name, relative.is_empty()) || !is_reachable(name) {
                continue;
            }
            let full = entries.len() >= MAX_ENTRIES;
            let last = entries.last_key_value().map(|(last, _): (&Vec<u8>, _)| last.as_slice());
            if full && last.is_some_and(|last| last <= name) {
                is_cut = true;
                continue;
            }
            let kind = match entry.file_type() {
                FileType::Symlink | FileType::Unknown => follow(tree, relative, name),
                file_type => kind(file_type),
            };
            if kind == Kind::Other {
                continue;
            }
            entries.insert(name.to_owned(), kind);
            if full {
                entries.pop_last();
                is_cut = true;
            }
        }
        let mut names = Vec::new();
        for (name, kind) in entries {
            names.extend_from_slice(&name);
            names.extend_from_slice(if kind == Kind::Directory { b"/\0" } else { b"\0" });
        }
        Ok(Self { names: names.into(), at: 0, is_cut, stage: Stage::Head })
    }

    fn next_name(&mut self) -> Option<&[u8]> {
        let rest = self.names.get(self.at..).unwrap_or_default();
        let length = rest.iter().position(|byte| *byte == 0)?;
        self.at += length + 1;
        rest.get(..length)
    }

    fn next_page(&mut self) -> Option<Bytes> {
        let mut page = Vec::with_capacity(PAGE + 1024);
        match self.stage {
            Stage::Head => page.extend_from_slice(HEAD.as_bytes()),
            Stage::Entries => {}
            Stage::Ended => return None,
        }
        self.stage = Stage::Entries;
        while page.len() < PAGE {
            let Some(name) = self.next_name() else {
                self.stage = Stage::Ended;
                if self.is_cut {
                    page.extend_from_slice(b"only the first 10000 entries are listed\n");
                }
                page.extend_from_slice(b"</pre>\n");
                break;
            };
            line(name, &mut page);
        }
        Some(page.into())
    }
}

impl http_body::Body for Listing {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.next_page().map(|page| Ok(Frame::data(page))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.stage, Stage::Ended)
    }
}

/// What a link leads to, if it would be served.
fn follow(tree: &Tree<'_>, relative: &[u8], name: &[u8]) -> Kind {
    let path = join(relative, name);
    tree.get(&path, Want::Look).map_or(Kind::Other, |opened| opened.kind)
}

/// `name` in the directory `relative`.
pub(crate) fn join(relative: &[u8], name: &[u8]) -> Vec<u8> {
    if relative.is_empty() { name.to_owned() } else { [relative, b"/", name].concat() }
}

/// Whether some request path names it: not `.` and `..`, nothing with a backslash or another form that paths may not have.
fn is_reachable(name: &[u8]) -> bool {
    let mut raw = vec![b'/'];
    encode(name, &mut raw);
    path::normal(&raw).is_ok_and(|path| path.strip_prefix(b"/") == Some(name))
}

fn line(name: &[u8], out: &mut Vec<u8>) {
    let (name, slash) = match name.strip_suffix(b"/") {
        Some(directory) => (directory, &b"/"[..]),
        None => (name, &b""[..]),
    };
    out.extend_from_slice(b"<a href=\"");
    encode(name, out);
    out.extend_from_slice(slash);
    out.extend_from_slice(b"\">");
    escape_html(&String::from_utf8_lossy(name), out);
    out.extend_from_slice(slash);
    out.extend_from_slice(b"</a>\n");
}

/// All but unreserved characters (RFC 3986 §2.3), so that no name reads as a scheme, a query or a fragment.
fn encode(name: &[u8], out: &mut Vec<u8>) {
    for byte in name {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
            out.push(*byte);
        } else {
            escape(*byte, out);
        }
    }
}

/// A control character would break the line, and one that turns the direction of writing would show another name: both are
/// shown as the sign for one that cannot be shown.
fn escape_html(text: &str, out: &mut Vec<u8>) {
    for character in text.chars() {
        match character {
            '&' => out.extend_from_slice(b"&amp;"),
            '<' => out.extend_from_slice(b"&lt;"),
            '>' => out.extend_from_slice(b"&gt;"),
            '"' => out.extend_from_slice(b"&quot;"),
            '\'' => out.extend_from_slice(b"&#39;"),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                out.extend_from_slice("\u{fffd}".as_bytes());
            }
            control if control.is_control() => out.extend_from_slice("\u{fffd}".as_bytes()),
            other => out.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}
