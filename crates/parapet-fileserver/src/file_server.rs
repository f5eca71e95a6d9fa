use std::fmt;
use std::path::Path;
use std::sync::Arc;

use http::{HeaderValue, Method, StatusCode};
use parapet_core::{
    Handler, Middleware, Request, Response, ResponseError, ResponseFuture, Serve, plain_error,
};

use crate::answer::Lookup;
use crate::file_body::spawn_blocking;
use crate::target::Target;
use crate::tree::{Local, Miss, Mode};
use crate::{Dotfiles, Encoding, Error};

/// A layer that serves the files below a directory and passes on what is not there.
///
/// GET and HEAD are served, any other method goes to next. Nothing outside of the root is ever served: see the crate's docs.
#[derive(Clone)]
pub struct FileServer {
    pub(crate) root: Arc<Path>,
    pub(crate) list_directory: bool,
    pub(crate) index: Arc<[Box<str>]>,
    pub(crate) dotfiles: Dotfiles,
    pub(crate) precompressed: Arc<[Encoding]>,
    pub(crate) cache_control: Option<CacheControl>,
    pub(crate) etag: bool,
}

pub(crate) type CacheControl = Arc<dyn Fn(&Path) -> Option<HeaderValue> + Send + Sync>;

impl FileServer {
    /// Serves the files below `root`. It may be a link, and may be made to point elsewhere while requests are served: each
    /// request looks anew. It need not exist yet; until then every request goes to next.
    ///
    /// # Errors
    /// [`Error::EmptyRoot`].
    pub fn new(root: impl AsRef<Path>) -> Result<Self, Error> {
        let root = root.as_ref();
        if root.as_os_str().is_empty() {
            return Err(Error::EmptyRoot);
        }
        Ok(Self {
            root: root.into(),
            list_directory: false,
            index: ["index.html".into()].into(),
            dotfiles: Dotfiles::Deny,
            precompressed: [].into(),
            cache_control: None,
            etag: true,
        })
    }

    /// Whether a directory without an index file is answered with a list of its files. Default: `false`, next answers.
    #[must_use]
    pub fn list_directory(self, list: bool) -> Self {
        Self { list_directory: list, ..self }
    }

    /// Names of files that stand for their directory, in the order tried. Default: `index.html`. Empty: none do.
    ///
    /// # Errors
    /// [`Error::Index`]: one is no file name.
    pub fn index(self, names: &[&str]) -> Result<Self, Error> {
        let is_name = |name: &str| !matches!(name, "" | "." | "..") && !name.contains(['/', '\0']);
        if let Some(name) = names.iter().find(|name| !is_name(name)) {
            return Err(Error::Index((*name).to_owned()));
        }
        Ok(Self { index: names.iter().map(|name| Box::from(*name)).collect(), ..self })
    }

    /// Whether names that begin with a dot are served. Default: [`Dotfiles::Deny`].
    #[must_use]
    pub fn dotfiles(self, dotfiles: Dotfiles) -> Self {
        Self { dotfiles, ..self }
    }

    /// Codings of which `name.zst`, `name.br` or `name.gz` beside `name` is sent in its place to a client that accepts it:
    /// the one it likes best, ties in this order. One that is older than the original is passed over. Default: none.
    #[must_use]
    pub fn precompressed(self, encodings: &[Encoding]) -> Self {
        Self { precompressed: encodings.into(), ..self }
    }

    /// `Cache-Control` of a file, by its path below the root (RFC 9111 §5.2.2). Default: none.
    #[must_use]
    pub fn cache_control(
        self,
        of: impl Fn(&Path) -> Option<HeaderValue> + Send + Sync + 'static,
    ) -> Self {
        Self { cache_control: Some(Arc::new(of)), ..self }
    }

    /// Whether files have an `ETag`, weak, of their size and time of change (RFC 9110 §8.8.3). A file whose time is unknown,
    /// as in images whose build sets all times to the Unix epoch, has none. Default: `true`.
    #[must_use]
    pub fn etag(self, etag: bool) -> Self {
        Self { etag, ..self }
    }
}

impl fmt::Debug for FileServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileServer")
            .field("root", &self.root)
            .field("list_directory", &self.list_directory)
            .field("index", &self.index)
            .field("dotfiles", &self.dotfiles)
            .field("precompressed", &self.precompressed)
            .field("cache_control", &self.cache_control.is_some())
            .field("etag", &self.etag)
            .finish()
    }
}

impl Middleware for FileServer {
    fn wrap(&self, next: Handler) -> Handler {
        let shared = Shared { server: self.clone(), local: Local::default() };
        Handler::new(Serving { shared: Arc::new(shared), next })
    }
}

struct Serving {
    shared: Arc<Shared>,
    next: Handler,
}

struct Shared {
    server: FileServer,
    local: Local,
}

impl Serve for Serving {
    fn serve(&self, request: Request) -> ResponseFuture {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return self.next.serve(request);
        }
        match self.shared.answer(&request, Mode::Cached) {
            Ok(response) => return ResponseFuture::ready(response),
            Err(Miss::NotFound) => return self.next.serve(request),
            Err(Miss::WouldBlock) => {}
            Err(miss) => return ResponseFuture::ready(refuse(miss)),
        }
        let (shared, next) = (Arc::clone(&self.shared), self.next.clone());
        ResponseFuture::new(async move {
            // All of it in one go: open, look, read the first bytes.
            let answer = spawn_blocking(move || {
                let answer = shared.answer(&request, Mode::Blocking);
                (request, answer)
            });
            let answer = match answer {
                Ok(answer) => answer.await,
                Err(error) => return refuse(Miss::Failed(error)),
            };
            match answer {
                Ok((_, Ok(response))) => response,
                Ok((request, Err(Miss::NotFound))) => next.serve(request).await,
                Ok((_, Err(miss))) => refuse(miss),
                Err(error) => match error.try_into_panic() {
                    Ok(panic) => std::panic::resume_unwind(panic),
                    Err(error) => refuse(Miss::Failed(error.into())), // the runtime is going down
                },
            }
        })
    }
}

impl Shared {
    fn answer(&self, request: &Request, mode: Mode) -> Result<Response, Miss> {
        let target = Target::of(request.uri().path(), self.server.dotfiles);
        let target = target.ok_or(Miss::NotFound)?;
        Lookup::new(&self.server, request, &target, mode, &self.local)?.answer()
    }
}

fn refuse(miss: Miss) -> Response {
    let (status, text, kind, error) = match miss {
        Miss::Denied => {
            let error = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
            (StatusCode::FORBIDDEN, "403 Forbidden", "permission", error)
        }
        Miss::Failed(error) => failed("500 Internal Server Error", "io", error),
        Miss::Unreadable(error) => failed("Error reading directory", "listing", error),
        Miss::NotFound | Miss::WouldBlock => {
            let error = std::io::Error::from(std::io::ErrorKind::WouldBlock);
            failed("500 Internal Server Error", "io", error)
        }
    };
    let mut response = plain_error(status, text);
    response.extensions_mut().insert(ResponseError::new("fileserver", kind, error));
    response
}

fn failed(
    text: &'static str,
    kind: &'static str,
    error: std::io::Error,
) -> (StatusCode, &'static str, &'static str, std::io::Error) {
    tracing::debug!(target: "parapet_fileserver", %error, kind, "a file could not be served");
    (StatusCode::INTERNAL_SERVER_ERROR, text, kind, error)
}
