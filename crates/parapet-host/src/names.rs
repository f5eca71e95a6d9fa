use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use parapet_core::HostName;

use crate::table::Found;

/// Names and wildcards, all in lower case.
#[derive(Debug)]
pub(crate) enum Names {
    /// Compared one after the other.
    Few(Vec<Entry>),
    Many(Many),
}

/// A name, or with `under` what follows `*.` in a wildcard.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: Box<[u8]>,
    pub(crate) under: bool,
    pub(crate) found: Found,
}

impl Names {
    pub(crate) fn new(entries: Vec<Entry>) -> Self {
        if entries.len() <= FEW { Self::Few(entries) } else { Self::Many(Many::new(entries)) }
    }

    /// The entry for `host`, which may be in any case and need not be a valid name: the name itself, else the longest
    /// wildcard above it.
    pub(crate) fn find(&self, host: &[u8]) -> Option<&Found> {
        if host.len() > MAX_LEN {
            return None;
        }
        match self {
            Self::Few(entries) => walk(entries, host),
            Self::Many(many) => many.find(host),
        }
    }
}

/// A longer host has no entry: the server lets none through.
const MAX_LEN: usize = 256;

/// Up to this many entries a walk is faster than a hash of the host.
const FEW: usize = 8;

fn walk<'a>(entries: &'a [Entry], host: &[u8]) -> Option<&'a Found> {
    let mut longest: Option<&Entry> = None;
    for entry in entries {
        if !entry.under {
            if entry.name.eq_ignore_ascii_case(host) {
                return Some(&entry.found);
            }
        } else if longest.is_none_or(|longest| entry.name.len() > longest.name.len())
            && front(host, &entry.name).is_some_and(HostName::is_valid)
        {
            longest = Some(entry);
        }
    }
    longest.map(|entry| &entry.found)
}

/// What stands in front of `.suffix` in `host`.
fn front<'a>(host: &'a [u8], suffix: &[u8]) -> Option<&'a [u8]> {
    let (front, rest) = host.split_at_checked(host.len().checked_sub(suffix.len())?)?;
    if rest.eq_ignore_ascii_case(suffix) { front.strip_suffix(b".") } else { None }
}

/// Maps by hash. A host is hashed once, from its end: at each dot the state is the hash of the suffix behind it.
///
/// The hash needs no seed: the keys are the operator's, a client only looks up, and equal hashes share a short list.
#[derive(Debug)]
pub(crate) struct Many {
    names: Hashed,
    wildcards: Hashed,
    /// Labels of the longest wildcard: longer suffixes are not looked up, however many labels a client sends.
    wildcard_labels: usize,
}

type Hashed = HashMap<u64, Vec<Entry>, BuildHasherDefault<AsItIs>>;

impl Many {
    fn new(entries: Vec<Entry>) -> Self {
        let mut many =
            Self { names: HashMap::default(), wildcards: HashMap::default(), wildcard_labels: 0 };
        for entry in entries {
            let hash = entry.name.iter().rev().copied().fold(START, step);
            if entry.under {
                let labels = entry.name.split(|byte| *byte == b'.').count();
                many.wildcard_labels = many.wildcard_labels.max(labels);
                many.wildcards.entry(hash).or_default().push(entry);
            } else {
                many.names.entry(hash).or_default().push(entry);
            }
        }
        many
    }

    fn find(&self, host: &[u8]) -> Option<&Found> {
        let mut buffer = [0; MAX_LEN];
        let lowered = buffer.get_mut(..host.len())?;
        lowered.copy_from_slice(host);
        lowered.make_ascii_lowercase();
        let lowered = &*lowered;

        let (mut hash, mut labels, mut longest) = (START, 0, None);
        for (at, byte) in lowered.iter().enumerate().rev() {
            if *byte == b'.' {
                labels += 1;
                if labels <= self.wildcard_labels
                    && let Some(entry) = get(&self.wildcards, hash, lowered.get(at + 1..)?)
                {
                    longest = Some((at, entry));
                }
            }
            hash = step(hash, *byte);
        }
        get(&self.names, hash, lowered).or_else(|| {
            let (at, entry) = longest?;
            HostName::is_valid(lowered.get(..at)?).then_some(entry)
        })
    }
}

fn get<'a>(map: &'a Hashed, hash: u64, name: &[u8]) -> Option<&'a Found> {
    map.get(&hash)?.iter().find(|entry| *entry.name == *name).map(|entry| &entry.found)
}

/// FNV-1a.
const START: u64 = 0xcbf2_9ce4_8422_2325;

fn step(hash: u64, byte: u8) -> u64 {
    (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
}

/// The key is a hash already.
#[derive(Debug, Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().copied().fold(self.0, step);
    }

    fn write_u64(&mut self, hash: u64) {
        // The map takes its bucket from the low bits and its tag from the high ones, where FNV mixes well and not so well.
        self.0 = hash ^ hash << 32;
    }
}
