//! Where a target is: parsed once, when the target is made.

use std::net::IpAddr;

use crate::ConfigError;

/// What a transport dials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// Name or IP literal (without brackets), and the port if one was given.
    Authority { name: Box<str>, port: Option<u16> },
    /// Path of a Unix socket, or `@name` of an abstract one.
    Path(Box<str>),
}

/// Which form of host a transport takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HostForm {
    /// `name[:port]`, `ip[:port]`, `[v6][:port]`.
    Authority,
    /// Path of a Unix socket.
    Path,
    /// Either: a path begins with `/` or `@`.
    Any,
}

impl Address {
    pub(crate) fn parse(host: &str, form: HostForm) -> Result<Self, ConfigError> {
        let is_path = match form {
            HostForm::Authority => false,
            HostForm::Path => true,
            HostForm::Any => host.starts_with(['/', '@']),
        };
        let parsed = if is_path { path(host) } else { authority(host) };
        parsed.map_err(|reason| {
            // What stands before an `@` may be a password.
            let shown = host.rsplit_once('@').filter(|_| !is_path).map_or(host, |(_, host)| host);
            ConfigError::Target { host: shown.to_owned(), reason }
        })
    }
}

fn authority(host: &str) -> Result<Address, &'static str> {
    if host.is_empty() {
        return Err("it is empty; write name, name:port or [v6]:port");
    }
    if host.contains('@') {
        return Err("user info does not belong to a target");
    }
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => {
            let (name, rest) = rest.split_once(']').ok_or("a closing bracket is missing")?;
            if !name.parse::<IpAddr>().is_ok_and(|ip| ip.is_ipv6()) {
                return Err("there is no IPv6 address between the brackets");
            }
            match rest.strip_prefix(':') {
                Some(port) => (name, Some(port)),
                None if rest.is_empty() => (name, None),
                None => return Err("only a port may follow the bracket"),
            }
        }
        None => match host.split_once(':') {
            Some((_, port)) if port.contains(':') => {
                return Err("an IPv6 address needs brackets; write [v6] or [v6]:port");
            }
            Some((name, port)) => (name, Some(port)),
            None => (host, None),
        },
    };
    let bytes = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    if name.is_empty() || !(host.starts_with('[') || name.bytes().all(bytes)) {
        return Err("the name may hold letters, digits, '-', '.' and '_' only");
    }
    let port = port.map(port_number).transpose()?;
    Ok(Address::Authority { name: name.into(), port })
}

fn port_number(text: &str) -> Result<u16, &'static str> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(port) if digits && port > 0 => Ok(port),
        _ => Err("the port must be a number from 1 to 65535"),
    }
}

fn path(host: &str) -> Result<Address, &'static str> {
    let host = host.strip_suffix(":80").unwrap_or(host);
    if host.trim_start_matches('/').is_empty() || host == "@" {
        return Err("it is empty; write the path of a socket");
    }
    if host.contains('\0') {
        return Err("a path of a socket holds no NUL");
    }
    let path = if host.starts_with(['/', '@']) { host.to_owned() } else { format!("/{host}") };
    if path.len() > MAX_SOCKET_PATH {
        return Err("the path of a socket is too long for the platform");
    }
    Ok(Address::Path(path.into()))
}

/// `sun_path` of Linux, less the closing NUL; 104 elsewhere.
const MAX_SOCKET_PATH: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

#[cfg(test)]
mod tests {
    use super::*;

    type Parsed<'a> = Option<(&'a str, Option<u16>)>;

    #[test]
    fn hosts_are_parsed_or_refused() {
        let long = format!("/{}", "s".repeat(MAX_SOCKET_PATH));
        let rows: &[(&str, HostForm, Parsed<'_>)] = &[
            ("app", HostForm::Authority, Some(("app", None))),
            ("app.example:8080", HostForm::Authority, Some(("app.example", Some(8080)))),
            ("10.0.0.1:80", HostForm::Authority, Some(("10.0.0.1", Some(80)))),
            ("[::1]", HostForm::Authority, Some(("::1", None))),
            ("[::1]:443", HostForm::Authority, Some(("::1", Some(443)))),
            ("/run/app.sock", HostForm::Any, Some(("/run/app.sock", None))),
            ("run/app.sock:80", HostForm::Path, Some(("/run/app.sock", None))),
            ("@app", HostForm::Path, Some(("@app", None))),
            ("", HostForm::Authority, None),
            ("user:secret@app", HostForm::Authority, None),
            ("app:", HostForm::Authority, None),
            ("app:0", HostForm::Authority, None),
            ("app:65536", HostForm::Authority, None),
            ("app:+80", HostForm::Authority, None),
            ("::1:80", HostForm::Authority, None),
            ("[::1", HostForm::Authority, None),
            ("[app]:80", HostForm::Authority, None),
            ("[::1]80", HostForm::Authority, None),
            ("app/x", HostForm::Authority, None),
            ("a b", HostForm::Authority, None),
            ("/", HostForm::Path, None),
            (&long, HostForm::Path, None),
        ];
        for (host, form, expected) in rows {
            let parsed = match Address::parse(host, *form) {
                Ok(Address::Authority { name, port }) => Some((name.to_string(), port)),
                Ok(Address::Path(path)) => Some((path.to_string(), None)),
                Err(_) => None,
            };
            let expected = expected.map(|(name, port)| (name.to_owned(), port));
            assert_eq!(parsed, expected, "{host:?}");
        }
    }

    #[test]
    fn error_names_the_host_without_user_info() {
        let error = Address::parse("user:secret@app", HostForm::Authority).unwrap_err();
        assert_eq!(
            error.to_string(),
            "\"app\" is no target: user info does not belong to a target"
        );
    }
}
