use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

use tokio::sync::Semaphore;

/// Addresses of `host`: itself if it is an IP literal, else what the operating system's resolver says now.
pub(super) async fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    let name = (host.to_owned(), port);
    let addrs = look_up(&LOOKUPS, move || Ok(name.to_socket_addrs()?.collect())).await?;
    if addrs.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
    }
    Ok(addrs)
}

/// Runs `ask` on a thread that may block, as one of so many at a time.
///
/// A lookup cannot be called off: one whose request has gone holds its thread until the resolver answers. Where that takes
/// long, requests wait here, where they can be given up, and not in the queue of the threads, which would grow with each.
async fn look_up(
    running: &'static Semaphore,
    ask: impl FnOnce() -> io::Result<Vec<SocketAddr>> + Send + 'static,
) -> io::Result<Vec<SocketAddr>> {
    let permit = running.acquire().await.map_err(io::Error::other)?;
    let asked = move || {
        let _permit = permit;
        ask()
    };
    tokio::task::spawn_blocking(asked).await.map_err(io::Error::other)?
}

/// Of the 512 threads that a runtime has for what blocks, so many may wait for the resolver: files need some too.
static LOOKUPS: Semaphore = Semaphore::const_new(128);

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn a_lookup_that_was_given_up_keeps_its_place_until_it_ends() {
        static ONE: Semaphore = Semaphore::const_new(1);
        let (answer, slow) = mpsc::channel::<()>();
        let first = look_up(&ONE, move || {
            let _ = slow.recv();
            Ok(Vec::new())
        });
        let mut first = Box::pin(first);
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(first.as_mut().poll(&mut cx).is_pending());
        drop(first);
        let (begun, begins) = mpsc::channel();
        let second = look_up(&ONE, move || {
            begun.send(()).unwrap();
            Ok(Vec::new())
        });
        let mut second = Box::pin(second);
        assert!(second.as_mut().poll(&mut cx).is_pending());
        assert_eq!(ONE.available_permits(), 0);
        assert!(begins.try_recv().is_err(), "no thread has it yet");
        drop(answer);
        assert!(second.await.unwrap().is_empty());
    }
}
