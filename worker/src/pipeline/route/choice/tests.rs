use super::*;
use crate::settings::{Clinic, ConsentSource, NetgsmAccount, Settings, TwilioAccount};
use proptest::prelude::*;
use providers::twilio::{Auth, From};
use schemas::{Channel, ClinicId};
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::time::Duration;
use templates::{ClinicFace, NameStyle};

const SMS: [Provider; 2] = [Provider::Netgsm, Provider::Twilio];
const NETGSM: &str = "netgsm/default/KLINIK";
const TWILIO: &str = "twilio/default/+13185550100";

fn clinic(transfer_abroad: Option<&str>) -> Clinic {
    Clinic {
        face: ClinicFace {
            id: ClinicId::parse("atasehir").unwrap(),
            name: "Ataşehir Kliniği".to_owned(),
            phone: None,
            address: None,
            zone: chrono_tz::Tz::Europe__Istanbul,
            name_style: NameStyle::First,
        },
        sender: None,
        netgsm: "default".to_owned(),
        twilio: "default".to_owned(),
        whatsapp: "default".to_owned(),
        iys: "default".to_owned(),
        channels: vec![],
        fallback_after: BTreeMap::new(),
        quiet_hours: None,
        min_gap: chrono::TimeDelta::zero(),
        consent: BTreeMap::new(),
        transfer_abroad: transfer_abroad.map(str::to_owned),
    }
}

fn settings(order: &[Provider], has_netgsm: bool, has_twilio: bool) -> Settings {
    let secret = || SecretString::from("secret");
    let netgsm = has_netgsm.then(|| NetgsmAccount {
        account: providers::netgsm::Account::new("default", "8501234567", secret()),
        sender: Some("KLINIK".to_owned()),
        echoes_reference: false,
        batch: 1,
        max_per_s: Some(50),
        consent: None,
    });
    let twilio = has_twilio.then(|| TwilioAccount {
        account: providers::twilio::Account::new(
            "default",
            "AC00000000000000000000000000000001",
            Auth::Token(secret()),
            From::Number("+13185550100".to_owned()),
        ),
        whatsapp: None,
        max_per_s: None,
        status_callback: None,
    });
    let named = |name: &str| name.to_owned();
    Settings {
        clinics: BTreeMap::new(),
        netgsm: netgsm.map(|account| (named("default"), account)).into_iter().collect(),
        twilio: twilio.map(|account| (named("default"), account)).into_iter().collect(),
        whatsapp: BTreeMap::new(),
        sms_order: order.to_vec(),
        whatsapp_order: vec![],
        templates: vec![],
        iys: BTreeMap::new(),
        consent_source: ConsentSource::Registry,
        in_flight: 1,
        prefetch: 1,
        quick_retries: 2,
        request_deadline: Duration::from_secs(10),
        first_look: Duration::from_secs(30),
        drain: Duration::from_secs(1),
    }
}

/// Both lanes of a clinic that may use both, Netgsm first.
fn both() -> Vec<SendLane> {
    settings(&SMS, true, true).lanes(Channel::Sms, &clinic(Some("explicit consent on the form")))
}

fn tried(all: &[(&str, AttemptState)]) -> Vec<Tried> {
    let of = |(lane, state): &(&str, AttemptState)| Tried {
        lane: (*lane).to_owned(),
        state: *state,
        channel: "sms".to_owned(),
        reach: ledger::state::Reach::Unheard,
    };
    all.iter().map(of).collect()
}

#[test]
fn the_lanes_of_a_clinic_are_in_the_order_of_the_configuration() {
    let names = |order: &[Provider]| -> Vec<String> {
        let lanes =
            settings(order, true, true).lanes(Channel::Sms, &clinic(Some("explicit consent")));
        lanes.into_iter().map(|lane| lane.name).collect()
    };
    assert_eq!(names(&SMS), [NETGSM, TWILIO]);
    assert_eq!(names(&[Provider::Twilio, Provider::Netgsm]), [TWILIO, NETGSM]);
    assert_eq!(names(&[Provider::Twilio]), [TWILIO]);
    assert!(names(&[]).is_empty());
}

/// Shut lanes, then those that are being tried.
fn gates<'a>(shut: &'a [&str], tried: &'a [&str]) -> impl Fn(&SendLane) -> Gate + 'a {
    move |lane| match lane.name.as_str() {
        name if shut.contains(&name) => Gate::Shut,
        name if tried.contains(&name) => Gate::Turn,
        _ => Gate::Open,
    }
}

/// Attempts, shut lanes, lanes that are being tried; chosen lane, whether it waits, why not the first.
type Row = (
    &'static [(&'static str, AttemptState)],
    &'static [&'static str],
    &'static [&'static str],
    (&'static str, bool, Option<&'static str>),
);

