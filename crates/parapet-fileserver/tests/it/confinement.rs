use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use parapet_core::Middleware;
use tokio::time::{Instant, timeout};

use crate::site::{Site, ask, fallback, get};

#[tokio::test]
async fn links_are_followed_as_long_as_they_end_below_the_root() {
    let site = Site::new(&[("d/file", "inside")]);
    symlink("d/file", site.path("relative")).unwrap();
    symlink(site.path("d/file"), site.path("absolute")).unwrap();
    symlink(site.path("d"), site.path("directory")).unwrap();
    symlink("../secret", site.path("out")).unwrap();
    symlink(site.outside("secret"), site.path("absolute-out")).unwrap();
    symlink(site.outside(""), site.path("up")).unwrap();
    symlink("loop", site.path("loop")).unwrap();
    for (target, status) in [
        ("/relative", 200),
        ("/absolute", 200),
        ("/directory/file", 200),
        ("/up/root/d/file", 200),
        ("/out", 418),
        ("/absolute-out", 418),
        ("/up/secret", 418),
        ("/loop", 418),
    ] {
        let answer = ask(&site.files(), "GET", target, "").await;
        assert_eq!(answer.status, status, "{target}");
        assert_eq!(answer.text(), if status == 200 { "inside" } else { "fallback" }, "{target}");
    }
}

#[tokio::test]
async fn no_path_climbs_out_of_the_root() {
    let site = Site::new(&[("a", "inside")]);
    for target in [
        "/../secret",
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/..%2f..%2fetc/passwd",
        "/..%5c..%5csecret",
        "/a/../../secret",
        "/%2e%2e%2fsecret",
        "/..;/secret",
        "/%c0%ae%c0%ae/secret",
        "//etc/passwd",
    ] {
        let answer = ask(&site.files(), "GET", target, "").await;
        assert_eq!(answer.status, 418, "{target}");
    }
}

/// Runs `swap` over and over on a thread while `asking` runs.
async fn while_swapping(swap: impl Fn() + Send + 'static, asking: impl Future<Output = ()>) {
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let swapping = thread::spawn(move || {
        while !stopped.load(Ordering::Relaxed) {
            swap();
        }
    });
    asking.await;
    stop.store(true, Ordering::Relaxed);
    swapping.join().unwrap();
}

/// Puts a file (or what `make` makes) in the place of `place`, in one step.
fn put(place: &Path, make: impl Fn(&Path)) {
    let new = place.with_extension("new");
    make(&new);
    if fs::rename(&new, place).is_err() {
        // A directory cannot replace a link, nor a link a directory.
        let old = place.with_extension("old");
        fs::rename(place, &old).unwrap();
        fs::rename(&new, place).unwrap();
        if old.is_symlink() {
            fs::remove_file(old).unwrap();
        } else {
            fs::remove_dir_all(old).unwrap();
        }
    }
}

#[tokio::test]
async fn a_file_swapped_for_an_outside_link_is_never_served() {
    let site = Site::new(&[("file", "inside")]);
    let (place, secret) = (site.path("file"), site.outside("secret"));
    let absolute = site.path("absolute");
    symlink(&place, &absolute).unwrap();
    let handler = site.files().wrap(fallback());
    let swap = move || {
        put(&place, |new| symlink(&secret, new).unwrap());
        put(&place, |new| symlink("../secret", new).unwrap());
        put(&place, |new| fs::write(new, "inside").unwrap());
    };
    let (mut served, mut passed) = (0, 0);
    while_swapping(swap, async {
        for number in 0.. {
            // The second goes the long way: an absolute link, resolved first.
            for target in ["/file", "/absolute"] {
                let response = get(&handler, target).await;
                let status = response.status();
                let body = response.into_body().collect(64).await.unwrap();
                match (status.as_u16(), &**body.data()) {
                    (200, b"inside") => served += 1,
                    (418, b"fallback") => passed += 1,
                    other => panic!("{target}: {other:?}"),
                }
            }
            if number >= 500 && served > 0 && passed > 0 {
                break;
            }
        }
    })
    .await;
    assert!(served + passed >= 1000);
}

#[tokio::test]
async fn a_directory_swapped_for_an_outside_link_is_never_listed() {
    let site = Site::new(&[("dir/inside.txt", "in")]);
    let outside = site.outside("elsewhere");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("outside.txt"), "outside").unwrap();
    let place = site.path("dir");
    let handler = site.files().list_directory(true).wrap(fallback());
    let swap = move || {
        put(&place, |new| symlink(&outside, new).unwrap());
        put(&place, |new| {
            fs::create_dir(new).unwrap();
            fs::write(new.join("inside.txt"), "in").unwrap();
        });
    };
    let (mut served, mut passed) = (0, 0);
    while_swapping(swap, async {
        for number in 0.. {
            for target in ["/dir/", "/dir/outside.txt"] {
                let response = get(&handler, target).await;
                let status = response.status();
                let body = response.into_body().collect(1 << 16).await.unwrap();
                let text = std::str::from_utf8(body.data()).unwrap();
                assert!(!text.contains("outside"), "{target}: {text}");
                match status.as_u16() {
                    200 => served += 1,
                    418 => passed += 1,
                    other => panic!("{target}: {other}"),
                }
            }
            if number >= 500 && served > 0 && passed > 0 {
                break;
            }
        }
    })
    .await;
    assert!(served + passed >= 1000);
}

