use super::*;
use crate::settings::Provider;
use ledger::state::Reach;
use proptest::prelude::*;

const SMS: &str = "netgsm/default/KLINIK";
const WHATSAPP: &str = "whatsapp/default/106540352242922";

fn way(channel: Channel, shut: bool) -> Way<'static> {
    let (provider, name) = match channel {
        Channel::Sms => (Provider::Netgsm, SMS),
        Channel::Whatsapp => (Provider::Whatsapp, WHATSAPP),
    };
    let lane = SendLane {
        channel,
        provider,
        name: name.to_owned(),
        account: "default".to_owned(),
        sender: "x".to_owned(),
        echoes_reference: false,
        max_per_s: None,
    };
    let choice = Choice { lane, blocked: shut, shut, instead: None };
    let number = format!("hash of {name}");
    Way { channel, choice, template: None, number_slot: None, number, worn: false }
}

fn key(channel: Channel) -> String {
    way(channel, false).reach_key()
}

/// Lane taken, lane that follows, why not the first.
fn taken(
    ways: Vec<Way<'_>>,
    opted_in: bool,
    unreachable: &[String],
) -> (String, Option<String>, Option<String>) {
    let taken = take(ways, Known { opted_in, unreachable }).unwrap();
    (taken.way.choice.lane.name, taken.next.map(|lane| lane.name), taken.instead)
}

#[test]
fn whatsapp_goes_first_where_it_may_and_sms_follows_it() {
    use Channel::{Sms, Whatsapp};
    let both = || vec![way(Whatsapp, false), way(Sms, false)];
    let own = |text: &str| Some(text.to_owned());
    assert_eq!(taken(both(), true, &[]), (WHATSAPP.to_owned(), own(SMS), None));
    let without = own("no-opt-in: whatsapp");
    assert_eq!(taken(both(), false, &[]), (SMS.to_owned(), None, without));
    let away = own(&format!("unreachable: {WHATSAPP}"));
    assert_eq!(taken(both(), true, &[key(Whatsapp)]), (SMS.to_owned(), None, away));
    // the other one is not reached either: better here than nowhere
    let none = [key(Whatsapp), key(Sms)];
    assert_eq!(taken(both(), true, &none).0, WHATSAPP);
    let closed = vec![way(Whatsapp, true), way(Sms, false)];
    let shut = own(&format!("lane-closed: {WHATSAPP}"));
    assert_eq!(taken(closed, true, &[]), (SMS.to_owned(), own(WHATSAPP), shut));
    // both are closed: it waits on the first
    let closed = vec![way(Whatsapp, true), way(Sms, true)];
    assert_eq!(taken(closed, true, &[]), (WHATSAPP.to_owned(), own(SMS), None));
}

#[test]
fn a_text_steps_in_for_a_whatsapp_that_is_put_off_again_and_again() {
    use Channel::{Sms, Whatsapp};
    let tried = |lane: &str, channel: Channel, state| Tried {
        lane: lane.to_owned(),
        state,
        channel: channel.as_str().to_owned(),
        reach: Reach::Unheard,
    };
    let failed = tried(WHATSAPP, Whatsapp, AttemptState::Failed);
    assert!(!is_worn(Whatsapp, &vec![failed.clone(); 2]));
    assert!(is_worn(Whatsapp, &vec![failed.clone(); 3]));
    let others =
        [tried(SMS, Sms, AttemptState::Failed), tried(WHATSAPP, Whatsapp, AttemptState::Absent)];
    assert!(!is_worn(Whatsapp, &[&others[..], &vec![failed; 2]].concat()));
    assert!(!is_worn(Sms, &vec![tried(SMS, Sms, AttemptState::Failed); 9]));
    let worn = || Way { worn: true, ..way(Whatsapp, false) };
    let put_off = Some(format!("put-off: {WHATSAPP}"));
    let both = vec![worn(), way(Sms, false)];
    assert_eq!(taken(both, true, &[]), (SMS.to_owned(), Some(WHATSAPP.to_owned()), put_off));
    // nobody else could take it: it goes on waiting there
    assert_eq!(taken(vec![worn()], true, &[]).0, WHATSAPP);
    assert_eq!(taken(vec![worn(), way(Sms, true)], true, &[]).0, WHATSAPP);
}

#[test]
fn a_person_whose_only_channel_needs_an_opt_in_gets_the_decision_that_says_so() {
    let only = vec![way(Channel::Whatsapp, false)];
    assert_eq!(taken(only, false, &[]), (WHATSAPP.to_owned(), None, None));
    assert!(take(vec![], Known { opted_in: true, unreachable: &[] }).is_none());
}

#[test]
fn a_channel_with_an_attempt_that_may_have_arrived_or_was_refused_is_taken() {
    use AttemptState::{Absent, Accepted, Failed, Open, Refused, Unknown};
    let tried = |state| {
        [Tried {
            lane: WHATSAPP.to_owned(),
            state,
            channel: "whatsapp".to_owned(),
            reach: Reach::Unheard,
        }]
    };
    for (state, taken) in [
        (Open, true),
        (Unknown, true),
        (Accepted, true),
        (Refused, true),
        (Failed, false),
        (Absent, false),
    ] {
        assert_eq!(is_taken(Channel::Whatsapp, &tried(state)), taken, "{state}");
        assert!(!is_taken(Channel::Sms, &tried(state)), "{state}");
    }
}

proptest! {
    #[test]
    fn whatsapp_is_never_taken_without_an_opt_in_while_another_channel_is_there(
        order in prop::sample::subsequence(vec![Channel::Whatsapp, Channel::Sms], 1..=2).prop_shuffle(),
        shut in any::<[bool; 2]>(),
        opted_in: bool,
        away in any::<[bool; 2]>(),
    ) {
        let ways: Vec<Way<'_>> = order.iter().zip(shut).map(|(channel, shut)| way(*channel, shut)).collect();
        let away: Vec<String> = order.iter().zip(away).filter(|(_, away)| *away).map(|(channel, _)| key(*channel)).collect();
        let count = ways.len();
        let taken = take(ways, Known { opted_in, unreachable: &away }).unwrap();
        let has_sms = order.contains(&Channel::Sms);
        if !opted_in && has_sms {
            prop_assert_eq!(taken.way.channel, Channel::Sms);
        }
        // what follows is another channel, and one that may be used
        if let Some(next) = &taken.next {
            prop_assert!(count == 2 && next.channel != taken.way.channel);
            prop_assert!(opted_in || next.channel != Channel::Whatsapp);
        }
        if taken.way.channel == order[0] {
            prop_assert!(taken.instead.is_none());
        } else {
            prop_assert!(taken.instead.is_some());
        }
    }
}
