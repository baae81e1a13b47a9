//! Whether everybody got what they had to get: no more, no less, when and with the words that they had to.

use std::collections::BTreeMap;

use super::book::Month;
use super::calendar::{MINUTE, Ms};
use super::clocks::Received;
use super::drive::Passed;
use super::facts::{Visit, What};
use super::model::{Expected, is_quiet};

/// How much later than planned a message may come that nothing has held up.
pub const PROMPT: Ms = 30_000;
/// And one whose copy was lost with a scheduler: it is released again after a minute.
pub const IN_SPITE_OF_KILLS: Ms = 3 * MINUTE;
/// Failures that are shown.
const SHOWN: usize = 8;

impl Passed {
    /// Fails with the stories of those who got something else, and with the seed that replays it.
    pub fn check(&self, month: &Month, seed: u64, late: Ms) {
        let wrong = self.wrong(month, late);
        let shown = wrong.iter().take(SHOWN).cloned().collect::<Vec<_>>().join("\n");
        assert!(wrong.is_empty(), "seed {seed}: {} stories went wrong:\n{shown}", wrong.len());
    }

    /// The stories of those who got something else than they had to.
    fn wrong(&self, month: &Month, late: Ms) -> Vec<String> {
        let mut expected: BTreeMap<String, Vec<&Expected>> = BTreeMap::new();
        let mut received: BTreeMap<String, Vec<&Received>> = BTreeMap::new();
        for one in &self.expected {
            expected.entry(month.visits[one.visit].national()).or_default().push(one);
        }
        for one in &self.received {
            received.entry(one.to.clone()).or_default().push(one);
        }
        let mut wrong = vec![];
        for visit in &month.visits {
            let number = visit.national();
            let got = received.remove(&number).unwrap_or_default();
            let had = expected.remove(&number).unwrap_or_default();
            let right = got.len() == had.len()
                && got.iter().zip(&had).all(|(got, had)| fits(visit, got, had, late));
            let at_night = got.iter().any(|one| is_quiet(visit.clinic, one.world_at));
            if !right || at_night {
                wrong.push(story(month, visit, &got, &had));
            }
        }
        wrong.extend(received.values().map(|got| format!("messages to strangers: {got:?}")));
        wrong
    }
}

fn fits(visit: &Visit, got: &Received, had: &Expected, late: Ms) -> bool {
    (had.at..=had.reached + late).contains(&got.ledger_at)
        && got.text.contains(&visit.clinic.in_words(had.starts_at))
        && got.text.contains(had.with)
}

/// What was said of an appointment when, what it got and what it had to get.
fn story(month: &Month, visit: &Visit, got: &[&Received], had: &[&Expected]) -> String {
    use super::book::Happening;
    use std::fmt::Write as _;
    let at = |at| visit.clinic.written(at);
    let mut story = format!("{visit:?}\n");
    for (when, happening) in &month.happenings {
        let _ = match happening {
            Happening::Fact(said) if month.said[*said].visit == visit.n => {
                let said = &month.said[*said];
                let what = match said.what {
                    What::Stands { starts_at, with } => {
                        format!("begins {} with {with}", at(starts_at))
                    }
                    What::Cancelled => "cancelled".to_owned(),
                };
                writeln!(story, "  {}  version {}: {what}", at(*when), said.version)
            }
            Happening::Direct(n) if *n == visit.n => {
                writeln!(story, "  {}  direct, if it makes sense", at(*when))
            }
            _ => Ok(()),
        };
    }
    for one in had {
        let _ =
            writeln!(story, "  had to get at {}: {} {}", at(one.at), at(one.starts_at), one.with);
    }
    for one in got {
        let _ = writeln!(story, "  got {}", one.shown(visit.clinic));
    }
    story
}

#[test]
fn a_message_too_few_too_many_at_another_time_or_with_other_words_is_seen() {
    use super::book::{Happening, Size};
    use super::calendar::{DAY, HOUR, last};
    use super::model::Model;
    let month = Month::of(1, Size::SMALL);
    let mut model = Model::new(&month);
    for (at, happening) in &month.happenings {
        model.pass(*at);
        if let Happening::Fact(said) = happening {
            model.hear(&month.said[*said], *at);
        }
    }
    model.pass(last());
    let got = |had: &Expected| {
        let visit = &month.visits[had.visit];
        let text = format!("{} {}", visit.clinic.in_words(had.starts_at), had.with);
        Received { ledger_at: had.at, world_at: had.at, to: visit.national(), text }
    };
    let received: Vec<Received> = model.expected.iter().map(got).collect();
    let run = |change: &dyn Fn(&mut Vec<Received>)| {
        let mut received = received.clone();
        change(&mut received);
        let expected = model.expected.clone();
        let passed = Passed { expected, received, jumps: 0, directs: 0, creeps: 0 };
        passed.wrong(&month, PROMPT).len()
    };
    assert_eq!(run(&|_| ()), 0);
    assert_eq!(run(&|all| drop(all.remove(7))), 1, "too few");
    assert_eq!(run(&|all| all.insert(7, all[7].clone())), 1, "twice");
    assert_eq!(run(&|all| all[7].ledger_at -= 1), 1, "too early");
    assert_eq!(run(&|all| all[7].ledger_at += 60 * DAY), 1, "too late");
    assert_eq!(run(&|all| all[7].world_at -= 12 * HOUR), 1, "at night");
    assert_eq!(run(&|all| all[7].text = all[7].text.replace("2031", "2032")), 1, "another visit");
    assert_eq!(run(&|all| all[7].to = "5320000000".to_owned()), 2, "a stranger");
}
