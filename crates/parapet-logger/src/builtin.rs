/// The fields that every record has, in the order in which they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BuiltIn {
    Timestamp,
    Host,
    RequestMethod,
    RequestUrl,
    Protocol,
    RequestBodySize,
    Referer,
    UserAgent,
    RemoteIp,
    RealIp,
    ForwardedFor,
    Status,
    ResponseBodySize,
    Duration,
    DurationHuman,
    DurationHeader,
    DurationHeaderHuman,
    Aborted,
    Error,
}

impl BuiltIn {
    pub(crate) const ALL: [Self; 19] = [
        Self::Timestamp,
        Self::Host,
        Self::RequestMethod,
        Self::RequestUrl,
        Self::Protocol,
        Self::RequestBodySize,
        Self::Referer,
        Self::UserAgent,
        Self::RemoteIp,
        Self::RealIp,
        Self::ForwardedFor,
        Self::Status,
        Self::ResponseBodySize,
        Self::Duration,
        Self::DurationHuman,
        Self::DurationHeader,
        Self::DurationHeaderHuman,
        Self::Aborted,
        Self::Error,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Timestamp => "timestamp",
            Self::Host => "host",
            Self::RequestMethod => "requestMethod",
            Self::RequestUrl => "requestUrl",
            Self::Protocol => "protocol",
            Self::RequestBodySize => "requestBodySize",
            Self::Referer => "referer",
            Self::UserAgent => "userAgent",
            Self::RemoteIp => "remoteIp",
            Self::RealIp => "realIp",
            Self::ForwardedFor => "forwardedFor",
            Self::Status => "status",
            Self::ResponseBodySize => "responseBodySize",
            Self::Duration => "duration",
            Self::DurationHuman => "durationHuman",
            Self::DurationHeader => "durationHeader",
            Self::DurationHeaderHuman => "durationHeaderHuman",
            Self::Aborted => "aborted",
            Self::Error => "error",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name() == name)
    }

    /// Whether its value is one of the request's head.
    pub(crate) fn is_known_at_entry(self) -> bool {
        !self.is_decided_at_end() && !matches!(self, Self::Timestamp | Self::RequestBodySize)
    }

    /// Whether it is known only when the exchange is over; nobody can set it.
    pub(crate) fn is_decided_at_end(self) -> bool {
        matches!(
            self,
            Self::Status
                | Self::ResponseBodySize
                | Self::Duration
                | Self::DurationHuman
                | Self::DurationHeader
                | Self::DurationHeaderHuman
                | Self::Aborted
                | Self::Error
        )
    }
}

/// A set of built-in fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct BuiltIns(u32);

impl BuiltIns {
    pub(crate) fn insert(&mut self, field: BuiltIn) {
        self.0 |= 1 << field as u32;
    }

    pub(crate) fn contains(self, field: BuiltIn) -> bool {
        self.0 & (1 << field as u32) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_finds_its_field() {
        let mut set = BuiltIns::default();
        for field in BuiltIn::ALL {
            assert_eq!(BuiltIn::named(field.name()), Some(field));
            assert!(!set.contains(field));
            set.insert(field);
            assert!(set.contains(field));
        }
        assert_eq!(BuiltIn::named("custom"), None);
    }
}
