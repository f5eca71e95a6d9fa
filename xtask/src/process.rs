//! Programs that run beside us: started with a log file, waited for, measured, stopped by their id.

use std::fs::File;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::error::{Doing, Error, Result};

/// A program that we started. Dropping it stops it.
pub(crate) struct Running {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Running {
    /// Starts `command`; both its outputs go to `log`.
    pub(crate) fn start(name: &str, command: &mut Command, log: &Path) -> Result<Self> {
        let file = File::create(log).doing(|| format!("create {}", log.display()))?;
        let errors = file.try_clone().doing(|| format!("open {}", log.display()))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(errors)
            .spawn()
            .doing(|| format!("start {}", command.get_program().display()))?;
        Ok(Self { name: name.to_owned(), child, log: log.to_path_buf() })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until something accepts at `address`; fails as soon as the program has ended.
    pub(crate) fn answers_at(&mut self, address: SocketAddr, within: Duration) -> Result<()> {
        let until = Instant::now() + within;
        loop {
            if TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok() {
                return Ok(());
            }
            if let Some(status) =
                self.child.try_wait().doing(|| format!("wait for {}", self.name))?
            {
                return Err(
                    self.failed(&format!("ended with {status} before it listened on {address}"))
                );
            }
            if Instant::now() > until {
                return Err(self.failed(&format!(
                    "does not listen on {address} after {} s",
                    within.as_secs()
                )));
            }
            thread::sleep(PAUSE);
        }
    }

    /// Sends `signal`.
    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        let Some(pid) = i32::try_from(self.pid()).ok().and_then(Pid::from_raw) else {
            return Ok(());
        };
        kill_process(pid, signal)
            .map_err(std::io::Error::from)
            .doing(|| format!("signal {}", self.name))
    }

    /// Sends SIGTERM and waits for the end; after `within` it is killed, which is an error.
    pub(crate) fn stop(mut self, within: Duration) -> Result<ExitStatus> {
        self.signal(Signal::TERM)?;
        self.ended(within)
    }

    /// Waits for the end; after `within` it is killed, which is an error.
    pub(crate) fn ended(&mut self, within: Duration) -> Result<ExitStatus> {
        let until = Instant::now() + within;
        loop {
            if let Some(status) =
                self.child.try_wait().doing(|| format!("wait for {}", self.name))?
            {
                return Ok(status);
            }
            if Instant::now() > until {
                return Err(self.failed(&format!("still runs after {} s", within.as_secs())));
            }
            thread::sleep(PAUSE);
        }
    }

    /// What it has written so far.
    pub(crate) fn output(&self) -> String {
        std::fs::read(&self.log)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    fn failed(&self, how: &str) -> Error {
        let output = self.output();
        let mut last: Vec<&str> = output.lines().rev().take(5).collect();
        last.reverse();
        Error::Command {
            line: self.name.clone(),
            how: format!("{how}; its last words: {}", last.join(" / ")),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) && self.signal(Signal::TERM).is_ok() {
            let until = Instant::now() + Duration::from_secs(3);
            while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < until {
                thread::sleep(PAUSE);
            }
        }
        if matches!(self.child.try_wait(), Ok(None)) {
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}

/// CPU time of a process and its children.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cpu {
    pub(crate) user: Duration,
    pub(crate) system: Duration,
}

impl Cpu {
    /// Reads what `pid` and its children have used so far.
    pub(crate) fn of(pid: u32) -> Result<Self> {
        let path = format!("/proc/{pid}/stat");
        let stat = std::fs::read_to_string(&path).doing(|| format!("read {path}"))?;
        // The name in parentheses may hold blanks; the fields after it do not. utime and stime are fields 14 and 15.
        let after = stat.rsplit_once(')').map_or("", |(_, after)| after);
        let mut ticks =
            after.split_whitespace().skip(11).map(|word| word.parse::<u64>().unwrap_or(0));
        let (user, system) = (ticks.next().unwrap_or(0), ticks.next().unwrap_or(0));
        let mut sum = Self { user: from_ticks(user), system: from_ticks(system) };
        for child in children(pid) {
            let of_child = Self::of(child)?;
            sum = Self { user: sum.user + of_child.user, system: sum.system + of_child.system };
        }
        Ok(sum)
    }

    /// What was used since `before`.
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            user: self.user.saturating_sub(before.user),
            system: self.system.saturating_sub(before.system),
        }
    }
}

/// Resident bytes of a process and its children.
pub(crate) fn resident(pid: u32) -> Result<u64> {
    status_bytes(pid, "VmRSS:")
}

/// The most bytes that were resident at a time, of a process and its children.
pub(crate) fn peak_resident(pid: u32) -> Result<u64> {
    status_bytes(pid, "VmHWM:")
}

fn status_bytes(pid: u32, field: &str) -> Result<u64> {
    let path = format!("/proc/{pid}/status");
    let status = std::fs::read_to_string(&path).doing(|| format!("read {path}"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap_or_default();
    let kib: u64 = line.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(0);
    let mut sum = kib * 1024;
    for child in children(pid) {
        sum += status_bytes(child, field)?;
    }
    Ok(sum)
}

/// A port of 127.0.0.1 that nobody listens on right now.
pub(crate) fn free_port() -> Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .doing(|| "find a free port".to_owned())
}

fn children(pid: u32) -> Vec<u32> {
    let text =
        std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_whitespace().filter_map(|word| word.parse().ok()).collect()
}

fn from_ticks(ticks: u64) -> Duration {
    Duration::from_millis(
        ticks.saturating_mul(1000) / rustix::param::clock_ticks_per_second().max(1),
    )
}

/// Between two looks at a process that has no event to wait for.
const PAUSE: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Duration;

    use super::{Cpu, Running, resident};

    #[test]
    fn a_program_is_measured_and_stopped() {
        let dir = tempfile::tempdir().unwrap();
        let running =
            Running::start("sleep", Command::new("sleep").arg("60"), &dir.path().join("log"))
                .unwrap();
        assert!(resident(running.pid()).unwrap() > 0);
        assert!(Cpu::of(running.pid()).unwrap().user < Duration::from_secs(1));
        let status = running.stop(Duration::from_secs(5)).unwrap();
        assert!(!status.success(), "SIGTERM is no success: {status}");
    }
}
