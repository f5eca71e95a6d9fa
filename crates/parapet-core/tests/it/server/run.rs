//! `run`: a process of its own, with workers and signals.
//!
//! The child is this test binary again, with [`child`] as its only test and its settings in the environment.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parapet_core::{Error, Listen, Request, Server, handler_fn, worker};
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::Instant;

use super::peer::Peer;

const SETTINGS: &str = "PARAPET_TEST_CHILD";
pub(super) const LISTEN: &str = "PARAPET_TEST_LISTEN";
/// The hand-over socket.
pub(super) const HANDOVER: &str = "PARAPET_TEST_HANDOVER";
/// Set: never ready.
pub(super) const HANGS: &str = "PARAPET_TEST_HANGS";
/// Set: the port is shared with other processes.
pub(super) const REUSE_PORT: &str = "PARAPET_TEST_REUSE_PORT";
const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// The server of a child process; nothing in the parent's own run of the tests.
#[test]
fn child() {
    let Ok(settings) = std::env::var(SETTINGS) else { return };
    let numbers: Vec<u64> = settings.split(',').map(|number| number.parse().unwrap()).collect();
    let [wait, grace, workers, socket] = numbers[..] else { panic!("four numbers: {settings}") };
    let handler = handler_fn(|request: Request| async move {
        match request.uri().path() {
            "/slow" => tokio::time::sleep(Duration::from_secs(5)).await,
            "/worker" => return format!("{:?}", worker::index()),
            _ => {}
        }
        "ok".into()
    });
    let mut server = Server::new()
        .handler(handler)
        .addr(&std::env::var(LISTEN).unwrap_or_else(|_| "127.0.0.1:0".into()))
        .workers(usize::try_from(workers).unwrap())
        .wait_before_shutdown(Duration::from_millis(wait))
        .grace_timeout(Duration::from_millis(grace))
        .register_on_shutdown(|| say("draining"))
        .reuse_port(std::env::var(REUSE_PORT).is_ok())
        .on_hangup(|| {
            say("hangup");
            panic!("on purpose: hangup");
        })
        .on_ready(|addrs| say(&addrs[0].to_string()));
    if socket > 0 {
        server = server.listen(Listen::unix(socket_path(socket)));
    }
    if let Ok(path) = std::env::var(HANDOVER) {
        server = server.handover(path);
    }
    if std::env::var(HANGS).is_ok() {
        server = server.on_start(async {
            say("starting");
            std::future::pending().await
        });
    }
    match server.run() {
        Ok(()) => say("ok"),
        Err(Error::DrainTimeout { .. }) => say("drain timeout"),
        Err(error @ Error::Forced) => say(&format!("forced {}", error.exit_code())),
        Err(error) => say(&error.to_string()),
    }
}

pub(super) fn say(line: &str) {
    let mut out = std::io::stdout();
    writeln!(out, "child: {line}").unwrap();
    out.flush().unwrap();
}

pub(super) fn socket_path(number: u64) -> PathBuf {
    std::env::temp_dir().join(format!("parapet-run-{number}.sock"))
}

/// What the child said in a line of the test's output.
fn told(line: &str) -> Option<String> {
    line.split_once("child: ").map(|(_, said)| said.to_owned())
}

/// A running child; killed when a test ends without it.
pub(super) struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    pub(super) address: SocketAddr,
}

impl Running {
    fn start(wait: u64, grace: u64, workers: u64, socket: u64) -> Self {
        Self::start_with(wait, grace, workers, socket, &[])
    }

    /// With more in its environment; started, and ready.
    pub(super) fn start_with(
        wait: u64,
        grace: u64,
        workers: u64,
        socket: u64,
        environment: &[(&str, &OsStr)],
    ) -> Self {
        let mut running = Self::spawn(wait, grace, workers, socket, environment);
        running.wait_until_ready();
        running
    }

    /// Started, and perhaps not ready.
    pub(super) fn spawn(
        wait: u64,
        grace: u64,
        workers: u64,
        socket: u64,
        environment: &[(&str, &OsStr)],
    ) -> Self {
        Self::spawn_by(&mut Command::new(std::env::current_exe().unwrap()), |command| {
            command
                .env(SETTINGS, format!("{wait},{grace},{workers},{socket}"))
                .envs(environment.iter().copied())
        })
    }

