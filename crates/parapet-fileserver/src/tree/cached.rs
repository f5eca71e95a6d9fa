//! Opening what the kernel has in memory already: these calls fail where they would have to wait for a disk.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::atomic::Ordering;

use rustix::fs::{CWD, Mode as Permissions, OFlags, ResolveFlags, fstatfs, openat2};
use rustix::io::Errno;

use super::{Kind, Local, Miss, Mode, Opened, walk};

/// Magic numbers of file systems that answer from memory (`statfs(2)`): ext4, XFS, Btrfs, tmpfs, overlay, F2FS, ZFS, EROFS,
/// squashfs. `RESOLVE_CACHED` says nothing of what a file system does in `open` itself, and those over a network or in
/// another process do much.
const LOCAL: [u64; 9] = [
    0xef53,
    0x5846_5342,
    0x9123_683e,
    0x0102_1994,
    0x794c_7630,
    0xf2f5_2010,
    0x2fc1_2fc1,
    0xe0f5_e1e2,
    0x7371_7368,
];

pub(super) fn root(path: &Path, local: &Local) -> Result<OwnedFd, Miss> {
    if local.0.load(Ordering::Relaxed) == 0 {
        return Err(Miss::WouldBlock);
    }
    let flags = walk::LOOK | OFlags::DIRECTORY | OFlags::CLOEXEC;
    openat2(CWD, path, flags, Permissions::empty(), ResolveFlags::CACHED).map_err(miss)
}

/// Links to absolute paths and other mounts are left to the threads that may wait.
pub(super) fn get(
    root: &OwnedFd,
    relative: &[u8],
    flags: OFlags,
    local: &Local,
) -> Result<Opened, Miss> {
    let resolve = ResolveFlags::BENEATH
        | ResolveFlags::NO_MAGICLINKS
        | ResolveFlags::NO_XDEV
        | ResolveFlags::CACHED;
    let file = openat2(root, relative, flags, Permissions::empty(), resolve).map_err(miss)?;
    let opened = Opened::new(file).map_err(miss)?;
    if opened.device != local.0.load(Ordering::Relaxed) && opened.kind != Kind::Directory {
        local.0.store(0, Ordering::Relaxed); // the root is on another file system now
        return Err(Miss::WouldBlock);
    }
    Ok(opened)
}

/// Called where it may wait: notes whether the workers may ask by themselves the next time.
pub(super) fn learn(opened: &Opened, local: &Local) {
    if opened.kind == Kind::Regular && opened.device != local.0.load(Ordering::Relaxed) {
        let magic = fstatfs(&opened.file).ok().and_then(|stat| u64::try_from(stat.f_type).ok());
        if magic.is_some_and(|magic| LOCAL.contains(&magic)) {
            local.0.store(opened.device, Ordering::Relaxed);
        }
    }
}

/// An error that says nothing of the file is left to those who may wait, too: an old kernel, a link out of the root.
fn miss(errno: Errno) -> Miss {
    match errno {
        Errno::XDEV | Errno::NOSYS | Errno::PERM | Errno::INVAL => Miss::WouldBlock,
        errno => Miss::of(errno, Mode::Cached),
    }
}
