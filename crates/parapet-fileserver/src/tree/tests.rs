use std::fs;
use std::os::unix::fs::symlink;

use super::*;

fn read(opened: &Opened) -> Vec<u8> {
    let mut buffer = vec![0; 64];
    let length = rustix::io::pread(&opened.file, &mut buffer, 0).unwrap();
    buffer.truncate(length);
    buffer
}

/// Every way to open gives the same: by the kernel's own confinement, resolved first, and from memory.
#[test]
fn links_are_followed_inside_of_the_root_alone() {
    let temp = tempfile::tempdir().unwrap();
    let root = temp.path().join("root");
    fs::create_dir_all(root.join("sub/deep")).unwrap();
    fs::write(root.join("sub/deep/file"), "inside").unwrap();
    fs::write(temp.path().join("secret"), "outside").unwrap();
    symlink("sub/deep/file", root.join("relative")).unwrap();
    symlink(root.join("sub/deep/file"), root.join("absolute")).unwrap();
    symlink("deep/../deep/../../sub/deep/file", root.join("sub/dots")).unwrap();
    symlink("../secret", root.join("out")).unwrap();
    symlink(temp.path().join("secret"), root.join("absolute-out")).unwrap();
    symlink("..", root.join("up")).unwrap();
    symlink("loop", root.join("loop")).unwrap();
    let local = Local::default();
    let tree = Tree::open(&root, Mode::Blocking, &local).unwrap();
    for (relative, inside) in [
        ("sub/deep/file", true),
        ("relative", true),
        ("absolute", true),
        ("sub/dots", true),
        ("out", false),
        ("absolute-out", false),
        ("up/secret", false),
        ("up/root/sub/deep/file", true), // leaves the root and comes back
        ("loop", false),
        ("none", false),
        ("relative/none", false),
        ("../secret", false),
    ] {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let resolved = tree.get_resolved(relative.as_bytes(), flags).and_then(Opened::new);
        match tree.get(relative.as_bytes(), Want::Read) {
            Ok(opened) => assert!(inside && read(&opened) == b"inside", "{relative}"),
            Err(miss) => assert!(!inside && matches!(miss, Miss::NotFound), "{relative} {miss:?}"),
        }
        assert_eq!(resolved.map(|opened| read(&opened)).ok(), inside.then(|| b"inside".to_vec()));
        // What the kernel has in memory by now is the same, or left to those who may wait.
        let cached = Tree::open(&root, Mode::Cached, &local)
            .and_then(|tree| tree.get(relative.as_bytes(), Want::Read));
        match cached {
            Ok(opened) => assert!(inside && read(&opened) == b"inside", "{relative}"),
            Err(Miss::WouldBlock) => {}
            Err(miss) => assert!(!inside && matches!(miss, Miss::NotFound), "{relative} {miss:?}"),
        }
    }
    let tree = Tree::open(&root, Mode::Blocking, &local).unwrap();
    assert_eq!(tree.get(b"", Want::Look).unwrap().kind, Kind::Directory);
    assert_eq!(
        tree.get_resolved(b".", OFlags::RDONLY).and_then(Opened::new).unwrap().kind,
        Kind::Directory
    );
}