    /// With so many open files at most.
    pub(super) fn start_with_files(files: u32) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!(r#"ulimit -n {files}; exec "$0" "$@""#)]);
        shell.arg(std::env::current_exe().unwrap());
        let mut running = Self::spawn_by(&mut shell, |command| command.env(SETTINGS, "0,100,1,0"));
        running.wait_until_ready();
        running
    }

    fn spawn_by(command: &mut Command, set: impl FnOnce(&mut Command) -> &mut Command) -> Self {
        command.args(["--exact", "server::run::child", "--nocapture", "--test-threads=1"]);
        let child = set(command).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        Self::watch(child)
    }

    /// User and system time that the child took so far, in hundredths of a second.
    pub(super) fn cpu(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        // The name, in brackets, may hold anything.
        let fields: Vec<_> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }

    fn watch(mut child: Child) -> Self {
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines, address: ([127, 0, 0, 1], 0).into() }
    }

    fn wait_until_ready(&mut self) {
        self.address = self.line().parse().unwrap();
    }

    /// The child's next word.
    pub(super) fn line(&mut self) -> String {
        loop {
            let line = self.lines.next().expect("a line of the child").unwrap();
            if let Some(said) = told(&line) {
                return said;
            }
        }
    }

    /// The drain begins and ends by itself; the callback that says the one has ended before `run` returns.
    pub(super) fn ends_well(&mut self) {
        assert_eq!([self.line(), self.line()], ["draining", "ok"]);
    }

    pub(super) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn about(took: Duration, wanted: Duration) -> bool {
    took >= wanted.mul_f64(0.95) && took <= wanted.mul_f64(1.2) + Duration::from_millis(200)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_under_load_fails_no_request_and_cuts_what_outlasts_the_grace() {
    for workers in [1, 2] {
        let mut server = Running::start(1000, 2000, workers, 0);
        let address = server.address;
        let leave = Arc::new(AtomicBool::new(false));
        let load: Vec<_> = (0..4)
            .map(|_| {
                let leave = Arc::clone(&leave);
                tokio::spawn(async move {
                    let (mut served, mut told) = (0, 0);
                    let mut peer = Peer::connect(address).await;
                    while !leave.load(Ordering::SeqCst) {
                        peer.send(GET).await;
                        let answer = peer.answer().await;
                        assert_eq!(answer.text(), "ok");
                        served += 1;
                        if answer.field("connection") == Some("close") {
                            told += 1;
                            peer = Peer::connect(address).await;
                        }
                    }
                    (served, told)
                })
            })
            .collect();
        let mut slow = Peer::connect(address).await;
        slow.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").await;
        // It is in progress once a request behind it on another connection of each worker was answered.
        for _ in 0..2 {
            let mut peer = Peer::connect(address).await;
            peer.send(GET).await;
            peer.answer().await;
        }
        let begin = Instant::now();
        server.signal(Signal::TERM);
        assert_eq!(server.line(), "draining");
        // The load leaves shortly before the end of the wait, as behind a balancer that saw readiness go.
        tokio::time::sleep_until(begin + Duration::from_millis(800)).await;
        leave.store(true, Ordering::SeqCst);
        for task in load {
            let (served, told) = task.await.unwrap();
            assert!(served > 0 && told > 0, "{served} served, {told} told to leave");
        }
        // Refused from the end of the wait on, long before the end.
        while TcpStream::connect(address).is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let refused = begin.elapsed();
        assert!(about(refused, Duration::from_secs(1)), "{workers}: refused after {refused:?}");
        assert_eq!(slow.rest().await, b"");
        let cut = begin.elapsed();
        assert!(about(cut, Duration::from_secs(3)), "{workers}: cut after {cut:?}");
        assert_eq!(server.line(), "drain timeout");
    }
}

#[tokio::test]
async fn sigint_leaves_the_wait_out_and_ends_as_soon_as_all_is_done() {
    let socket = u64::from(std::process::id());
    let mut server = Running::start(60_000, 60_000, 1, socket);
    assert!(UnixStream::connect(socket_path(socket)).is_ok());
    let mut peer = Peer::connect(server.address).await;
    peer.send(GET).await;
    assert_eq!(peer.answer().await.text(), "ok");
    // Connected, never a byte: has a second.
    let silent = Peer::connect(server.address).await;
    let begin = Instant::now();
    server.signal(Signal::INT);
    assert_eq!(server.line(), "draining");
    assert_eq!(server.line(), "ok");
    assert!(about(begin.elapsed(), Duration::from_secs(1)), "{:?}", begin.elapsed());
    assert!(!socket_path(socket).exists(), "the socket file is removed");
    drop(silent);
}

#[test]
fn a_signal_right_behind_ready_drains() {
    for signal in [Signal::TERM, Signal::INT].repeat(5) {
        let mut server = Running::start(0, 5000, 1, 0);
        server.signal(signal);
        server.ends_well();
    }
}

#[test]
fn a_panic_at_a_reload_changes_nothing() {
    let mut server = Running::start(0, 5000, 1, 0);
    for _ in 0..2 {
        server.signal(Signal::HUP);
        assert_eq!(server.line(), "hangup");
    }
    server.signal(Signal::TERM);
    server.ends_well();
}

#[tokio::test]
async fn a_second_signal_cuts_at_once() {
    for (first, second) in
        [(Signal::TERM, Signal::TERM), (Signal::INT, Signal::INT), (Signal::TERM, Signal::INT)]
    {
        let mut server = Running::start(60_000, 60_000, 2, 0);
        let mut peer = Peer::connect(server.address).await;
        peer.send(GET).await;
        peer.answer().await;
        peer.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").await;
        server.signal(first);
        assert_eq!(server.line(), "draining");
        let begin = Instant::now();
        server.signal(second);
        assert_eq!(server.line(), "forced 130");
        assert!(begin.elapsed() < Duration::from_millis(500), "{:?}", begin.elapsed());
        assert_eq!(peer.rest().await, b"");
    }
}

#[tokio::test]
async fn a_thousand_connections_spread_over_the_workers() {
    let server = Running::start(0, 1000, 2, 0);
    let mut shares = [0, 0];
    let mut peers = Vec::new();
    for _ in 0..1000 {
        let mut peer = Peer::connect(server.address).await;
        peer.send("GET /worker HTTP/1.1\r\nHost: a\r\n\r\n").await;
        peers.push(peer);
    }
    for peer in &mut peers {
        match peer.answer().await.text() {
            "Some(0)" => shares[0] += 1,
            "Some(1)" => shares[1] += 1,
            other => panic!("{other}"),
        }
    }
    let (least, most) = (shares.iter().min().unwrap(), shares.iter().max().unwrap());
    assert!(most <= &(least * 2), "{shares:?}");
}

#[tokio::test]
async fn run_inside_a_runtime_is_an_error() {
    let error = Server::new().addr("127.0.0.1:0").run().unwrap_err();
    assert!(matches!(error, Error::InsideRuntime), "{error:?}");
}

#[tokio::test]
async fn a_socket_of_the_service_manager_is_served() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // What systemd does: the socket is descriptor 3 of a process that finds its own number beside it.
    let script = r#"exec 3<&0 0</dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec "$0" "$@""#;
    let child = Command::new("sh")
        .args(["-c", script])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "server::run::child", "--nocapture", "--test-threads=1"])
        .env(SETTINGS, "0,5000,1,0")
        .env(LISTEN, "fd:3")
        .stdin(Stdio::from(std::os::fd::OwnedFd::from(listener)))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut server = Running::watch(child);
    server.wait_until_ready();
    assert_eq!(server.address, address);
    let mut peer = Peer::connect(address).await;
    peer.send(GET).await;
    assert_eq!(peer.answer().await.text(), "ok");
    server.signal(Signal::TERM);
    assert_eq!(server.line(), "draining");
    assert_eq!(server.line(), "ok");
}
