use http::{HeaderMap, HeaderName};

/// Names to delete.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    names: Vec<HeaderName>,
    /// A bit for each length of a name; all from 63 bytes on share one.
    lengths: u64,
}

/// Up to so many names are looked up one by one; with more, a pass over the fields of the message costs less.
const FEW: usize = 2;
/// Bits of the set of names that a pass found.
const MOST: usize = 64;

impl Names {
    pub(crate) fn new(names: Vec<HeaderName>) -> Self {
        let lengths = names.iter().fold(0, |lengths, name| lengths | length(name));
        Self { names, lengths }
    }

    /// Removes all lines of each name.
    pub(crate) fn delete_from(&self, headers: &mut HeaderMap) {
        if self.names.len() <= FEW || self.names.len() > MOST {
            for name in &self.names {
                headers.remove(name);
            }
            return;
        }
        let mut found = 0_u64;
        for key in headers.keys() {
            if self.lengths & length(key) != 0
                && let Some(index) = self.names.iter().position(|name| name == key)
            {
                found |= 1 << index;
            }
        }
        for (index, name) in self.names.iter().enumerate() {
            if found == 0 {
                return;
            }
            if found & 1 << index != 0 {
                found &= !(1 << index);
                headers.remove(name);
            }
        }
    }
}

fn length(name: &HeaderName) -> u64 {
    1 << name.as_str().len().min(63)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn any_number_of_names_goes_with_all_lines_and_nothing_else() {
        let of = |n: usize| HeaderName::try_from(format!("x-{}", "y".repeat(n))).unwrap();
        for count in [0, 1, FEW, FEW + 1, 9, MOST, MOST + 1, 200] {
            let names = Names::new((0..count).map(of).collect());
            let mut headers = HeaderMap::new();
            for n in (0..220).step_by(3) {
                headers.append(of(n), HeaderValue::from_static("1"));
                headers.append(of(n), HeaderValue::from_static("2"));
            }
            names.delete_from(&mut headers);
            let left: Vec<_> = (0..220).filter(|n| headers.contains_key(of(*n))).collect();
            let expected: Vec<_> = (0..220).step_by(3).filter(|n| *n >= count).collect();
            assert_eq!(left, expected, "{count} names");
            assert_eq!(headers.len(), expected.len() * 2, "{count} names");
        }
    }
}
