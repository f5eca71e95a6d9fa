//! The calls that open below a directory.

use std::os::fd::OwnedFd;
use std::path::{Component, Path};

use rustix::fs::{Mode as Permissions, OFlags, openat};
use rustix::io::Errno;

/// Flags of a handle that is not read: where the system has them, it needs no permission and touches no device.
#[cfg(target_os = "linux")]
pub(super) const LOOK: OFlags = OFlags::PATH;
#[cfg(not(target_os = "linux"))]
pub(super) const LOOK: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

/// Opens `relative`; the kernel follows links and refuses with [`Errno::XDEV`] to leave `root` on the way.
#[cfg(target_os = "linux")]
pub(super) fn beneath(root: &OwnedFd, relative: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
    use rustix::fs::{ResolveFlags, openat2};

    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    openat2(root, relative, flags, Permissions::empty(), resolve)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn beneath(_root: &OwnedFd, _relative: &[u8], _flags: OFlags) -> Result<OwnedFd, Errno> {
    Err(Errno::NOSYS)
}

/// Opens `relative`, none of whose components may be a link, one directory after the other: a path that was resolved a
/// moment ago opens what it named then, or nothing.
pub(super) fn without_links(
    root: &OwnedFd,
    relative: &Path,
    flags: OFlags,
) -> Result<OwnedFd, Errno> {
    let flags = flags | OFlags::NOFOLLOW;
    let between = LOOK | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut components = relative.components().peekable();
    let mut directory: Option<OwnedFd> = None;
    loop {
        let at = directory.as_ref().unwrap_or(root);
        let name = match components.next() {
            None => return openat(at, ".", flags, Permissions::empty()),
            Some(Component::Normal(name)) => name,
            Some(_) => return Err(Errno::XDEV),
        };
        if components.peek().is_none() {
            return openat(at, name, flags, Permissions::empty());
        }
        directory = Some(openat(at, name, between, Permissions::empty())?);
    }
}
