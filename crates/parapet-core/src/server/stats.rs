//! What a server counts.

use std::array;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use http::StatusCode;

use super::hooks::{ConnState, ConnectionError};
use crate::DrainPhase;

/// Counters of a server at one moment: [`ServerHandle::stats`](crate::ServerHandle::stats).
///
/// They are read one by one while connections move on, so sums may be off by what happens meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerStats {
    /// All listeners together. Its name is empty.
    pub total: ListenerStats,
    /// Each listener by its name; an empty name is for connections that no listener accepted
    /// ([`Connections`](crate::Connections)).
    pub listeners: Vec<ListenerStats>,
    /// How far the drain is.
    pub drain_phase: DrainPhase,
}

/// Counters of one listener. Those without "now" never fall.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListenerStats {
    /// Name of the listener.
    pub name: Arc<str>,
    /// Connections accepted.
    pub accepted: u64,
    /// Connections closed: `accepted` less those that are open.
    pub closed: u64,
    /// Connections now that have not said a word of HTTP.
    pub new: u64,
    /// Connections now with a request: from the first byte of its head to the last of its answer.
    pub active: u64,
    /// Connections now between requests.
    pub idle: u64,
    /// Connections now that were taken over by an upgrade.
    pub upgraded: u64,
    /// Requests in progress now: active HTTP/1.1 connections and open HTTP/2 streams.
    pub requests: u64,
    /// Connections closed for a limit other than the next.
    pub refused_limit: u64,
    /// Connections closed because their client had too many.
    pub refused_per_client: u64,
    /// Connections that a layer refused.
    pub refused_layer: u64,
    /// Connections whose TLS handshake failed.
    pub refused_tls: u64,
    /// Connections that a timeout closed.
    pub refused_timeout: u64,
    /// Connections closed for what no client of HTTP does.
    pub refused_protocol: u64,
    /// TLS handshakes from the start.
    pub handshakes_full: u64,
    /// TLS handshakes that resumed a session.
    pub handshakes_resumed: u64,
    /// HTTP/2 streams that are open now.
    pub streams_open: u64,
    /// HTTP/2 streams refused (REFUSED_STREAM).
    pub streams_refused: u64,
    /// HTTP/2 streams that the client reset.
    pub streams_reset: u64,
    /// HTTP/2 GOAWAYs sent, by error code (RFC 9113 §7); those that were never sent are left out.
    pub goaways: BTreeMap<u32, u64>,
    /// Cheap HTTP/2 frames, by their weight: [`Http2::glitch_burst`](crate::Http2::glitch_burst).
    pub glitches: u64,
    /// Answers given before any handler ran, by status; those that were never given are left out.
    pub local_replies: BTreeMap<StatusCode, u64>,
}

impl ListenerStats {
    /// Connections that are open now.
    pub fn open(&self) -> u64 {
        self.new + self.active + self.idle + self.upgraded
    }
}

/// What is counted. Gauges are differences of these, so that each change of a state is one addition.
#[derive(Clone, Copy, Debug)]
#[repr(usize)]
pub(crate) enum Count {
    Accepted,
    NewToActive,
    IdleToActive,
    ActiveToIdle,
    ActiveToUpgraded,
    ClosedNew,
    ClosedActive,
    ClosedIdle,
    ClosedUpgraded,
    RefusedLimit,
    RefusedPerClient,
    RefusedLayer,
    RefusedTls,
    RefusedTimeout,
    RefusedProtocol,
    HandshakeFull,
    HandshakeResumed,
    StreamOpened,
    StreamClosed,
    StreamRefused,
    StreamReset,
    /// An HTTP/2 connection got its first open stream, or lost its last.
    StreamsBegan,
    StreamsEnded,
    Glitches,
    /// The first of the error codes.
    Goaway,
}

/// Error codes of RFC 9113 §7.
const CODES: usize = 14;
/// The first of the statuses 400 to 511.
const STATUS: usize = Count::Goaway as usize + CODES;
const STATUSES: usize = 112;
const COUNTS: usize = STATUS + STATUSES;

/// Plain atomics of one listener.
#[derive(Debug)]
pub(crate) struct Counters(Box<[AtomicU64; COUNTS]>);

impl Default for Counters {
    fn default() -> Self {
        Self(Box::new(array::from_fn(|_| AtomicU64::new(0))))
    }
}

/// The state of one connection, as it was last counted.
#[derive(Debug, Default)]
pub(crate) struct Counted(AtomicU8);

const NONE: u8 = 0;
const NEW: u8 = 1;
const ACTIVE: u8 = 2;
const IDLE: u8 = 3;
const UPGRADED: u8 = 4;

