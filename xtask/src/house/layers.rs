//! Which crate may stand on which: the umbrella, the feature crates, core, the wire, the field names.

use super::Findings;
use crate::workspace::{Member, Workspace};

/// Checks the dependencies between our own crates; those of the tests are free.
pub(super) fn check(workspace: &Workspace, findings: &mut Findings) {
    for member in &workspace.members {
        let free = !member.is_published() || member.name == "parapet";
        if free || !member.is_library() {
            continue;
        }
        for (name, value) in member.dependencies() {
            let optional = value.get("optional").and_then(toml::Value::as_bool).unwrap_or(false);
            if let Some(why) = refused(member, name, optional) {
                findings.broken(&member.name, format!("must not depend on {name}: {why}"));
            }
        }
    }
}

fn refused(member: &Member, on: &str, optional: bool) -> Option<&'static str> {
    let name = member.name.as_str();
    if !on.starts_with("parapet") {
        return None;
    }
    let below: &[&str] = match name {
        "parapet-header" => &[],
        "parapet-h1" => &["parapet-header"],
        "parapet-core" => &["parapet-h1", "parapet-header"],
        "parapet-upstream" => &["parapet-core", "parapet-h1", "parapet-header"],
        _ => &["parapet-core", "parapet-header"],
    };
    if below.contains(&on) {
        return None;
    }
    if ["parapet-header", "parapet-h1", "parapet-core"].contains(&name) {
        return Some("the lower layers know no feature");
    }
    let sibling = SIBLINGS.iter().any(|(who, whom)| *who == name && (*whom == on || *whom == "*"));
    match (sibling, optional) {
        (true, true) => None,
        (true, false) => Some("a feature crate needs another one only as an optional dependency"),
        (false, _) => Some("feature crates do not know each other"),
    }
}

/// Feature crates that may use another one.
const SIBLINGS: &[(&str, &str)] = &[
    ("parapet-prom", "*"),                 // adapts the hooks of the others
    ("parapet-authn", "parapet-upstream"), // fetches keys, asks an authorization service
    ("parapet-gcs", "parapet-upstream"),
    ("parapet-mirror", "parapet-upstream"),
    ("parapet-trace", "parapet-upstream"), // wraps the transports
    ("parapet-upstream", "parapet-proxyprotocol"), // writes the PROXY header to targets
];

#[cfg(test)]
mod tests {
    use super::refused;
    use crate::workspace::Member;

    #[test]
    fn layers_go_one_way() {
        let rows = [
            ("parapet-header", "http", false, true),
            ("parapet-header", "parapet-core", false, false),
            ("parapet-h1", "parapet-header", false, true),
            ("parapet-core", "parapet-h1", false, true),
            ("parapet-core", "parapet-host", true, false),
            ("parapet-host", "parapet-core", false, true),
            ("parapet-host", "parapet-location", false, false),
            ("parapet-upstream", "parapet-h1", false, true),
            ("parapet-host", "parapet-h1", false, false),
            ("parapet-prom", "parapet-cache", true, true),
            ("parapet-prom", "parapet-cache", false, false),
            ("parapet-upstream", "parapet-trace", true, false),
        ];
        for (name, on, optional, allowed) in rows {
            let member =
                Member { name: name.into(), dir: "/a".into(), manifest: toml::Table::new() };
            assert_eq!(refused(&member, on, optional).is_none(), allowed, "{name} on {on}");
        }
    }
}
