//! Temporary files for bodies that are too large for memory. Every call that may wait for a disk runs on the runtime's
//! pool for blocking calls.

use std::fs::{File, Permissions};
use std::future::Future;
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

/// Where spill files come from.
#[derive(Clone, Debug)]
pub(crate) struct SpillDir {
    path: Arc<Path>,
    /// Opens a new file in a directory.
    open: fn(&Path) -> io::Result<File>,
}

impl SpillDir {
    /// `None`: the system's directory.
    pub(crate) fn new(path: Option<PathBuf>) -> Self {
        let path = path.unwrap_or_else(std::env::temp_dir);
        Self { path: path.into(), open: unnamed }
    }

    #[cfg(test)]
    pub(crate) fn opening(open: fn(&Path) -> io::Result<File>) -> Self {
        Self { path: PathBuf::new().into(), open }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) async fn create(&self) -> io::Result<File> {
        let Self { path, open } = self.clone();
        spawn_blocking(move || open(&path))?.await?
    }
}

/// A file that never has a name, so that nothing is left behind, whatever happens, and that is ours alone: Linux makes such
/// files with the mode of any other, which is left to the process's mask.
fn unnamed(dir: &Path) -> io::Result<File> {
    let file = tempfile::tempfile_in(dir)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    Ok(file)
}

/// Appends `pieces` and gives the file back. Dropping the future does not stop a call that runs: the file is closed
/// behind it.
pub(crate) async fn append(mut file: File, pieces: [Bytes; 2]) -> io::Result<File> {
    spawn_blocking(move || {
        for piece in pieces {
            file.write_all(&piece)?;
        }
        Ok(file)
    })?
    .await?
}

/// Runs `f` on a thread that may wait; an error where no runtime is entered, which has these threads.
fn spawn_blocking<T: Send + 'static>(
    f: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    Ok(Handle::try_current().map_err(io::Error::other)?.spawn_blocking(f))
}

/// Reads a file from its start, one piece after the other. Several readers of one file do not disturb each other.
#[derive(Debug)]
pub(crate) struct Reader {
    file: Arc<File>,
    at: u64,
    end: u64,
    reading: Option<JoinHandle<io::Result<Bytes>>>,
}

impl Reader {
    /// Reads the first `length` bytes.
    pub(crate) fn new(file: Arc<File>, length: u64) -> Self {
        Self { file, at: 0, end: length, reading: None }
    }

    /// Bytes that were not read yet.
    pub(crate) fn left(&self) -> u64 {
        self.end.saturating_sub(self.at)
    }

    /// The next piece; `None` at the end.
    pub(crate) fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if self.left() == 0 {
            return Poll::Ready(None);
        }
        let length = usize::try_from(self.left()).map_or(PIECE, |left| left.min(PIECE));
        let reading = if let Some(reading) = self.reading.take() {
            Ok(reading)
        } else {
            let (file, at) = (Arc::clone(&self.file), self.at);
            spawn_blocking(move || {
                let mut piece = BytesMut::zeroed(length);
                file.read_exact_at(&mut piece, at)?;
                Ok(piece.freeze())
            })
        };
        let piece = match reading {
            Ok(mut reading) => match Pin::new(&mut reading).poll(cx) {
                Poll::Ready(piece) => piece.map_err(io::Error::from).flatten(),
                Poll::Pending => {
                    self.reading = Some(reading);
                    return Poll::Pending;
                }
            },
            Err(error) => Err(error),
        };
        match &piece {
            Ok(piece) => self.at = self.at.saturating_add(piece.len() as u64),
            Err(_) => self.at = self.end, // nothing more comes behind a failure
        }
        Poll::Ready(Some(piece))
    }
}

/// Bytes of a file that are in memory at a time.
const PIECE: usize = 64 * 1024;
