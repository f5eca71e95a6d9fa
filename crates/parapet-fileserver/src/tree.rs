//! A directory and what lies below it: opened so that nothing outside of it can be reached.

#[cfg(target_os = "linux")]
mod cached;
mod walk;

use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, SystemTime};

use rustix::fs::{FileType, Mode as Permissions, OFlags, Stat};
use rustix::io::Errno;

/// Whether a call may wait for a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Only what the kernel has in memory: for the async workers. Else [`Miss::WouldBlock`].
    Cached,
    /// For threads that may block.
    Blocking,
}

/// What an open handle is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Want {
    /// To read it.
    Read,
    /// To learn what it is: needs no permission on it.
    Look,
}

/// Why there is no handle.
#[derive(Debug)]
pub(crate) enum Miss {
    NotFound,
    /// It cannot be told without waiting.
    WouldBlock,
    Denied,
    Failed(io::Error),
    /// A directory that is there, but cannot be listed.
    Unreadable(io::Error),
}

impl Miss {
    /// Names that are no files, links out of the root and things that cannot be opened are not there.
    pub(crate) fn of(errno: Errno, mode: Mode) -> Self {
        match errno {
            Errno::NOENT
            | Errno::NOTDIR
            | Errno::LOOP
            | Errno::NAMETOOLONG
            | Errno::XDEV
            | Errno::NXIO
            | Errno::NODEV
            | Errno::INVAL => Self::NotFound,
            Errno::AGAIN if mode == Mode::Cached => Self::WouldBlock,
            Errno::ACCESS | Errno::PERM => Self::Denied,
            other => Self::Failed(other.into()),
        }
    }
}

/// A handle and what it is a handle of.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) file: OwnedFd,
    pub(crate) kind: Kind,
    /// Bytes of a regular file.
    pub(crate) length: u64,
    /// `None`: the Unix epoch, which stands for "unknown" in images and archives, or a date before it.
    pub(crate) modified: Option<SystemTime>,
    #[cfg(target_os = "linux")]
    device: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Regular,
    Directory,
    /// Not to be served: a FIFO, a device, a socket.
    Other,
}

impl Opened {
    fn new(file: OwnedFd) -> Result<Self, Errno> {
        let stat = rustix::fs::fstat(&file)?;
        Ok(Self {
            file,
            kind: kind(FileType::from_raw_mode(stat.st_mode)),
            length: u64::try_from(stat.st_size).unwrap_or(0),
            modified: modified(&stat),
            #[cfg(target_os = "linux")]
            device: stat.st_dev,
        })
    }
}

pub(crate) fn kind(file_type: FileType) -> Kind {
    match file_type {
        FileType::RegularFile => Kind::Regular,
        FileType::Directory => Kind::Directory,
        _ => Kind::Other,
    }
}

fn modified(stat: &Stat) -> Option<SystemTime> {
    let seconds = u64::try_from(stat.st_mtime).ok().filter(|seconds| *seconds > 0)?;
    let nanos = u32::try_from(stat.st_mtime_nsec).unwrap_or(0);
    SystemTime::UNIX_EPOCH.checked_add(Duration::new(seconds, nanos))
}

/// The file system whose handles the workers may ask without waiting: its device number, or 0. A file system over a network
/// or in another process is never one.
#[derive(Debug, Default)]
pub(crate) struct Local(AtomicU64);

/// The root as it is now, for one request: the next may find another directory under the same name.
#[derive(Debug)]
pub(crate) struct Tree<'a> {
    path: &'a Path,
    root: OwnedFd,
    mode: Mode,
    local: &'a Local,
}

impl<'a> Tree<'a> {
    pub(crate) fn open(path: &'a Path, mode: Mode, local: &'a Local) -> Result<Self, Miss> {
        let root = match mode {
            Mode::Cached => cached::root(path, local)?,
            Mode::Blocking => {
                let flags = walk::LOOK | OFlags::DIRECTORY | OFlags::CLOEXEC;
                rustix::fs::open(path, flags, Permissions::empty())
                    .map_err(|errno| Miss::of(errno, mode))?
            }
        };
        Ok(Self { path, root, mode, local })
    }

    pub(crate) fn mode(&self) -> Mode {
        self.mode
    }

    /// Opens what `relative` names; empty is the root. Links are followed as long as they stay below the root.
    ///
    /// Never waits for the other end of a FIFO.
    pub(crate) fn get(&self, relative: &[u8], want: Want) -> Result<Opened, Miss> {
        let relative = if relative.is_empty() { b"." } else { relative };
        let flags = OFlags::CLOEXEC
            | match want {
                Want::Read => OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY,
                Want::Look => walk::LOOK,
            };
        if self.mode == Mode::Cached {
            return cached::get(&self.root, relative, flags, self.local);
        }
        let file = walk::beneath(&self.root, relative, flags).or_else(|errno| match errno {
            // A link to an absolute path, or one that leads out; a kernel or sandbox without openat2; a race of renames.
            Errno::XDEV | Errno::NOSYS | Errno::PERM | Errno::AGAIN | Errno::INVAL => {
                self.get_resolved(relative, flags)
            }
            other => Err(other),
        });
        let opened = file.and_then(Opened::new).map_err(|errno| Miss::of(errno, self.mode))?;
        cached::learn(&opened, self.local);
        Ok(opened)
    }

    /// Resolves first, then opens what came out without following any link, so that a name that is swapped in between
    /// opens nothing.
    fn get_resolved(&self, relative: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
        let errno = |error: io::Error| Errno::from_io_error(&error).unwrap_or(Errno::NOENT);
        let root = std::fs::canonicalize(self.path).map_err(errno)?;
        let path = self.path.join(OsStr::from_bytes(relative));
        let real = std::fs::canonicalize(path).map_err(errno)?;
        let inside = real.strip_prefix(&root).map_err(|_| Errno::XDEV)?;
        walk::without_links(&self.root, inside, flags)
    }
}

#[cfg(not(target_os = "linux"))]
mod cached {
    //! Elsewhere there is no call that promises not to wait.

    use std::os::fd::OwnedFd;
    use std::path::Path;

    use rustix::fs::OFlags;

    use super::{Local, Miss, Opened};

    pub(super) fn root(_path: &Path, _local: &Local) -> Result<OwnedFd, Miss> {
        Err(Miss::WouldBlock)
    }

    pub(super) fn get(
        _root: &OwnedFd,
        _relative: &[u8],
        _flags: OFlags,
        _local: &Local,
    ) -> Result<Opened, Miss> {
        Err(Miss::WouldBlock)
    }

    pub(super) fn learn(_opened: &Opened, _local: &Local) {}
}

#[cfg(test)]
mod tests;
