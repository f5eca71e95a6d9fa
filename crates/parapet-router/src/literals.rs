use std::collections::HashMap;

/// The children of a node by their segments.
#[derive(Debug)]
pub(crate) enum Literals<T> {
    /// Compared one after the other: most are told apart by their lengths.
    Few(Vec<(Box<[u8]>, T)>),
    Many(HashMap<Box<[u8]>, T>),
}

/// Up to this many a walk is faster than a hash of the segment.
const FEW: usize = 8;

impl<T> Literals<T> {
    pub(crate) fn get(&self, segment: &[u8]) -> Option<&T> {
        match self {
            Self::Few(few) => {
                few.iter().find(|(text, _)| **text == *segment).map(|(_, child)| child)
            }
            Self::Many(many) => many.get(segment),
        }
    }

    /// The child at `segment`; makes it.
    pub(crate) fn at(&mut self, segment: &[u8]) -> &mut T
    where
        T: Default,
    {
        if let Self::Few(few) = self
            && few.len() == FEW
        {
            *self = Self::Many(few.drain(..).collect());
        }
        match self {
            Self::Many(many) => many.entry(segment.into()).or_default(),
            Self::Few(few) => {
                let at = few.iter().position(|(text, _)| **text == *segment).unwrap_or(few.len());
                if at == few.len() {
                    few.push((segment.into(), T::default()));
                }
                #[expect(clippy::indexing_slicing, reason = "found or added just before")]
                let (_, child) = &mut few[at];
                child
            }
        }
    }
}

impl<T> Default for Literals<T> {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_and_many_find_what_was_put_in() {
        let mut literals = Literals::<usize>::default();
        for number in 1..=3 * FEW {
            *literals.at(number.to_string().as_bytes()) = number;
            *literals.at(b"1") = 1;
            for known in 0..=3 * FEW {
                let found = literals.get(known.to_string().as_bytes()).copied();
                assert_eq!(found, (1..=number).contains(&known).then_some(known));
            }
        }
        assert!(matches!(literals, Literals::Many(_)));
    }
}
