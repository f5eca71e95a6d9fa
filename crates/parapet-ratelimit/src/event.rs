use std::time::Duration;

use crate::Quota;

/// One decision, as [`observe`](crate::RateLimiter::observe) is told of it: bounded values only, never the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event<'a> {
    /// Name of the limiter; empty if it has none.
    pub name: &'a str,
    /// What was decided.
    pub outcome: Outcome,
}

/// What a limiter decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// The request passed.
    Allowed,
    /// The request was answered by the limiter.
    Limited,
    /// The request would have been limited, but for the dry run.
    ShadowLimited,
}

impl Outcome {
    /// The word for a metric label: `allowed`, `limited`, `shadow_limited`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Limited => "limited",
            Self::ShadowLimited => "shadow_limited",
        }
    }
}

/// What the handler of limited requests is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exceeded<'a> {
    /// Name of the limiter; empty if it has none.
    pub name: &'a str,
    /// When the next request may succeed. Zero: unknown.
    pub after: Duration,
    /// The limit and what is left of it, if the strategy tells.
    pub policy: Option<Quota>,
}