impl Counters {
    pub(crate) fn add(&self, count: Count) {
        self.add_many(count, 1);
    }

    pub(crate) fn add_many(&self, count: Count, many: u64) {
        self.at(count as usize, many);
    }

    /// A connection changed its state.
    pub(crate) fn moved(&self, counted: &Counted, state: ConnState) {
        let to = match state {
            ConnState::New => NEW,
            ConnState::Active => ACTIVE,
            ConnState::Idle => IDLE,
            ConnState::Upgraded => UPGRADED,
            ConnState::Closed => NONE,
        };
        // Only the connection's own task writes it.
        let from = counted.0.load(Ordering::Relaxed);
        counted.0.store(to, Ordering::Relaxed);
        let count = match (from, to) {
            (NONE, NEW) => Count::Accepted,
            (NEW, ACTIVE) => Count::NewToActive,
            (IDLE, ACTIVE) => Count::IdleToActive,
            (ACTIVE, IDLE) => Count::ActiveToIdle,
            (ACTIVE, UPGRADED) => Count::ActiveToUpgraded,
            (NEW, NONE) => Count::ClosedNew,
            (ACTIVE, NONE) => Count::ClosedActive,
            (IDLE, NONE) => Count::ClosedIdle,
            (UPGRADED, NONE) => Count::ClosedUpgraded,
            _ => return,
        };
        self.add(count);
    }

    pub(crate) fn failed(&self, error: &ConnectionError) {
        self.add(match error {
            ConnectionError::Layer(_) => Count::RefusedLayer,
            ConnectionError::TlsHandshake(_) => Count::RefusedTls,
            ConnectionError::Timeout(_) => Count::RefusedTimeout,
            ConnectionError::Protocol(_) | ConnectionError::Framing(_) => Count::RefusedProtocol,
            ConnectionError::Limit("max_connections_per_client") => Count::RefusedPerClient,
            ConnectionError::Limit(_) => Count::RefusedLimit,
            ConnectionError::Io(_) => return,
        });
    }

    pub(crate) fn goaway(&self, code: u32) {
        if let Some(code) = usize::try_from(code).ok().filter(|code| *code < CODES) {
            self.at(Count::Goaway as usize + code, 1);
        }
    }

    pub(crate) fn local_reply(&self, status: StatusCode) {
        let status = usize::from(status.as_u16()).checked_sub(400);
        if let Some(status) = status.filter(|status| *status < STATUSES) {
            self.at(STATUS + status, 1);
        }
    }

    fn at(&self, index: usize, many: u64) {
        if let Some(counter) = self.0.get(index) {
            counter.fetch_add(many, Ordering::Relaxed);
        }
    }
}

/// The counters of a server's listeners, each known before it accepts.
pub(crate) fn snapshot(
    listeners: &[(Arc<str>, Arc<Counters>)],
    drain_phase: DrainPhase,
) -> ServerStats {
    let mut total = [0; COUNTS];
    let mut named: BTreeMap<&Arc<str>, [u64; COUNTS]> = BTreeMap::new();
    for (name, counters) in listeners {
        // One name may have several sockets: a host with several addresses.
        let of_name = named.entry(name).or_insert([0; COUNTS]);
        for ((total, sum), counter) in total.iter_mut().zip(of_name).zip(counters.0.iter()) {
            let count = counter.load(Ordering::Relaxed);
            *total += count;
            *sum += count;
        }
    }
    let listeners = named
        .into_iter()
        .filter(|(name, counts)| !name.is_empty() || counts.iter().any(|count| *count > 0))
        .map(|(name, counts)| shown(Arc::clone(name), &counts))
        .collect();
    ServerStats { total: shown(Arc::from(""), &total), listeners, drain_phase }
}

