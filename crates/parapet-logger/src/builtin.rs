/// A name of ours, ready for each format: letters only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Label {
    pub(crate) name: &'static str,
    /// In quotes and with its colon: what stands before a value in JSON.
    pub(crate) json: &'static str,
    /// The same, and the quote that begins a text.
    pub(crate) json_text: &'static str,
}

macro_rules! label {
    ($name:literal) => {
        Label {
            name: $name,
            json: concat!("\"", $name, "\":"),
            json_text: concat!("\"", $name, "\":\""),
        }
    };
}

impl Label {
    /// Says that something was left out or cut.
    pub(crate) const TRUNCATED: Self = label!("logTruncated");
    /// Share of the records like this one that are written.
    pub(crate) const SAMPLE_RATE: Self = label!("sampleRate");
}

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
    #[cfg(test)]
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

    #[cfg(test)]
    pub(crate) fn name(self) -> &'static str {
        self.label().name
    }

    pub(crate) const fn label(self) -> Label {
        match self {
            Self::Timestamp => label!("timestamp"),
            Self::Host => label!("host"),
            Self::RequestMethod => label!("requestMethod"),
            Self::RequestUrl => label!("requestUrl"),
            Self::Protocol => label!("protocol"),
            Self::RequestBodySize => label!("requestBodySize"),
            Self::Referer => label!("referer"),
            Self::UserAgent => label!("userAgent"),
            Self::RemoteIp => label!("remoteIp"),
            Self::RealIp => label!("realIp"),
            Self::ForwardedFor => label!("forwardedFor"),
            Self::Status => label!("status"),
            Self::ResponseBodySize => label!("responseBodySize"),
            Self::Duration => label!("duration"),
            Self::DurationHuman => label!("durationHuman"),
            Self::DurationHeader => label!("durationHeader"),
            Self::DurationHeaderHuman => label!("durationHeaderHuman"),
            Self::Aborted => label!("aborted"),
            Self::Error => label!("error"),
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "timestamp" => Self::Timestamp,
            "host" => Self::Host,
            "requestMethod" => Self::RequestMethod,
            "requestUrl" => Self::RequestUrl,
            "protocol" => Self::Protocol,
            "requestBodySize" => Self::RequestBodySize,
            "referer" => Self::Referer,
            "userAgent" => Self::UserAgent,
            "remoteIp" => Self::RemoteIp,
            "realIp" => Self::RealIp,
            "forwardedFor" => Self::ForwardedFor,
            "status" => Self::Status,
            "responseBodySize" => Self::ResponseBodySize,
            "duration" => Self::Duration,
            "durationHuman" => Self::DurationHuman,
            "durationHeader" => Self::DurationHeader,
            "durationHeaderHuman" => Self::DurationHeaderHuman,
            "aborted" => Self::Aborted,
            "error" => Self::Error,
            _ => return None,
        })
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
