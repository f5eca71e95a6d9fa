//! Happy Eyeballs v2 (RFC 8305): of a name with addresses of both families the first that answers wins.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::time::Instant;

/// Time between the starts of two attempts (RFC 8305 §5).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Connects to the first of `addrs` that answers. A failed attempt starts the next one at once; the losers are dropped.
///
/// # Errors
/// All failed: the error of the first address.
pub(super) async fn race<T, F, Fut>(addrs: Vec<SocketAddr>, connect: F) -> io::Result<T>
where
    F: Fn(SocketAddr) -> Fut,
    Fut: Future<Output = io::Result<T>>,
{
    if let [addr] = addrs.as_slice() {
        return connect(*addr).await;
    }
    let mut waiting = interleave(addrs).into_iter().enumerate();
    let mut running = FuturesUnordered::new();
    let mut first_error = None;
    loop {
        if let Some((place, addr)) = waiting.next() {
            let attempt = connect(addr);
            running.push(async move { (place, attempt.await) });
        }
        let next_start = Instant::now() + ATTEMPT_DELAY;
        tokio::select! {
            biased;
            ended = running.next() => match ended {
                Some((_, Ok(stream))) => return Ok(stream),
                Some((place, Err(error))) => {
                    if place == 0 || first_error.is_none() {
                        first_error = Some(error);
                    }
                }
                None => {
                    return Err(first_error.unwrap_or_else(|| io::ErrorKind::NotFound.into()));
                }
            },
            () = tokio::time::sleep_until(next_start), if waiting.len() > 0 => {}
        }
    }
}

/// The resolver's order, families alternating (RFC 8305 §4).
fn interleave(addrs: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v6 = addrs.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) =
        addrs.into_iter().partition(|addr| addr.is_ipv6() == first_is_v6);
    let mut order = Vec::with_capacity(first.len() + second.len());
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    loop {
        let pair = [first.next(), second.next()];
        if pair == [None, None] {
            return order;
        }
        order.extend(pair.into_iter().flatten());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn families_alternate_beginning_with_the_resolvers_first() {
        let order = interleave(
            ["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1"].map(addr).into_iter().collect(),
        );
        assert_eq!(order, ["[::1]:1", "1.1.1.1:1", "[::2]:1", "[::3]:1"].map(addr));
        assert!(interleave(Vec::new()).is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_dead_first_family_costs_one_attempt_delay() {
        let start = Instant::now();
        let won = race(vec![addr("[::1]:1"), addr("1.1.1.1:1")], |addr| async move {
            if addr.is_ipv6() { std::future::pending().await } else { Ok(addr) }
        })
        .await;
        assert_eq!(won.unwrap(), addr("1.1.1.1:1"));
        assert_eq!(start.elapsed(), ATTEMPT_DELAY);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_starts_the_next_attempt_at_once_and_the_first_error_is_told() {
        let start = Instant::now();
        let addrs = vec![addr("[::1]:1"), addr("1.1.1.1:1"), addr("[::2]:1")];
        let error =
            race(addrs, |addr| async move { Err::<(), _>(io::Error::other(addr.to_string())) })
                .await
                .unwrap_err();
        assert_eq!((error.to_string(), start.elapsed()), ("[::1]:1".into(), Duration::ZERO));
    }
}
