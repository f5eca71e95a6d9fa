#![cfg(feature = "redis")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fred::clients::Pool;
use fred::interfaces::ClientLike;
use fred::types::config::{Config, ConnectionConfig, ReconnectPolicy, ServerConfig};
use parapet_ratelimit::FredRunner;
use tempfile::TempDir;

/// A redis-server on a free port of loopback, with nothing on disk. Its drop ends it.
pub(crate) struct RedisServer {
    child: Child,
    pub(crate) port: u16,
    dir: TempDir,
}

impl RedisServer {
    pub(crate) fn start() -> Self {
        let (dir, port) = (TempDir::new().unwrap(), parapet_testkit::free_port());
        Self { child: spawn(port, &dir), port, dir }
    }

    /// Ends it at once, as a crash does.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again on the same port, empty.
    pub(crate) fn restart(&mut self) {
        self.child = spawn(self.port, &self.dir);
    }

    /// Stops it where it is by `-STOP`, lets it go on by `-CONT`.
    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// One command in words, and the answer as it is on the wire.
    pub(crate) fn command(&self, words: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        write!(stream, "{words}\r\nQUIT\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.strip_suffix("+OK\r\n").unwrap().to_owned()
    }

    /// The integer that a command answers.
    pub(crate) fn integer(&self, words: &str) -> i64 {
        self.command(words).trim().strip_prefix(':').unwrap().parse().unwrap()
    }

    /// The only key there is.
    pub(crate) fn key(&self) -> String {
        let answer = self.command("KEYS *");
        let lines: Vec<_> = answer.lines().collect();
        assert_eq!(lines[0], "*1", "{answer}");
        lines[2].to_owned()
    }

    /// Seconds and microseconds of its clock, as microseconds.
    pub(crate) fn micros(&self) -> u64 {
        let answer = self.command("TIME");
        let lines: Vec<_> = answer.lines().collect();
        lines[2].parse::<u64>().unwrap() * 1_000_000 + lines[4].parse::<u64>().unwrap()
    }

    /// A runner on a pool of its own, as a process of a fleet has.
    pub(crate) async fn runner(&self) -> FredRunner {
        let server = ServerConfig::new_centralized("127.0.0.1", self.port);
        let config = Config { server, ..Config::default() };
        let policy = ReconnectPolicy::new_constant(0, 50);
        let connection = ConnectionConfig::default();
        let pool = Pool::new(config, None, Some(connection), Some(policy), 2).unwrap();
        pool.init().await.unwrap();
        FredRunner::new(pool)
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(port: u16, dir: &TempDir) -> Child {
    let child = Command::new("redis-server")
        .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
        .args(["--save", "", "--appendonly", "no"])
        .current_dir(dir.path())
        .stdout(Stdio::piped())
        .spawn();
    let mut child = child.unwrap_or_else(|error| {
        panic!("this test needs redis-server (Debian: apt-get install redis-server): {error}")
    });
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut log = Vec::new();
    loop {
        match lines.next() {
            Some(Ok(line)) if line.contains("Ready to accept connections") => break,
            Some(Ok(line)) => log.push(line),
            _ => panic!("redis-server on port {port} ended: {log:#?}"),
        }
    }
    // Its log goes on; nobody to read it would block it in the end.
    std::thread::spawn(move || lines.for_each(drop));
    child
}
