use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parapet_core::{Body, RequestHead, Response};

use crate::address::Address;
use crate::upgrade::Way;
use crate::{Attempt, ConfigError, Error, Transport};

/// One address of an upstream, and the transport that reaches it.
pub struct Target {
    /// Same for a target and its successor in a swapped set: what state goes by.
    id: u64,
    /// As configured: for hooks, labels and the log.
    host: Arc<str>,
    address: Address,
    transport: Transport,
    weight: u32,
    max_concurrent: u32,
    zone: Option<Box<str>>,
    priority: u8,
}

impl Target {
    /// A target at `host`: `name[:port]`, `ip[:port]`, `[v6][:port]`, or the path of a socket. The default port is the
    /// transport's: 80, with TLS 443.
    ///
    /// # Errors
    /// [`ConfigError::Target`] for another `host`; [`ConfigError::Value`] for a setting of the transport outside its
    /// range.
    pub fn new(host: &str, transport: impl Into<Transport>) -> Result<Self, ConfigError> {
        Self::build(host, transport.into())
    }

    fn build(host: &str, transport: Transport) -> Result<Self, ConfigError> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let address = Address::parse(host, transport.host_form())?;
        let transport = transport.attach(&address)?;
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        Ok(Self {
            id,
            host: host.into(),
            address,
            transport,
            weight: 1,
            max_concurrent: 0,
            zone: None,
            priority: 0,
        })
    }

    /// Share of the traffic relative to the other targets. Default: 1; 0 counts as 1.
    #[must_use]
    pub fn weight(mut self, weight: u32) -> Self {
        self.weight = weight.max(1);
        self
    }

    /// Most requests in progress at a time, body included. Default: 0, no limit. Read by balancers that count them.
    #[must_use]
    pub fn max_concurrent(mut self, limit: u32) -> Self {
        self.max_concurrent = limit;
        self
    }

    /// Zone that the target stands in. Default: none.
    #[must_use]
    pub fn zone(mut self, zone: impl Into<String>) -> Self {
        self.zone = Some(zone.into().into());
        self
    }

    /// Priority: a level is used only while no target of a lower number is admissible. Default: 0.
    #[must_use]
    pub fn priority(mut self, priority: u8) -> Self {
        self.priority = priority;
        self
    }

    /// The host as it was configured.
    pub fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn shared_host(&self) -> &Arc<str> {
        &self.host
    }

    /// The weight, at least 1.
    pub fn weight_value(&self) -> u32 {
        self.weight
    }

    /// The limit of requests in progress; 0: none.
    pub fn max_concurrent_value(&self) -> u32 {
        self.max_concurrent
    }

    /// The zone, if one was set.
    pub fn zone_value(&self) -> Option<&str> {
        self.zone.as_deref()
    }

    /// The priority.
    pub fn priority_value(&self) -> u8 {
        self.priority
    }

    /// Identity: the same for the target that takes this one's place in a swapped set.
    pub fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn transport(&self) -> &Transport {
        &self.transport
    }

    /// Whether both are reached the same way at the same address.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.address == other.address && self.transport.is_same(&other.transport)
    }

    /// Takes the place of `old` in a swapped set: its identity and its connections.
    pub(crate) fn succeed(&mut self, old: &Self) {
        self.id = old.id;
        self.transport = old.transport.clone();
    }

    /// One round trip to this target. Takes the body out.
    pub(crate) fn send<'a>(
        self: &'a Arc<Self>,
        head: &'a RequestHead,
        body: &'a mut Body,
        at: &'a Attempt,
    ) -> impl Future<Output = Result<Response, Error>> + Send + 'a {
        Way::Target(self).round_trip(head, body, at)
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target")
            .field("host", &self.host)
            .field("transport", &self.transport)
            .field("weight", &self.weight)
            .field("max_concurrent", &self.max_concurrent)
            .field("zone", &self.zone)
            .field("priority", &self.priority)
            .finish_non_exhaustive()
    }
}
