//! Opening everything that a server listens on, all or nothing.

use std::collections::{HashMap, HashSet};
use std::sync::Once;

use super::Server;
use super::accept;
use super::handover::{Handover, Predecessor};
use super::listen::{Address, Listen, ListenerContext};
use super::run::{Bound, Plan};
use super::service::Service;
use crate::Error;

pub(crate) fn bind(server: Server) -> Result<Bound, Error> {
    raise_open_files();
    if server.settings.reuse_port {
        warn_of_lost_handshakes();
    }
    let (service, mut plan) = Service::split(server)?;
    if plan.listens.is_empty() {
        plan.listens.push(Listen::any(default_port(&plan)));
    }
    let mut seen = HashSet::new();
    let mut open = Vec::new();
    let path = plan.handover.take();
    let mut predecessor = path.as_deref().map(Predecessor::ask).transpose()?.unwrap_or_default();
    let mut repeats: HashMap<String, usize> = HashMap::new();
    let mut handed = Vec::new();
    for listen in &plan.listens {
        let address = match &listen.address {
            Address::Text(text) => Address::parse(text)?,
            address => address.clone(),
        };
        let is_free_port = matches!(&address, Address::Any(0))
            || matches!(&address, Address::Tcp(at) if at.port() == 0);
        if !is_free_port && !seen.insert(address.to_string()) && !service.settings.reuse_port {
            return Err(Error::DuplicateListener(address.to_string()));
        }
        let context = |name: &str| listener_context(&service, &plan, listen, name);
        // Two listeners on free ports are told apart by their order.
        let key = listen.key(&address);
        let repeat = repeats.entry(key.clone()).or_default();
        let name = format!("{key}#{repeat}");
        *repeat += 1;
        let taken = predecessor.take(&name);
        let opened = if taken.is_empty() {
            accept::open(listen, &address, &service.settings, context)?
        } else {
            let take_over = |listener| accept::take_over(listener, &address, context);
            taken.into_iter().map(take_over).collect::<Result<_, _>>()?
        };
        if path.is_some() {
            for open in &opened {
                let descriptor = open.descriptor();
                let bind = |source| Error::Bind { address: address.to_string(), source };
                handed.push((name.clone(), descriptor.map_err(bind)?));
            }
        }
        open.extend(opened);
    }
    let handover = path.map(|path| Handover::new(path, handed, predecessor)).transpose()?;
    let bound = Bound { service, plan, open, handover };
    bound.service.handle.set_local_addrs(bound.local_addrs());
    Ok(bound)
}

#[cfg(feature = "tls")]
fn default_port(plan: &Plan) -> u16 {
    if plan.tls.is_some() { 443 } else { 80 }
}

#[cfg(not(feature = "tls"))]
fn default_port(_plan: &Plan) -> u16 {
    80
}

pub(crate) fn listener_context(
    service: &Service,
    plan: &Plan,
    listen: &Listen,
    name: &str,
) -> Result<ListenerContext, Error> {
    #[cfg(not(feature = "tls"))]
    let _ = plan;
    let context = listen.context(
        &service.settings,
        #[cfg(feature = "tls")]
        plan.tls.as_ref(),
        name,
    )?;
    service.handle.count(&context);
    Ok(context)
}

/// What shares an address with the process after it should know (`net.ipv4.tcp_migrate_req`, Linux 5.14).
fn warn_of_lost_handshakes() {
    let setting = std::fs::read_to_string("/proc/sys/net/ipv4/tcp_migrate_req");
    if setting.is_ok_and(|setting| setting.trim() != "1") {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            tracing::info!(
                target: "parapet_core",
                "reuse_port: handshakes in flight are lost when a listener closes, unless net.ipv4.tcp_migrate_req is 1"
            );
        });
    }
}

/// The soft limit of open files up to the hard one, as every server wants it.
fn raise_open_files() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        limit.current = limit.maximum;
        let _ = setrlimit(Resource::Nofile, limit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is listened on where nobody said where.
    fn by_default(server: Server) -> u16 {
        let (_, plan) = Service::split(server).unwrap();
        assert!(plan.listens.is_empty());
        default_port(&plan)
    }

    #[test]
    fn the_default_address_is_port_80_or_443() {
        assert_eq!(by_default(Server::new()), 80);
        assert_eq!(by_default(Server::new().addr("")), 80);
        #[cfg(feature = "tls")]
        {
            let certificate = crate::generate_self_sign_certificate(crate::SelfSign::new());
            let config = crate::TlsConfig::new(certificate.unwrap());
            assert_eq!(by_default(Server::new().addr("").tls(config)), 443);
        }
        let (_, plan) = Service::split(Server::new().addr(":8080").addr("")).unwrap();
        assert_eq!(plan.listens.len(), 1, "an address that is empty adds none");
    }
}
