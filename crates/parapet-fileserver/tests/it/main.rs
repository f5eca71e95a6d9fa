//! Tests of parapet-fileserver through its public API.

/// What is sent, when a file changes while it is.
#[cfg(test)]
mod body;
/// Nothing outside of the root, whatever the path, the links and the moment.
#[cfg(test)]
mod confinement;
/// Index files, redirects, listings.
#[cfg(test)]
mod directories;
/// Files: fields, types, methods, conditions, ranges.
#[cfg(test)]
mod files;
/// What heads say of bodies, under all fields that clients may send.
#[cfg(test)]
mod laws;
/// Files and directories that may not be read.
#[cfg(test)]
#[cfg(target_os = "linux")]
mod permissions;
/// Files compressed in advance.
#[cfg(test)]
mod precompressed;
/// Bad settings, and what `Debug` tells.
#[cfg(test)]
mod settings;
/// A root with files, and requests to it over a connection.
#[cfg(test)]
mod site;