#[test]
fn a_message_takes_the_lane_that_is_not_shut_and_failed_least() {
    use AttemptState::{Absent, Failed, Refused};
    let failover = Some("failover: netgsm/default/KLINIK");
    let closed = Some("lane-closed: netgsm/default/KLINIK");
    let table: &[Row] = &[
        (&[], &[], &[], (NETGSM, false, None)),
        (&[(NETGSM, Failed)], &[], &[], (TWILIO, false, failover)),
        (&[(NETGSM, Failed), (TWILIO, Failed)], &[], &[], (NETGSM, false, None)),
        (
            &[(NETGSM, Failed), (NETGSM, Failed), (TWILIO, Failed)],
            &[],
            &[],
            (TWILIO, false, failover),
        ),
        // another sender of the same provider failed: it is the provider that counts
        (&[("netgsm/old/ESKI", Failed)], &[], &[], (TWILIO, false, failover)),
        (&[("iys/default", Failed)], &[], &[], (NETGSM, false, None)),
        (&[(NETGSM, Absent), (NETGSM, Refused)], &[], &[], (NETGSM, false, None)),
        (&[], &[NETGSM], &[], (TWILIO, false, closed)),
        (&[(TWILIO, Failed), (TWILIO, Failed)], &[NETGSM], &[], (TWILIO, false, closed)),
        (&[(NETGSM, Failed)], &[TWILIO], &[], (NETGSM, false, None)),
        (&[], &[NETGSM, TWILIO], &[], (NETGSM, true, None)),
        (&[(NETGSM, Failed)], &[NETGSM, TWILIO], &[], (TWILIO, true, failover)),
        // somebody has to try it
        (&[], &[], &[NETGSM], (NETGSM, true, None)),
        (&[], &[NETGSM], &[TWILIO], (TWILIO, true, closed)),
        (&[(NETGSM, Failed)], &[], &[NETGSM], (TWILIO, false, failover)),
    ];
    for (attempts, shut, trying, (lane, waits, instead)) in table {
        let choice = pick(both(), &tried(attempts), gates(shut, trying)).unwrap();
        let found = (choice.lane.name.as_str(), choice.blocked, choice.instead.as_deref());
        assert_eq!(found, (*lane, *waits, *instead), "{attempts:?} {shut:?} {trying:?}");
    }
    assert_eq!(pick(vec![], &[], |_| Gate::Open), None);
}

#[test]
fn another_provider_follows_at_once_only_if_it_failed_less_often() {
    let [netgsm, twilio] = &both()[..] else { panic!("two lanes") };
    let failed = |lanes: &[&str]| -> Vec<Tried> {
        tried(&lanes.iter().map(|lane| (*lane, AttemptState::Failed)).collect::<Vec<_>>())
    };
    let follows = |before: &[&str], on: &SendLane, tries: u32| {
        follower(both(), &failed(before), on, tries, |_| false).map(|lane| lane.name)
    };
    assert_eq!(follows(&[], netgsm, 3).as_deref(), Some(TWILIO));
    assert_eq!(follows(&[NETGSM; 3], twilio, 3), None, "both failed alike: it waits");
    assert_eq!(follows(&[NETGSM; 3], twilio, 4).as_deref(), Some(NETGSM));
    assert_eq!(
        follows(&[NETGSM, NETGSM, NETGSM, TWILIO, TWILIO, TWILIO], netgsm, 3).as_deref(),
        Some(TWILIO)
    );
    assert_eq!(follower(both(), &[], netgsm, 3, |lane| lane.name == TWILIO), None);
    assert_eq!(follower(vec![netgsm.clone()], &[], netgsm, 3, |_| false), None);
}

/// Attempts on lanes of all kinds.
fn attempts() -> impl Strategy<Value = Vec<Tried>> {
    let lane =
        prop_oneof![Just(NETGSM), Just(TWILIO), Just("netgsm/x/Y"), Just("iys/default"), Just("")];
    let one = (lane, prop::sample::select(AttemptState::ALL.to_vec()));
    prop::collection::vec(one.prop_map(|(lane, state)| tried(&[(lane, state)]).remove(0)), 0..12)
}

/// What each provider's lane does now.
fn now() -> impl Strategy<Value = [Gate; 2]> {
    let gate = || prop::sample::select(vec![Gate::Open, Gate::Turn, Gate::Shut]);
    [gate(), gate()]
}

fn of(gates: [Gate; 2]) -> impl Fn(&SendLane) -> Gate {
    move |lane| gates[usize::from(lane.provider == Provider::Twilio)]
}

proptest! {
    #[test]
    fn nothing_goes_abroad_without_the_clinics_legal_basis(
        order in prop::collection::vec(prop::sample::select(SMS.as_slice()), 0..4),
        (has_netgsm, has_twilio) in any::<(bool, bool)>(),
        basis in prop::option::of(Just("explicit consent on the form")),
        tried in attempts(),
        gates in now(),
        tries in 0..5_u32,
    ) {
        let lanes = settings(&order, has_netgsm, has_twilio).lanes(Channel::Sms, &clinic(basis));
        let chosen = pick(lanes.clone(), &tried, of(gates)).map(|choice| choice.lane);
        let blocked = |lane: &SendLane| of(gates)(lane) != Gate::Open;
        let next = chosen.as_ref().and_then(|on| follower(lanes.clone(), &tried, on, tries, blocked));
        for lane in chosen.iter().chain(&next) {
            prop_assert!(basis.is_some() || !lane.provider.is_abroad(), "{}", lane.name);
            prop_assert!(order.contains(&lane.provider));
        }
        prop_assert_eq!(chosen.is_some(), !lanes.is_empty());
        prop_assert!(next.is_none_or(|lane| !blocked(&lane)));
    }

    #[test]
    fn a_shut_lane_is_chosen_only_if_all_are(tried in attempts(), gates in now()) {
        let choice = pick(both(), &tried, of(gates)).unwrap();
        let shut = of(gates)(&choice.lane) == Gate::Shut;
        prop_assert_eq!(shut, gates == [Gate::Shut, Gate::Shut]);
        prop_assert_eq!(choice.blocked, of(gates)(&choice.lane) != Gate::Open);
        prop_assert_eq!(choice.instead.is_some(), choice.lane.name != NETGSM);
    }
}
