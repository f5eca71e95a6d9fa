//! What a path leads to: a file, a redirect, a listing, or nothing.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, LAST_MODIFIED, LOCATION};
use http::{HeaderValue, Method, StatusCode};
use parapet_core::{Body, Request, Response};

use crate::conditions::{Validators, Verdict};
use crate::content_type::by_extension;
use crate::listing::{Listing, join};
use crate::representation::{Representation, last_modified};
use crate::target::Target;
use crate::tree::{Kind, Local, Miss, Mode, Opened, Tree, Want};
use crate::{Encoding, FileServer, location};

/// One request, and the root as it is at this moment.
#[derive(Debug)]
pub(crate) struct Lookup<'a> {
    server: &'a FileServer,
    request: &'a Request,
    target: &'a Target<'a>,
    tree: Tree<'a>,
}

impl<'a> Lookup<'a> {
    pub(crate) fn new(
        server: &'a FileServer,
        request: &'a Request,
        target: &'a Target<'a>,
        mode: Mode,
        local: &'a Local,
    ) -> Result<Self, Miss> {
        let tree = Tree::open(&server.root, mode, local)?;
        Ok(Self { server, request, target, tree })
    }

    /// [`Miss::NotFound`] is what next answers.
    pub(crate) fn answer(&self) -> Result<Response, Miss> {
        if self.target.is_directory() { self.directory() } else { self.file() }
    }

    fn directory(&self) -> Result<Response, Miss> {
        let relative = self.target.relative();
        if let Some((path, opened)) = self.index_of(relative)? {
            return self.send(opened, &path);
        }
        let looked = self.tree.get(relative, Want::Look)?;
        match looked.kind {
            Kind::Regular => Ok(moved(location::to_file(self.request.uri()))),
            Kind::Directory if self.server.list_directory => self.listing(relative),
            Kind::Directory | Kind::Other => Err(Miss::NotFound),
        }
    }

    fn file(&self) -> Result<Response, Miss> {
        let relative = self.target.relative();
        let opened = match self.tree.get(relative, Want::Read) {
            // A directory that cannot be read can still be passed through.
            Err(Miss::Denied) => match self.tree.get(relative, Want::Look)? {
                looked if looked.kind == Kind::Directory => looked,
                _ => return Err(Miss::Denied),
            },
            opened => opened?,
        };
        match opened.kind {
            Kind::Regular if self.is_index()? => Ok(moved(location::to_parent(self.request.uri()))),
            Kind::Regular => self.send(opened, relative),
            Kind::Directory if self.server.list_directory || self.has_index(relative)? => {
                Ok(moved(location::to_directory(self.request.uri())))
            }
            Kind::Directory | Kind::Other => Err(Miss::NotFound),
        }
    }

    /// Whether the file asked for is what its directory is answered with.
    fn is_index(&self) -> Result<bool, Miss> {
        let (directory, name) = self.target.split();
        let Some(at) = self.server.index.iter().position(|index| index.as_bytes() == name) else {
            return Ok(false);
        };
        for earlier in self.server.index.iter().take(at) {
            if self.index_file(directory, earlier)?.is_some() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether a request for the directory would be answered with an index file, readable or not.
    fn has_index(&self, directory: &[u8]) -> Result<bool, Miss> {
        match self.index_of(directory) {
            Ok(index) => Ok(index.is_some()),
            Err(Miss::Denied) => Ok(true),
            Err(miss) => Err(miss),
        }
    }

    fn index_of(&self, directory: &[u8]) -> Result<Option<(Vec<u8>, Opened)>, Miss> {
        for name in self.server.index.iter() {
            if let Some(opened) = self.index_file(directory, name)? {
                return Ok(Some((join(directory, name.as_bytes()), opened)));
            }
        }
        Ok(None)
    }

    fn index_file(&self, directory: &[u8], name: &str) -> Result<Option<Opened>, Miss> {
        match self.tree.get(&join(directory, name.as_bytes()), Want::Read) {
            Ok(opened) => Ok((opened.kind == Kind::Regular).then_some(opened)),
            Err(Miss::NotFound) => Ok(None),
            Err(miss) => Err(miss),
        }
    }

    fn send(&self, original: Opened, relative: &[u8]) -> Result<Response, Miss> {
        let cache_control = self.server.cache_control.as_ref();
        let cache_control = cache_control.and_then(|of| of(Path::new(OsStr::from_bytes(relative))));
        let (opened, encoded) = match self.sibling(&original, relative)? {
            Some((encoding, sibling)) => (sibling, Some((encoding, original))),
            None => (original, None),
        };
        let representation = Representation {
            opened,
            content_type: by_extension(relative),
            encoded,
            cache_control,
            varies: !self.server.precompressed.is_empty(),
            with_etag: self.server.etag,
        };
        representation.answer(self.request, self.tree.mode())
    }

    /// The file beside the original that the client likes best.
    fn sibling(
        &self,
        original: &Opened,
        relative: &[u8],
    ) -> Result<Option<(Encoding, Opened)>, Miss> {
        let offered = &self.server.precompressed;
        for encoding in Encoding::accepted(offered, self.request.headers()) {
            let path = [relative, encoding.suffix().as_bytes()].concat();
            match self.tree.get(&path, Want::Read) {
                Ok(sibling)
                    if sibling.kind == Kind::Regular && sibling.modified >= original.modified =>
                {
                    return Ok(Some((encoding, sibling)));
                }
                Err(Miss::WouldBlock) => return Err(Miss::WouldBlock),
                // A sibling that cannot be had is no reason to withhold the original.
                Ok(_) | Err(_) => {}
            }
        }
        Ok(None)
    }

    fn listing(&self, relative: &[u8]) -> Result<Response, Miss> {
        if self.tree.mode() == Mode::Cached {
            return Err(Miss::WouldBlock); // no call reads a directory from memory only
        }
        let directory = match self.tree.get(relative, Want::Read) {
            Err(Miss::Denied) => {
                let error = std::io::ErrorKind::PermissionDenied;
                return Err(Miss::Unreadable(error.into()));
            }
            directory => directory?,
        };
        let modified = directory.modified;
        let validators = Validators { etag: None, modified };
        let mut response = Response::new(Body::empty());
        if let Some(modified) = modified.and_then(last_modified) {
            response.headers_mut().insert(LAST_MODIFIED, modified);
        }
        if validators.judge(self.request.headers()) == Verdict::NotModified {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return Ok(response);
        }
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        let dotfiles = self.server.dotfiles;
        let listing = Listing::read(&self.tree, directory.file, relative, dotfiles);
        let listing = listing.map_err(Miss::Unreadable)?;
        if *self.request.method() != Method::HEAD {
            *response.body_mut() = Body::new(listing);
        }
        Ok(response)
    }
}

fn moved(location: HeaderValue) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
    response.headers_mut().insert(LOCATION, location);
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    response
}