fn shown(name: Arc<str>, counts: &[u64; COUNTS]) -> ListenerStats {
    let at = |index: usize| counts.get(index).copied().unwrap_or_default();
    let count = |count: Count| at(count as usize);
    let less = |from: u64, counts: &[Count]| {
        counts.iter().fold(from, |left, one| left.saturating_sub(count(*one)))
    };
    let [closed_new, closed_active, closed_idle, closed_upgraded] =
        [Count::ClosedNew, Count::ClosedActive, Count::ClosedIdle, Count::ClosedUpgraded]
            .map(count);
    let active = less(
        count(Count::NewToActive) + count(Count::IdleToActive),
        &[Count::ActiveToIdle, Count::ActiveToUpgraded, Count::ClosedActive],
    );
    let streams_open = less(count(Count::StreamOpened), &[Count::StreamClosed]);
    let busy_http2 = less(count(Count::StreamsBegan), &[Count::StreamsEnded]);
    let some = |from: usize, many: usize| {
        (0..many).filter_map(move |index| match at(from + index) {
            0 => None,
            count => Some((index, count)),
        })
    };
    ListenerStats {
        name,
        accepted: count(Count::Accepted),
        closed: closed_new + closed_active + closed_idle + closed_upgraded,
        new: less(count(Count::Accepted), &[Count::NewToActive, Count::ClosedNew]),
        active,
        idle: less(count(Count::ActiveToIdle), &[Count::IdleToActive, Count::ClosedIdle]),
        upgraded: less(count(Count::ActiveToUpgraded), &[Count::ClosedUpgraded]),
        requests: active.saturating_sub(busy_http2) + streams_open,
        refused_limit: count(Count::RefusedLimit),
        refused_per_client: count(Count::RefusedPerClient),
        refused_layer: count(Count::RefusedLayer),
        refused_tls: count(Count::RefusedTls),
        refused_timeout: count(Count::RefusedTimeout),
        refused_protocol: count(Count::RefusedProtocol),
        handshakes_full: count(Count::HandshakeFull),
        handshakes_resumed: count(Count::HandshakeResumed),
        streams_open,
        streams_refused: count(Count::StreamRefused),
        streams_reset: count(Count::StreamReset),
        goaways: some(Count::Goaway as usize, CODES)
            .filter_map(|(code, count)| u32::try_from(code).ok().map(|code| (code, count)))
            .collect(),
        glitches: count(Count::Glitches),
        local_replies: some(STATUS, STATUSES)
            .filter_map(|(status, count)| {
                let status = u16::try_from(400 + status).ok()?;
                StatusCode::from_u16(status).ok().map(|status| (status, count))
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_states_add_up_whatever_connections_do(
            moves in proptest::collection::vec((0..8_usize, 0..5_u8), 0..200)
        ) {
            let counters = Arc::new(Counters::default());
            let connections: [Counted; 8] = array::from_fn(|_| Counted::default());
            let mut states = [None; 8];
            for (index, state) in moves {
                // What a connection can do: begin, then anything but New, then end.
                let state = match (states[index], state) {
                    (None, _) => ConnState::New,
                    (Some(ConnState::New | ConnState::Idle), 1..=2) => ConnState::Active,
                    (Some(ConnState::Active), 1) => ConnState::Idle,
                    (Some(ConnState::Active), 2) => ConnState::Upgraded,
                    (Some(_), 3) => ConnState::Closed,
                    _ => continue,
                };
                counters.moved(&connections[index], state);
                states[index] = (state != ConnState::Closed).then_some(state);
            }
            let stats = snapshot(&[(Arc::from("a"), counters)], DrainPhase::Running);
            let now = |state| states.iter().filter(|now| **now == Some(state)).count() as u64;
            prop_assert_eq!(stats.total.new, now(ConnState::New));
            prop_assert_eq!(stats.total.active, now(ConnState::Active));
            prop_assert_eq!(stats.total.idle, now(ConnState::Idle));
            prop_assert_eq!(stats.total.upgraded, now(ConnState::Upgraded));
            prop_assert_eq!(stats.total.accepted, stats.total.closed + stats.total.open());
        }
    }

    #[test]
    fn codes_and_statuses_keep_their_places_and_names_are_summed() {
        let [one, two] = [(); 2].map(|()| Arc::new(Counters::default()));
        for code in [0, 0, 11, 13, 14, u32::MAX] {
            one.goaway(code);
        }
        for status in [400, 431, 511, 200, 599] {
            two.local_reply(StatusCode::from_u16(status).unwrap());
        }
        let named = |name: &str, counters: &Arc<Counters>| (Arc::from(name), Arc::clone(counters));
        let all = [named("a", &one), named("a", &two), named("b", &one), named("", &two)];
        let stats = snapshot(&all, DrainPhase::Running);
        let names: Vec<_> = stats.listeners.iter().map(|listener| &*listener.name).collect();
        assert_eq!(names, ["", "a", "b"]);
        let a = &stats.listeners[1];
        assert_eq!(a.goaways, BTreeMap::from([(0, 2), (11, 1), (13, 1)]));
        let replies: Vec<_> = a.local_replies.keys().map(StatusCode::as_u16).collect();
        assert_eq!(replies, [400, 431, 511]);
        assert_eq!(stats.total.goaways[&0], 4);
        assert_eq!(snapshot(&[named("", &Arc::default())], DrainPhase::Wait).listeners, []);
    }
}
