use std::borrow::Borrow;
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

/// A bounded map that lets go of what was not asked for the longest.
#[derive(Debug)]
pub(crate) struct Lru<K, V> {
    capacity: usize,
    tick: u64,
    entries: HashMap<K, (V, u64)>,
    /// By last use. Holds exactly the keys of `entries`.
    order: BTreeMap<u64, K>,
}

impl<K: Clone + Eq + Hash, V> Lru<K, V> {
    /// Holds `capacity` entries at most; 0 holds none.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, tick: 0, entries: HashMap::new(), order: BTreeMap::new() }
    }

    pub(crate) fn get<Q>(&mut self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let (value, used) = self.entries.get_mut(key)?;
        self.tick += 1;
        if let Some(key) = self.order.remove(used) {
            self.order.insert(self.tick, key);
        }
        *used = self.tick;
        Some(value)
    }

    pub(crate) fn insert(&mut self, key: K, value: V) {
        if self.capacity == 0 {
            return;
        }
        self.remove(&key);
        if self.entries.len() >= self.capacity
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.entries.remove(&oldest);
        }
        self.tick += 1;
        self.order.insert(self.tick, key.clone());
        self.entries.insert(key, (value, self.tick));
    }

    pub(crate) fn remove<Q>(&mut self, key: &Q)
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        if let Some((_, used)) = self.entries.remove(key) {
            self.order.remove(&used);
        }
    }

    #[cfg(feature = "htpasswd")]
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.order.clear();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn behaves_like_a_list_with_the_last_used_in_front(
            capacity in 0usize..5,
            steps in proptest::collection::vec((any::<bool>(), 0u8..8), 0..60),
        ) {
            let mut lru = Lru::new(capacity);
            let mut model: Vec<u8> = Vec::new();
            for (insert, key) in steps {
                let at = model.iter().position(|held| *held == key);
                if insert {
                    lru.insert(key, key);
                    if let Some(at) = at { model.remove(at); }
                    model.insert(0, key);
                    model.truncate(capacity);
                } else {
                    prop_assert_eq!(lru.get(&key).copied(), at.map(|_| key));
                    if let Some(at) = at { model.remove(at); model.insert(0, key); }
                }
                prop_assert_eq!(lru.entries.len(), lru.order.len());
            }
        }
    }
}