/// Every piece of a file in the directory is read by the handle that was opened, whatever the name leads to by then.
#[tokio::test]
async fn a_directory_swapped_for_an_outside_link_changes_nothing_of_a_file_that_is_being_read() {
    const LENGTH: usize = 200_000;
    let site = Site::new(&[]);
    site.write("dir/large.bin", &vec![b'i'; LENGTH]);
    let outside = site.outside("elsewhere");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("large.bin"), vec![b'o'; LENGTH]).unwrap();
    let place = site.path("dir");
    let handler = site.files().wrap(fallback());
    let swap = move || {
        put(&place, |new| symlink(&outside, new).unwrap());
        put(&place, |new| {
            fs::create_dir(new).unwrap();
            fs::write(new.join("large.bin"), vec![b'i'; LENGTH]).unwrap();
        });
    };
    let (mut served, mut passed) = (0, 0);
    while_swapping(swap, async {
        while served < 100 || passed == 0 {
            let response = get(&handler, "/dir/large.bin").await;
            let status = response.status();
            let mut body = response.into_body();
            let mut length = 0;
            while let Some(frame) = body.frame().await {
                // A file that is still being written may end early, which is an error and never another's bytes.
                let Ok(frame) = frame else { break };
                let data = frame.into_data().unwrap();
                assert!(status != 200 || data.iter().all(|byte| *byte == b'i'), "an outside byte");
                length += data.len();
                tokio::task::yield_now().await;
            }
            match status.as_u16() {
                200 => served += usize::from(length > 0),
                418 => passed += 1,
                other => panic!("{other}"),
            }
        }
    })
    .await;
}

#[tokio::test]
async fn the_root_may_come_late_and_may_be_pointed_elsewhere() {
    let site = Site::new(&[("v1/page", "one"), ("v2/page", "two")]);
    let current = site.outside("current");
    let handler = parapet_fileserver::FileServer::new(&current).unwrap().wrap(fallback());
    let mut seen = Vec::new();
    for version in [None, Some("v1"), Some("v2"), Some("v1"), None] {
        let _ = fs::remove_file(&current);
        if let Some(version) = version {
            symlink(site.path(version), &current).unwrap();
        }
        let body = get(&handler, "/page").await.into_body().collect(64).await.unwrap();
        seen.push(String::from_utf8(body.into_data().to_vec()).unwrap());
    }
    assert_eq!(seen, ["fallback", "one", "two", "one", "fallback"]);
}

#[tokio::test]
async fn what_is_no_regular_file_is_not_there_and_holds_nobody_up() {
    let site = Site::new(&[]);
    let made = Command::new("mkfifo").arg(site.path("fifo")).status().unwrap();
    assert!(made.success());
    let _socket = std::os::unix::net::UnixListener::bind(site.path("socket")).unwrap();
    let handler = site.files().wrap(fallback());
    for target in ["/fifo", "/socket", "/fifo/", "/fifo"] {
        let started = Instant::now();
        let response = timeout(Duration::from_secs(10), get(&handler, target)).await.unwrap();
        assert_eq!(response.status(), 418, "{target}");
        let took = Instant::now().saturating_duration_since(started);
        assert!(took < Duration::from_millis(100), "{target}: {took:?}");
    }
}

proptest::proptest! {
    #[test]
    fn no_path_of_any_bytes_opens_what_is_outside(
        pieces in proptest::collection::vec(0..PIECES.len(), 1..10),
        other: Option<(u8, u8)>,
    ) {
        let site = Site::new(&[("d/file", "inside")]);
        symlink(site.outside("secret"), site.path("link")).unwrap();
        symlink(site.outside(""), site.path("d/up")).unwrap();
        let mut path: String = pieces.iter().map(|piece| PIECES[*piece]).collect();
        if let Some((place, byte)) = other {
            path.insert_str(usize::from(place) % (path.len() + 1), &format!("%{byte:02x}"));
        }
        let target = format!("/{path}");
        // What is no request target never reaches the handler.
        let Ok(uri) = target.parse::<http::Uri>() else { return Ok(()) };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let text = runtime.block_on(async {
            let handler = site.files().list_directory(true).wrap(fallback());
            let mut body = get(&handler, &uri.to_string()).await.into_body();
            let mut read = Vec::new();
            while let Some(frame) = body.frame().await {
                read.extend(frame.unwrap().into_data().unwrap_or_default());
            }
            String::from_utf8_lossy(&read).into_owned()
        });
        proptest::prop_assert!(!text.contains("outside") && !text.contains("secret"), "{target}: {text}");
    }
}

/// What paths that climb are made of.
const PIECES: &[&str] = &[
    "/", "..", ".", "d", "file", "link", "up", "secret", "root", "%2e", "%2f", "%5c", "\\", ";",
    "%00", "%c0%ae", "%25",
];
