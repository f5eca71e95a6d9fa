//! Listeners that one process hands over to the next: a restart without a moment in which nobody listens.
//!
//! ```text
//! old process                                  new process
//! listens on the hand-over socket
//!                   ←  "parapet-handover 1\n"  connects
//! each listener's name, its descriptor  →
//! end  →                                       binds what is missing, serves, puts its own socket in place
//!                   ←  "ready\n"
//! drains without wait
//! ```
//!
//! Both ask the system whose process the other is (SO_PEERCRED) before they say a word. A new process that goes away, or
//! is not ready in time, changes nothing: the old one goes on.

use std::collections::HashMap;
use std::fs;
use std::io::{self, IoSlice, IoSliceMut, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rustix::io::retry_on_intr;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, Interest};
use tokio::time::timeout;

use super::service::Service;
use crate::Error;

/// Name and version of the protocol.
const HELLO: &[u8] = b"parapet-handover 1\n";
const READY: &[u8] = b"ready\n";
/// In place of a name's length: no more listeners.
const END: u16 = u16::MAX;
/// More listeners than any server has.
const MOST: usize = 1024;
/// How long the new process may take to serve.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the old process may take for each of its words.
const ANSWER: Duration = Duration::from_secs(5);

/// Listeners of the process before this one, by name, until each is taken.
#[derive(Debug, Default)]
pub(crate) struct Predecessor {
    listeners: HashMap<String, Vec<OwnedFd>>,
    /// Waits for our word.
    stream: Option<UnixStream>,
}

/// This process's own hand-over socket, and what it gives away.
#[derive(Debug)]
pub(crate) struct Handover {
    path: PathBuf,
    /// Where the socket is until this process serves.
    waiting: PathBuf,
    inode: u64,
    listener: Option<UnixListener>,
    /// Second handles, by name. Dropped with the first reason to stop, since a socket listens as long as one is open.
    listeners: Vec<(String, OwnedFd)>,
    predecessor: Option<UnixStream>,
}

impl Predecessor {
    /// Asks the process that listens on `path`, if there is one.
    pub(crate) fn ask(path: &Path) -> Result<Self, Error> {
        Self::try_ask(path).map_err(failed(path))
    }

    fn try_ask(path: &Path) -> io::Result<Self> {
        let mut stream = match UnixStream::connect(path) {
            Ok(stream) => stream,
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
                ) =>
            {
                return Ok(Self::default());
            }
            Err(error) => return Err(error),
        };
        check_user(rustix::net::sockopt::socket_peercred(&stream)?.uid)?;
        stream.set_read_timeout(Some(ANSWER))?;
        stream.set_write_timeout(Some(ANSWER))?;
        stream.write_all(HELLO)?;
        let mut listeners: HashMap<String, Vec<OwnedFd>> = HashMap::new();
        let mut left = MOST;
        while let Some((name, listener)) = receive(&mut stream)? {
            left = left.checked_sub(1).ok_or(io::ErrorKind::InvalidData)?;
            listeners.entry(name).or_default().push(listener);
        }
        Ok(Self { listeners, stream: Some(stream) })
    }

    /// The listeners of that name (a host name may have several addresses), once.
    pub(crate) fn take(&mut self, name: &str) -> Vec<OwnedFd> {
        self.listeners.remove(name).unwrap_or_default()
    }
}

impl Handover {
    /// Opens the socket beside `path`, where it goes once this process serves.
    pub(crate) fn new(
        path: PathBuf,
        listeners: Vec<(String, OwnedFd)>,
        predecessor: Predecessor,
    ) -> Result<Self, Error> {
        let mut waiting = path.clone().into_os_string();
        waiting.push(format!(".{}", std::process::id()));
        let waiting = PathBuf::from(waiting);
        let open = || {
            let listener = UnixListener::bind(&waiting)?;
            fs::set_permissions(&waiting, fs::Permissions::from_mode(0o600))?;
            listener.set_nonblocking(true)?;
            Ok((listener, fs::symlink_metadata(&waiting)?.ino()))
        };
        let (listener, inode) = open().map_err(failed(&path))?;
        for name in predecessor.listeners.keys() {
            tracing::info!(target: "parapet_core", name, "a listener of the process before is not taken over");
        }
        Ok(Self {
            path,
            waiting,
            inode,
            listener: Some(listener),
            listeners,
            predecessor: predecessor.stream,
        })
    }

    /// Whether another process waits for the word that this one serves.
    pub(crate) fn has_predecessor(&self) -> bool {
        self.predecessor.is_some()
    }

    /// Takes the predecessor's place at the path: from here on the next process finds this one.
    pub(crate) fn takes_place(&self) -> bool {
        fs::rename(&self.waiting, &self.path).map_err(|error| self.failed(&error)).is_ok()
    }

    /// This process serves: tells the predecessor, then hands over when it is asked to. Ends with the drain.
    pub(crate) async fn run(mut self, service: Arc<Service>) {
        if let Err(error) = self.offer(&service).await {
            self.failed(&error);
        }
    }

    fn failed(&self, error: &io::Error) {
        tracing::error!(target: "parapet_core", %error, path = %self.path.display(), "there is no hand-over");
    }

