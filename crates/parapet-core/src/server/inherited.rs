//! Listening sockets that a service manager opened (`LISTEN_PID`, `LISTEN_FDS`, `LISTEN_FDNAMES`).

use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use listenfd::ListenFd;

use super::accept::{Open, OpenKind};
use super::listen::{Address, ListenerContext};
use crate::Error;

/// Descriptors start here (sd_listen_fds(3)).
const FIRST: u32 = 3;

/// The announced sockets. Each can be taken once.
struct Inherited {
    fds: ListenFd,
    names: Vec<String>,
}

/// Read once: the variables are this process's alone, and a child must not find them.
fn inherited() -> &'static Mutex<Inherited> {
    static INHERITED: OnceLock<Mutex<Inherited>> = OnceLock::new();
    INHERITED.get_or_init(|| {
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let names = names.split(':').map(str::to_owned).collect();
        Mutex::new(Inherited { fds: ListenFd::from_env(), names })
    })
}

pub(crate) fn open(
    address: &Address,
    context: impl Fn(&str) -> Result<ListenerContext, Error>,
) -> Result<Vec<Open>, Error> {
    let mut inherited = inherited().lock().unwrap_or_else(PoisonError::into_inner);
    let Inherited { fds, names } = &mut *inherited;
    let wanted: Vec<usize> = match address {
        Address::Fd(fd) => {
            let index = fd.checked_sub(FIRST).and_then(|index| usize::try_from(index).ok());
            index.into_iter().filter(|index| *index < fds.len()).collect()
        }
        Address::Systemd(name) => (0..fds.len())
            .filter(|index| name.is_empty() || names.get(*index) == Some(name))
            .collect(),
        _ => Vec::new(),
    };
    if wanted.is_empty() {
        return Err(Error::NotAListener(address.to_string()));
    }
    let not_a_listener = || Error::NotAListener(address.to_string());
    wanted
        .into_iter()
        .map(|index| {
            let kind = take(fds, index).ok_or_else(not_a_listener)?;
            let name = names.get(index).filter(|name| !name.is_empty()).cloned();
            let name = name.unwrap_or_else(|| address.to_string());
            Ok(Open { kind, context: Arc::new(context(&name)?), unlink: None })
        })
        .collect()
}

/// A listening stream socket of either family; anything else stays where it is.
fn take(fds: &mut ListenFd, index: usize) -> Option<OpenKind> {
    if let Ok(Some(listener)) = fds.take_tcp_listener(index) {
        return nonblocking_tcp(listener);
    }
    let listener: UnixListener = fds.take_unix_listener(index).ok()??;
    listener.set_nonblocking(true).ok()?;
    Some(OpenKind::Unix(listener))
}

fn nonblocking_tcp(listener: TcpListener) -> Option<OpenKind> {
    listener.set_nonblocking(true).ok()?;
    Some(OpenKind::Tcp(listener))
}
