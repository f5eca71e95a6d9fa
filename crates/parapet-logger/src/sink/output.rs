use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;

use super::Standard;
use crate::Error;

/// What is written to; used by the writer's thread alone.
pub(crate) enum Output {
    /// A standard stream, by a descriptor of its own: std's handle keeps bytes back and calls that written.
    Standard { stream: Standard, file: Option<File> },
    /// A file that may be renamed away.
    File(LogFile),
    /// Anything.
    Writer(Box<dyn Write + Send>),
}

impl Output {
    pub(crate) fn writer(writer: impl Write + Send + 'static) -> Self {
        Self::Writer(Box::new(writer))
    }

    pub(crate) fn standard(stream: Standard) -> Self {
        Self::Standard { stream, file: None }
    }

    pub(crate) fn file(path: PathBuf) -> Result<Self, Error> {
        match open(&path).and_then(|file| Ok((file.metadata()?, file))) {
            Ok((metadata, file)) => Ok(Self::File(LogFile {
                path,
                file,
                id: Id::of(&metadata),
                looked_at: None,
                failing: false,
            })),
            Err(source) => Err(Error::Open { path, source }),
        }
    }

    /// To be called between batches, so that no record is split over two files.
    pub(super) fn refresh(&mut self, now: Instant) {
        if let Self::File(file) = self {
            file.refresh(now);
        }
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Standard { file: Some(file), .. } => file.write(bytes),
            Self::Standard { stream, file } => {
                let descriptor = match stream {
                    Standard::Out => io::stdout().as_fd().try_clone_to_owned()?,
                    Standard::Err => io::stderr().as_fd().try_clone_to_owned()?,
                };
                file.insert(File::from(descriptor)).write(bytes)
            }
            Self::File(file) => file.file.write(bytes),
            Self::Writer(writer) => writer.write(bytes),
        }
    }

    /// Hands on what a buffered writer keeps.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Writer(writer) => writer.flush(),
            Self::Standard { .. } | Self::File(_) => Ok(()),
        }
    }
}

/// A log file, and which one it is.
pub(crate) struct LogFile {
    path: PathBuf,
    file: File,
    id: Id,
    /// When the path was last looked up.
    looked_at: Option<Instant>,
    /// The last lookup wanted to open the path anew and could not: said once.
    failing: bool,
}

/// Device and inode: a renamed file keeps them.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Id(u64, u64);

impl Id {
    fn of(metadata: &Metadata) -> Self {
        Self(metadata.dev(), metadata.ino())
    }
}

impl LogFile {
    fn refresh(&mut self, now: Instant) {
        let looked_lately = |at: Instant| now.saturating_duration_since(at) < LOOK_EVERY;
        if self.looked_at.is_some_and(looked_lately) {
            return;
        }
        self.looked_at = Some(now);
        if std::fs::metadata(&self.path).is_ok_and(|there| Id::of(&there) == self.id) {
            self.failing = false;
            return;
        }
        match open(&self.path).and_then(|file| Ok((file.metadata()?, file))) {
            Ok((metadata, file)) => {
                self.file = file;
                self.id = Id::of(&metadata);
                self.failing = false;
            }
            Err(error) if !self.failing => {
                self.failing = true;
                let path = self.path.display();
                tracing::warn!(%path, %error, "the log file cannot be opened anew: the old one stays in use");
            }
            Err(_) => {}
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o640).open(path)
}

const LOOK_EVERY: Duration = Duration::from_secs(1);