    async fn offer(&mut self, service: &Service) -> io::Result<()> {
        let Some(listener) = self.listener.take() else { return Ok(()) };
        let listener = tokio::net::UnixListener::from_std(listener)?;
        if let Some(mut predecessor) = self.predecessor.take()
            && let Err(error) = predecessor.write_all(READY)
        {
            tracing::warn!(target: "parapet_core", %error, "the process before is gone already");
        }
        let draining = service.handle.draining();
        tokio::pin!(draining);
        loop {
            let (stream, _) = tokio::select! {
                biased;
                () = &mut draining => return Ok(()),
                accepted = listener.accept() => accepted?,
            };
            let given = tokio::select! {
                biased;
                // The other has the listeners already, or never will.
                () = &mut draining => return Ok(()),
                given = timeout(PATIENCE, self.give(stream, service)) => given,
            };
            match given.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
                Ok(()) => {
                    tracing::info!(target: "parapet_core", "handed over");
                    service.handle.begin_drain(true);
                    return Ok(());
                }
                Err(error) => {
                    service.handed_over.store(false, Ordering::Release);
                    tracing::warn!(target: "parapet_core", %error, "a hand-over failed: this process goes on");
                }
            }
        }
    }

    /// Gives the listeners away and waits for the word of the new process.
    async fn give(&self, mut stream: tokio::net::UnixStream, service: &Service) -> io::Result<()> {
        check_user(rustix::process::Uid::from_raw(stream.peer_cred()?.uid()))?;
        let mut hello = [0; HELLO.len()];
        stream.read_exact(&mut hello).await?;
        if hello != HELLO {
            return Err(io::ErrorKind::InvalidData.into());
        }
        for (name, listener) in &self.listeners {
            let length = u16::try_from(name.len()).map_err(io::Error::other)?.to_be_bytes();
            stream.async_io(Interest::WRITABLE, || send(&stream, listener.as_fd(), length)).await?;
            stream.write_all(name.as_bytes()).await?;
        }
        // From here on the other may serve what waits on the sockets, and their files are its own.
        service.handed_over.store(true, Ordering::Release);
        stream.write_all(&END.to_be_bytes()).await?;
        let mut ready = [0; READY.len()];
        stream.read_exact(&mut ready).await?;
        if ready == READY { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
    }
}

impl Drop for Handover {
    fn drop(&mut self) {
        // Only the own file: in its place may be the next process's already.
        for path in [&self.waiting, &self.path] {
            if fs::symlink_metadata(path).is_ok_and(|file| file.ino() == self.inode) {
                let _ = fs::remove_file(path);
            }
        }
    }
}

fn failed(path: &Path) -> impl Fn(io::Error) -> Error {
    let path = path.to_path_buf();
    move |source| Error::Handover { path: path.clone(), source }
}

fn check_user(other: rustix::process::Uid) -> io::Result<()> {
    if other == rustix::process::geteuid() {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::PermissionDenied, "the other process is another user's"))
}

/// One descriptor, beside the length of its name.
fn send(stream: impl AsFd, listener: BorrowedFd<'_>, length: [u8; 2]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let listeners = [listener];
    if !control.push(SendAncillaryMessage::ScmRights(&listeners)) {
        return Err(io::ErrorKind::OutOfMemory.into());
    }
    let sent = sendmsg(stream, &[IoSlice::new(&length)], &mut control, SendFlags::NOSIGNAL)?;
    if sent == length.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

/// The next name and its descriptor; `None` at the end.
fn receive(stream: &mut UnixStream) -> io::Result<Option<(String, OwnedFd)>> {
    let mut length = [0; 2];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = retry_on_intr(|| {
        let mut into = [IoSliceMut::new(&mut length)];
        recvmsg(&*stream, &mut into, &mut control, RecvFlags::CMSG_CLOEXEC)
    })?;
    let listener = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    });
    match received.bytes {
        2 => {}
        // A version that the other does not speak, or its end.
        0 => return Err(io::ErrorKind::UnexpectedEof.into()),
        _ => stream.read_exact(length.get_mut(1..).unwrap_or_default())?,
    }
    let length = u16::from_be_bytes(length);
    if length == END {
        return Ok(None);
    }
    let mut name = vec![0; length.into()];
    stream.read_exact(&mut name)?;
    let name = String::from_utf8(name).map_err(io::Error::other)?;
    let listener = listener.ok_or(io::ErrorKind::InvalidData)?;
    Ok(Some((name, listener)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_arrive_under_their_names_and_the_end_is_told() {
        let (mut old, mut new) = UnixStream::pair().unwrap();
        let listeners = ["a", "127.0.0.1:0", ""].map(|name| {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            send(&old, listener.as_fd(), u16::try_from(name.len()).unwrap().to_be_bytes()).unwrap();
            old.write_all(name.as_bytes()).unwrap();
            (name, listener)
        });
        old.write_all(&END.to_be_bytes()).unwrap();
        for (name, listener) in listeners {
            let (told, received) = receive(&mut new).unwrap().unwrap();
            let received = std::net::TcpListener::from(received);
            assert_eq!(told, name);
            assert_eq!(received.local_addr().unwrap(), listener.local_addr().unwrap());
        }
        assert!(receive(&mut new).unwrap().is_none());
        drop(old);
        assert_eq!(receive(&mut new).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn a_name_without_a_descriptor_is_an_error() {
        let (mut old, mut new) = UnixStream::pair().unwrap();
        old.write_all(b"\0\x01a").unwrap();
        assert_eq!(receive(&mut new).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn nobody_to_ask_is_no_error() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("handover");
        let mut nobody = Predecessor::ask(&path).unwrap();
        assert!(nobody.take("a").is_empty());
        drop(UnixListener::bind(&path).unwrap());
        assert!(Predecessor::ask(&path).unwrap().stream.is_none(), "its process is gone");
    }

    #[test]
    fn a_process_of_another_version_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("handover");
        let listener = UnixListener::bind(&path).unwrap();
        let other = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut hello = [0; HELLO.len()];
            stream.read_exact(&mut hello).unwrap();
            hello
        });
        let error = Predecessor::ask(&path).unwrap_err();
        assert!(matches!(error, Error::Handover { .. }), "{error:?}");
        assert_eq!(other.join().unwrap(), HELLO);
    }
}
