//! The Redis that the edges share: one that runs already, or one of our own.

use std::io::{BufRead, BufReader, ErrorKind};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::thread;

use parapet::prelude::*;

/// Where Redis is. Its drop ends the redis-server that it started.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) url: String,
    child: Option<Child>,
}

impl Store {
    /// The Redis at `url`, or one that is started on a free port of loopback, with nothing on disk.
    pub(crate) fn open(url: Option<&str>) -> Result<Self> {
        if let Some(url) = url {
            return Ok(Self { url: url.into(), child: None });
        }
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--port", &port.to_string()]);
        command.args(["--save", "", "--appendonly", "no", "--dir", "/tmp"]);
        own_group(&mut command);
        let child = match command.stdout(Stdio::piped()).spawn() {
            Ok(child) => child,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(Failure::new(
                    "redis-server is not installed. Debian and Ubuntu: apt-get install redis-server; \
                     macOS: brew install redis. Or name one that runs: --redis redis://HOST:PORT",
                ));
            }
            Err(error) => return Err(error.into()),
        };
        let mut store = Self { url: format!("redis://127.0.0.1:{port}"), child: Some(child) };
        store.wait_until_ready()?;
        Ok(store)
    }

    /// Whether it was started here.
    pub(crate) fn is_own(&self) -> bool {
        self.child.is_some()
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let log = self.child.as_mut().and_then(|child| child.stdout.take());
        let mut lines = BufReader::new(log.ok_or_else(|| Failure::new("no log"))?).lines();
        let mut said = String::new();
        for line in lines.by_ref() {
            let line = line?;
            if line.contains("Ready to accept connections") {
                // Its log goes on; nobody to read it would block it in the end.
                thread::spawn(move || lines.for_each(drop));
                return Ok(());
            }
            said.push_str(&line);
            said.push('\n');
        }
        Err(Failure::new(format!("redis-server did not start:\n{said}")))
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Nothing of it is on disk: there is nothing to save. Both fail only if it is gone already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Ctrl-C of a terminal goes to a whole process group: Redis must outlive the requests that are still in progress.
#[cfg(unix)]
fn own_group(command: &mut Command) {
    use std::os::unix::process::CommandExt as _;
    command.process_group(0);
}

#[cfg(not(unix))]
fn own_group(_command: &mut Command) {}
