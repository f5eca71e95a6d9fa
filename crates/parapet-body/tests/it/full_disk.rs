use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parapet_body::buffer_request;
use parapet_core::{BodyError, Request, Server, handler_fn};
use parapet_testkit::RawClient;
use tokio::net::TcpListener;

use crate::support::{dir, no_spill};

/// What a file may have in the process that is started for it.
const ROOM: usize = 32 * 1024;

/// The limit of the system on the size of files is that of a whole process, so the uploads go to one of its own. Its signal
/// is ignored, as it is for services: the write fails.
#[test]
fn an_upload_that_the_disk_has_no_room_for_is_a_500_and_others_pass() {
    let blocks = ROOM / 512;
    let uploads = "full_disk::uploads_where_files_have_little_room";
    let output = Command::new("sh")
        .args(["-c", &format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"")])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", uploads, "--ignored", "--nocapture"])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && told.contains("1 passed"), "{output:?}");
}

#[tokio::test]
#[ignore = "another test starts it, in a process whose files have little room"]
async fn uploads_where_files_have_little_room() {
    let dir = dir();
    let calls = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&calls);
    let next = handler_fn(move |request: Request| {
        counter.fetch_add(1, Ordering::SeqCst);
        async move {
            let read = request.into_body().collect(1 << 20).await?;
            Ok::<_, BodyError>(read.data().len().to_string())
        }
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let layer = buffer_request().temp_dir(dir.path()).unwrap();
    tokio::spawn(Server::new().with(layer).handler(next).serve(listener));
    // What does not fit ends in the middle of a write, at its start, and after many.
    for (size, status) in
        [(1_000, 200), (ROOM, 200), (ROOM + 1, 500), (ROOM - 1, 200), (4 * ROOM, 500), (ROOM, 200)]
    {
        for chunked in [false, true] {
            let (framing, end) = if chunked {
                (format!("transfer-encoding: chunked\r\n\r\n{size:x}"), "\r\n0\r\n\r\n")
            } else {
                (format!("content-length: {size}\r\n"), "")
            };
            let before = calls.load(Ordering::SeqCst);
            let mut client = RawClient::connect(address).await;
            client.try_send(format!("POST / HTTP/1.1\r\nhost: a\r\n{framing}\r\n")).await;
            client.try_send(vec![b'x'; size]).await;
            client.try_send(end).await;
            let answer = client.answer().await;
            let expected =
                if status == 200 { size.to_string() } else { "Internal Server Error\n".to_owned() };
            assert_eq!((answer.status, answer.text()), (status, &*expected), "{size} {chunked}");
            let called = calls.load(Ordering::SeqCst) - before;
            assert_eq!(called, usize::from(status == 200), "{size} {chunked}");
            no_spill(dir.path()).await;
        }
    }
}
