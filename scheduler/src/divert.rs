//! Rows that leave the lane on which they wait: those of no lane yet, and those on a closed one while their clinic has another.

use crate::settings::Settings;
use ledger::due::Group;
use ledger::lanes::{Lane, LaneState};
use providers::lane::{Provider, channel_of};
use schemas::{Channel, ClinicId};
use std::collections::{BTreeMap, HashMap};

/// What waits on closed lanes, by the lane on which it goes instead: the first open one of its clinic's order, else one that is
/// being tried, which would stay so if nobody came to it. What a person holds stays where it is.
pub fn diverted(
    waiting: &BTreeMap<String, Vec<Group>>,
    lanes: &HashMap<String, Lane>,
    settings: &Settings,
) -> BTreeMap<String, Vec<Group>> {
    let state = |lane: &str| lanes.get(lane).map_or(LaneState::Open, |lane| lane.state);
    let mut diverted: BTreeMap<String, Vec<Group>> = BTreeMap::new();
    for (lane, groups) in waiting {
        let paused = lanes.get(lane).is_some_and(Lane::is_paused);
        if state(lane) != LaneState::Closed || paused || !is_of_messages(lane) {
            continue;
        }
        for group in groups {
            let order = ClinicId::parse(&group.clinic).ok().and_then(|id| settings.lanes.get(&id));
            let order = || order.into_iter().flatten().filter(|to| may_leave(lane, to));
            let is = |wanted| order().find(|lane| state(lane) == wanted);
            if let Some(other) = is(LaneState::Open).or_else(|| is(LaneState::Trying)) {
                diverted.entry(other.clone()).or_default().push(group.clone());
            }
        }
    }
    diverted
}

/// Where rows wait that nobody has decided about yet: planned ones, and what came in by HTTP or back from the broker.
pub const NO_LANE: &str = "none";

/// Rows without a lane go on the first one of their clinic that takes any, and count in its window: how much a provider takes is
/// known there, and without it most of them would come back for want of a place. Where every lane is closed, or the first one is
/// held by a person, they go to a worker as they are, which puts them on their lane and records why they wait.
pub fn given_a_lane(
    mut waiting: BTreeMap<String, Vec<Group>>,
    lanes: &HashMap<String, Lane>,
    settings: &Settings,
) -> BTreeMap<String, Vec<Group>> {
    for group in waiting.remove(NO_LANE).unwrap_or_default() {
        let lane = way_of(&group.clinic, lanes, settings).unwrap_or_else(|| NO_LANE.to_owned());
        waiting.entry(lane).or_default().push(group);
    }
    waiting
}

/// The first open lane in a clinic's order, else the first that is being tried. None of those behind one that a person holds.
fn way_of(clinic: &str, lanes: &HashMap<String, Lane>, settings: &Settings) -> Option<String> {
    let order = ClinicId::parse(clinic).ok().and_then(|id| settings.lanes.get(&id))?;
    let before_held =
        || order.iter().take_while(|name| !lanes.get(*name).is_some_and(Lane::is_paused));
    let is = |wanted| {
        let state = |name: &String| lanes.get(name).map_or(LaneState::Open, |lane| lane.state);
        before_held().find(|name| state(name) == wanted)
    };
    is(LaneState::Open).or_else(|| is(LaneState::Trying)).cloned()
}

/// What waits for its consent source waits for that one, whoever sends.
fn is_of_messages(lane: &str) -> bool {
    Provider::of_lane(lane).is_some()
}

