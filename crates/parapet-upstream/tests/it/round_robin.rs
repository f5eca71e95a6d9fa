use std::collections::BTreeMap;

use parapet_core::RequestHead;
use parapet_upstream::{Attempt, Balancer, Error, Gate, RoundRobin, ShedReason, Target, TargetSet};

use crate::support::{Backend, get};

fn targets(names: &[&str]) -> Vec<Target> {
    let backend = Backend::ok();
    names.iter().map(|name| backend.target(name)).collect()
}

fn head() -> RequestHead {
    get("/").into_parts().0
}

fn pick(balancer: &RoundRobin, at: &Attempt) -> String {
    balancer.pick(&head(), at).unwrap().target().host().to_owned()
}

fn picks(balancer: &RoundRobin, count: usize) -> Vec<String> {
    (0..count).map(|_| pick(balancer, &Attempt::new())).collect()
}

fn counts(balancer: &RoundRobin, count: usize) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for host in picks(balancer, count) {
        *counts.entry(host).or_default() += 1;
    }
    counts
}

#[test]
fn empty_set_sheds() {
    let shed = RoundRobin::new([]).pick(&head(), &Attempt::new());
    assert!(matches!(shed, Err(Error::Unavailable { reason: ShedReason::Empty })), "{shed:?}");
}

#[test]
fn targets_take_turns_and_weights_do_not_matter() {
    let mut set = targets(&["a", "b"]);
    set.push(Backend::ok().target("c").weight(5));
    let balancer = RoundRobin::new(set);
    assert_eq!(picks(&balancer, 3), ["a", "b", "c"]);
    assert_eq!(picks(&balancer.clone(), 4), ["a", "b", "c", "a"], "clones share the turn");
}

#[test]
fn target_that_is_down_is_skipped() {
    let balancer = RoundRobin::new(targets(&["a", "b", "c"]));
    let gate = Gate::new();
    assert!(balancer.gate(&gate));
    let set = balancer.target_set().unwrap().load();
    assert!(gate.set(&set[1], false));
    assert!(!gate.set(&set[1], false), "it was down");
    let counted = counts(&balancer, 30);
    assert_eq!(counted.keys().collect::<Vec<_>>(), ["a", "c"]);
    assert_eq!(counted.values().sum::<usize>(), 30);

    for target in set.iter() {
        gate.set(target, false);
    }
    assert_eq!(counts(&balancer, 30).values().collect::<Vec<_>>(), [&10, &10, &10], "fails open");
    assert!(gate.set(&set[1], true));
    assert_eq!(counts(&balancer, 30), BTreeMap::from([("b".to_owned(), 30)]));
}

#[test]
fn target_that_the_gate_does_not_know_is_up() {
    let [gate, other] = [Gate::new(), Gate::new()];
    let target = Backend::ok().target("a");
    assert!(gate.is_up(&target));
    gate.set(&target, false);
    assert!(!gate.is_up(&target) && other.is_up(&target));
    assert!(!gate.clone().is_up(&target), "clones share the bits");
}

#[test]
fn next_priority_is_for_when_the_first_is_down() {
    let mut set = targets(&["a", "b"]);
    set.push(Backend::ok().target("backup").priority(1));
    let balancer = RoundRobin::new(set);
    let gate = Gate::new();
    balancer.gate(&gate);
    assert_eq!(counts(&balancer, 30).into_keys().collect::<Vec<_>>(), ["a", "b"]);
    let set = balancer.target_set().unwrap().load();
    gate.set(&set[0], false);
    assert_eq!(counts(&balancer, 30).into_keys().collect::<Vec<_>>(), ["b"]);
    gate.set(&set[1], false);
    assert_eq!(counts(&balancer, 30).into_keys().collect::<Vec<_>>(), ["backup"]);
}

#[test]
fn swapped_target_keeps_its_identity_by_address_and_transport() {
    let transport = parapet_upstream::Transport::from(&Backend::ok());
    let target = |host: &str| Target::new(host, transport.clone()).unwrap();
    let set = TargetSet::new([target("a"), target("b")]);
    let (copy, before) = (set.clone(), set.load());
    set.swap([target("c"), target("b").weight(7), Backend::ok().target("a")]);
    let after = copy.load();
    assert_eq!(after[1].id(), before[1].id());
    assert_eq!(after[1].weight_value(), 7, "with its new settings");
    let old = [before[0].id(), before[1].id()];
    assert!(!old.contains(&after[0].id()), "another address");
    assert!(!old.contains(&after[2].id()), "another transport");
    set.swap([]);
    assert!(copy.load().is_empty());
}

#[test]
fn concurrent_picks_are_even() {
    let balancer = RoundRobin::new(targets(&["a", "b", "c"]));
    let hosts: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| picks(&balancer, 300))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    for host in ["a", "b", "c"] {
        assert_eq!(hosts.iter().filter(|picked| *picked == host).count(), 400);
    }
}
