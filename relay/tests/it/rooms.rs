//! The pure core of a room under random interleavings: people join, speak, drop, return; appends
//! become durable late, or find no space at first; the relay is killed with an append on its way. No socket, no clock, but the
//! real spool.

mod calls;
mod claims;
mod joins;
mod model;
mod stays;

use proptest::prelude::*;
use proptest::sample::Index;

use model::Model;

/// One thing that happens.
#[derive(Debug, Clone)]
enum Op {
    /// Another agent takes it, and may come in.
    Agent,
    Say(Index),
    /// The same number once more, as after a lost acknowledgement.
    SayAgain(Index),
    Drop(Index),
    /// Joins, or returns.
    Come(Index),
    /// The append that is on its way becomes durable.
    Durable,
    /// It finds no space on the disk.
    Full,
    /// The relay is killed; what was on its way is on the disk, or is not.
    Kill {
        written: bool,
    },
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        2 => Just(Op::Agent),
        8 => any::<Index>().prop_map(Op::Say),
        2 => any::<Index>().prop_map(Op::SayAgain),
        2 => any::<Index>().prop_map(Op::Drop),
        4 => any::<Index>().prop_map(Op::Come),
        6 => Just(Op::Durable),
        1 => Just(Op::Full),
        1 => any::<bool>().prop_map(|written| Op::Kill { written }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_acknowledged_is_missing_or_doubled_and_nothing_is_shown_before_it_is_durable(
        ops in prop::collection::vec(op(), 1..80)
    ) {
        let mut model = Model::new();
        for op in ops {
            match op {
                Op::Agent => model.agent(),
                Op::Say(who) => model.say(who),
                Op::SayAgain(who) => model.say_again(who),
                Op::Drop(who) => model.drop_socket(who),
                Op::Come(who) => model.come(who),
                Op::Durable => model.durable(),
                Op::Full => model.full(),
                Op::Kill { written } => model.kill(written),
            }
        }
        model.check_to_the_end();
    }
}