/// A text may step in for WhatsApp. The other way round most people have no opt-in: their rows would only go to a worker and back.
fn may_leave(from: &str, to: &str) -> bool {
    let is_of_whatsapp = |lane| channel_of(lane) == Some(Channel::Whatsapp);
    is_of_whatsapp(from) || !is_of_whatsapp(to)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger::lanes::PAUSED;
    use ledger::state::State;
    use std::time::Duration;

    const NETGSM: &str = "netgsm/default/KLINIK";
    const TWILIO: &str = "twilio/default/+13185550100";

    fn settings(clinics: &[(&str, &[&str])]) -> Settings {
        let lanes = clinics.iter().map(|(clinic, lanes)| {
            let lanes = lanes.iter().map(|lane| (*lane).to_owned()).collect();
            (ClinicId::parse(clinic).unwrap(), lanes)
        });
        Settings {
            clinics: BTreeMap::new(),
            netgsm: BTreeMap::new(),
            twilio: BTreeMap::new(),
            twilio_whatsapp: BTreeMap::new(),
            whatsapp: BTreeMap::new(),
            lanes: lanes.collect(),
            reconcile: crate::reconcile::ReconcileSettings::default(),
            tick: Duration::from_millis(200),
            metrics: metrics::Metrics::new([]),
            drain: Duration::from_secs(1),
        }
    }

    fn lanes(states: &[(&str, LaneState)]) -> HashMap<String, Lane> {
        let lane = |(name, state): &(&str, LaneState)| Lane {
            lane: (*name).to_owned(),
            state: *state,
            why: String::new(),
            since: 0,
            probe_at: 0,
            probes: 0,
            width: None,
        };
        states.iter().map(|state| (state.0.to_owned(), lane(state))).collect()
    }

    fn group(lane: &str, clinic: &str) -> Group {
        let (lane, clinic) = (lane.to_owned(), clinic.to_owned());
        Group { lane, state: State::Waiting, clinic, due_at: 0 }
    }

    fn waiting(groups: &[Group]) -> BTreeMap<String, Vec<Group>> {
        let mut by_lane: BTreeMap<String, Vec<Group>> = BTreeMap::new();
        for group in groups {
            by_lane.entry(group.lane.clone()).or_default().push(group.clone());
        }
        by_lane
    }

    #[test]
    fn only_clinics_with_another_lane_leave_a_closed_one() {
        use LaneState::{Closed, Open, Trying};
        let settings = settings(&[("both", &[NETGSM, TWILIO]), ("one", &[NETGSM])]);
        let rows = [group(NETGSM, "both"), group(NETGSM, "one"), group(NETGSM, "gone")];
        let onto_twilio = || BTreeMap::from([(TWILIO.to_owned(), vec![group(NETGSM, "both")])]);
        // state of Netgsm's lane, of Twilio's; what goes elsewhere
        let table = [
            (Closed, Open, onto_twilio()),
            (Closed, Trying, onto_twilio()),
            (Closed, Closed, BTreeMap::new()),
            (Trying, Open, BTreeMap::new()),
            (Open, Open, BTreeMap::new()),
        ];
        for (netgsm, twilio, expected) in table {
            let lanes = lanes(&[(NETGSM, netgsm), (TWILIO, twilio)]);
            assert_eq!(diverted(&waiting(&rows), &lanes, &settings), expected, "{netgsm} {twilio}");
        }
        // a lane that never was in trouble is open
        let lanes = lanes(&[(NETGSM, Closed)]);
        assert_eq!(diverted(&waiting(&rows), &lanes, &settings), onto_twilio());
    }

    #[test]
    fn a_text_steps_in_for_a_closed_lane_of_whatsapp_and_whatsapp_for_no_text() {
        let (meta, twilio) = ("whatsapp/default/1065", "twilio/default/whatsapp:+14155552345");
        let settings = settings(&[("all", &[meta, twilio, NETGSM])]);
        let closed = |shut: &[&str]| {
            lanes(&shut.iter().map(|lane| (*lane, LaneState::Closed)).collect::<Vec<_>>())
        };
        let goes = |from: &str, shut: &[&str]| {
            let found = diverted(&waiting(&[group(from, "all")]), &closed(shut), &settings);
            found.into_keys().next()
        };
        assert_eq!(goes(meta, &[meta]).as_deref(), Some(twilio));
        assert_eq!(goes(meta, &[meta, twilio]).as_deref(), Some(NETGSM));
        assert_eq!(goes(twilio, &[meta, twilio]).as_deref(), Some(NETGSM));
        assert_eq!(goes(NETGSM, &[NETGSM]), None);
    }

    #[test]
    fn an_open_lane_comes_before_one_that_is_being_tried() {
        let third = "twilio/other/+13185550199";
        let settings = settings(&[("three", &[NETGSM, TWILIO, third])]);
        let lanes = lanes(&[(NETGSM, LaneState::Closed), (TWILIO, LaneState::Trying)]);
        let found = diverted(&waiting(&[group(NETGSM, "three")]), &lanes, &settings);
        assert_eq!(found.keys().collect::<Vec<_>>(), [third]);
    }

    #[test]
    fn the_way_leads_back_too_and_from_a_sender_that_is_not_used_any_more() {
        let settings = settings(&[("both", &[NETGSM, TWILIO])]);
        let old = "netgsm/default/ESKI";
        let rows = [group(TWILIO, "both"), group(old, "both")];
        let lanes = lanes(&[(TWILIO, LaneState::Closed), (old, LaneState::Closed)]);
        let found = diverted(&waiting(&rows), &lanes, &settings);
        assert_eq!(found.keys().collect::<Vec<_>>(), [NETGSM]);
        assert_eq!(found[NETGSM].len(), 2);
    }

    #[test]
    fn what_a_person_holds_does_not_go_another_way() {
        let settings = settings(&[("both", &[NETGSM, TWILIO])]);
        let mut lanes = lanes(&[(NETGSM, LaneState::Closed)]);
        let rows = waiting(&[group(NETGSM, "both")]);
        assert_eq!(diverted(&rows, &lanes, &settings).len(), 1);
        lanes.get_mut(NETGSM).unwrap().why = format!("{PAUSED}wrong prices");
        assert!(diverted(&rows, &lanes, &settings).is_empty());
    }

    #[test]
    fn what_has_no_lane_yet_counts_on_the_lane_that_it_will_take() {
        use LaneState::{Closed, Open, Trying};
        let settings = settings(&[("both", &[NETGSM, TWILIO]), ("empty", &[])]);
        let rows = || waiting(&[group(NO_LANE, "both"), group(NETGSM, "both")]);
        // state of Netgsm's lane, of Twilio's; the lane that is given
        let table = [
            (Open, Open, NETGSM),
            (Closed, Open, TWILIO),
            (Trying, Open, TWILIO),
            (Trying, Closed, NETGSM),
            (Closed, Trying, TWILIO),
            (Closed, Closed, NO_LANE),
        ];
        for (netgsm, twilio, expected) in table {
            let lanes = lanes(&[(NETGSM, netgsm), (TWILIO, twilio)]);
            let given = given_a_lane(rows(), &lanes, &settings);
            assert!(given[expected].contains(&group(NO_LANE, "both")), "{netgsm} {twilio}");
            assert_eq!(given.values().map(Vec::len).sum::<usize>(), 2, "{netgsm} {twilio}");
            assert!(given[NETGSM].contains(&group(NETGSM, "both")), "it has its lane");
        }
        // whose clinic has no lane, or is not configured, goes to a worker, which says so
        for clinic in ["empty", "gone", "not a clinic's id"] {
            let rows = waiting(&[group(NO_LANE, clinic)]);
            assert_eq!(given_a_lane(rows.clone(), &HashMap::new(), &settings), rows, "{clinic}");
        }
    }

    #[test]
    fn what_has_no_lane_yet_does_not_go_around_a_person() {
        let settings = settings(&[("both", &[NETGSM, TWILIO])]);
        let mut lanes = lanes(&[(NETGSM, LaneState::Closed)]);
        lanes.get_mut(NETGSM).unwrap().why = format!("{PAUSED}wrong prices");
        let rows = waiting(&[group(NO_LANE, "both")]);
        assert_eq!(given_a_lane(rows.clone(), &lanes, &settings), rows);
    }

    #[test]
    fn what_waits_for_its_consent_source_is_not_sent_around_it() {
        let settings = settings(&[("both", &[NETGSM, TWILIO])]);
        for lane in ["iys/default", "netgsm-iys/default", "none"] {
            let lanes = lanes(&[(lane, LaneState::Closed)]);
            let rows = waiting(&[group(lane, "both")]);
            assert!(diverted(&rows, &lanes, &settings).is_empty(), "{lane}");
        }
    }
}
