//! What parapet-requestid promises, through its public API.

/// Fresh ids: form, uniqueness, own generators.
#[cfg(test)]
mod fresh;
/// Which incoming ids are kept, and by whom.
#[cfg(test)]
mod incoming;
/// Request, response, log and core agree.
#[cfg(test)]
mod places;
/// Which peers a server lets bring their ids along.
#[cfg(test)]
mod server;
/// Settings that are refused.
#[cfg(test)]
mod settings;
/// One exchange through the layer.
#[cfg(test)]
mod support;
