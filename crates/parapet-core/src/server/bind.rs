//! Opening everything that a server listens on, all or nothing.

use std::collections::HashSet;

use super::Server;
use super::accept;
use super::listen::{Address, Listen, ListenerContext};
use super::run::{Bound, Plan};
use super::service::Service;
use crate::Error;

pub(crate) fn bind(server: Server) -> Result<Bound, Error> {
    raise_open_files();
    let (service, mut plan) = Service::split(server)?;
    if plan.listens.is_empty() {
        plan.listens.push(Listen::any(default_port(&plan)));
    }
    let mut seen = HashSet::new();
    let mut open = Vec::new();
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
        open.extend(accept::open(listen, &address, &service.settings, context)?);
    }
    let bound = Bound { service, plan, open };
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
    listen.context(
        &service.settings,
        #[cfg(feature = "tls")]
        plan.tls.as_ref(),
        name,
    )
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
