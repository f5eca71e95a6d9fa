//! The programs beside this file, under the requests that they are about.

#[cfg(test)]
mod seed;
/// The program itself, but for its `main`.
#[cfg(test)]
#[path = "../../seed/sites.rs"]
mod sites;
