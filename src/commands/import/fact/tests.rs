use chrono::TimeDelta;
use ledger::vault::{Secret32, new_lookup_key};
use proptest::prelude::*;
use schemas::{Fact, PersonName, PhoneNumber};

use super::*;
use crate::commands::import::when::Slot;

fn vault() -> Vault {
    let wrapped = new_lookup_key(&Secret32::new([7; 32])).expect("random bytes");
    Vault::open(Secret32::new([7; 32]), &wrapped).expect("its own key")
}

fn visit() -> Visit {
    Visit {
        line: 4,
        name: PersonName::parse("Ayşe Yılmaz").expect("a name"),
        phone: PhoneNumber::parse("0532 123 45 67").expect("a number"),
        slot: Slot {
            starts_at: "2026-11-22T14:30:00+03:00".parse().expect("an instant"),
            ends_at: None,
        },
        with: Some("Dr. Çağrı Şahin".to_owned()),
        id: None,
        cancelled: false,
        note: None,
    }
}

fn with_maker<T>(work: impl FnOnce(&mut Maker<'_>) -> T) -> T {
    let (vault, registry) = (vault(), Registry::embedded().expect("built in"));
    let clinic = ClinicId::parse("atasehir").expect("an id");
    let at = |text: &str| text.parse::<DateTime<Utc>>().expect("an instant");
    work(&mut Maker {
        registry: &registry,
        vault: &vault,
        clinic: &clinic,
        as_of: at("2026-11-20T09:00:00Z"),
        now: at("2026-11-20T12:00:00Z"),
        again: false,
    })
}

#[test]
fn a_row_is_a_fact_that_the_contract_accepts() {
    with_maker(|maker| {
        let mut visit = visit();
        visit.slot.ends_at = Some(visit.slot.starts_at + TimeDelta::minutes(30));
        let names = maker.names(&visit);
        for what in [Happened::Booked, Happened::Rescheduled, Happened::Cancelled] {
            let fact = maker.fact(&visit, &names, what).expect("a fact");
            let said = (fact.fact_type.as_str(), fact.id.as_str());
            assert_eq!(said, (what.fact_type(), names.fact.as_str()));
            assert_eq!(fact.time, maker.as_of);
        }
        let fact = maker.fact(&visit, &names, Happened::Booked).expect("a fact");
        let Fact::Booked(booked) = &fact.fact else { panic!("{fact:?}") };
        assert_eq!(booked.starts_at, visit.slot.starts_at);
        assert_eq!(booked.ends_at, visit.slot.ends_at);
        assert_eq!(booked.with.as_deref(), Some("Dr. Çağrı Şahin"));
        assert_eq!(booked.recipient.phone.e164(), "+905321234567");
        assert!(!fact.id.contains("532123") && !booked.id.contains("532123"));
    });
}

#[test]
fn the_same_row_has_the_same_names_and_another_one_has_others() {
    with_maker(|maker| {
        let names = maker.names(&visit());
        assert_eq!(maker.names(&Visit { line: 99, ..visit() }), names);
        let mut later = visit();
        later.slot.starts_at += TimeDelta::minutes(15);
        // without an id of its own a row that is moved is another appointment
        assert_ne!(maker.names(&later).appointment, names.appointment);
        let with_id = |visit: Visit| Visit { id: Some("A-1".to_owned()), ..visit };
        let (before, after) = (maker.names(&with_id(visit())), maker.names(&with_id(later)));
        assert_eq!((before.appointment.as_str(), after.appointment.as_str()), ("A-1", "A-1"));
        assert_ne!(before.fact, after.fact);
        // who sees the person is no part of an appointment's name, but of what is said of it
        let other = maker.names(&Visit { with: None, ..visit() });
        assert!(other.appointment == names.appointment && other.fact != names.fact);
        let cancelled = maker.names(&Visit { cancelled: true, ..visit() });
        assert!(cancelled.appointment == names.appointment && cancelled.fact != names.fact);
    });
}

#[test]
fn names_cannot_be_made_without_the_installations_key() {
    let parts = ["atasehir", "appointment", "+905321234567", "0"];
    let hashed = |vault: &Vault| vault.hash(Purpose::Import, &parts);
    assert_ne!(hashed(&vault()), hashed(&vault()), "two installations");
}

#[test]
fn again_is_a_new_fact_of_now() {
    with_maker(|maker| {
        maker.again = true;
        let names = maker.names(&visit());
        let fact = maker.fact(&visit(), &names, Happened::Booked).expect("a fact");
        assert!(fact.id.starts_with(&names.fact) && fact.id != names.fact);
        assert_eq!(fact.time, maker.now);
        // a file from tomorrow is one of now
        (maker.again, maker.as_of) = (false, maker.now + TimeDelta::days(1));
        let fact = maker.fact(&visit(), &names, Happened::Booked).expect("a fact");
        assert_eq!(fact.time, maker.now);
    });
}

#[test]
fn what_the_contract_refuses_is_said_in_the_words_of_the_file() {
    with_maker(|maker| {
        let mut ahead = visit();
        ahead.slot.starts_at += TimeDelta::days(5 * 365);
        let names = maker.names(&ahead);
        let bad = maker.fact(&ahead, &names, Happened::Booked).expect_err("five years ahead");
        assert_eq!((bad.field, bad.rule), (Some(Field::Date), "range"));
        let mut back = visit();
        back.slot.ends_at = Some(back.slot.starts_at - TimeDelta::minutes(1));
        let bad = maker.fact(&back, &names, Happened::Booked).expect_err("ends before it starts");
        assert_eq!((bad.field, bad.rule), (Some(Field::End), "range"));
    });
}

#[test]
fn rows_about_one_appointment_repeat_or_contradict_each_other() {
    with_maker(|maker| {
        let row = |line, id: Option<&str>, name: &str| Visit {
            line,
            id: id.map(str::to_owned),
            name: PersonName::parse(name).expect("a name"),
            ..visit()
        };
        let visits = [
            row(2, Some("A-1"), "Ayşe"),
            row(3, Some("A-2"), "Ayşe"),
            row(4, Some("A-1"), "Ayşe"),
            row(5, Some("A-2"), "Fatma"),
            row(6, None, "Ayşe"),
            row(7, None, "Fatma"),
            row(8, Some("A-3"), "Ayşe"),
        ];
        let names: Vec<Names> = visits.iter().map(|visit| maker.names(visit)).collect();
        let pairs: Vec<(&Visit, &Names)> = visits.iter().zip(&names).collect();
        let repeated = repeated(&pairs);
        assert_eq!(repeated.get(&2), Some(&Ok(2)));
        let said = |place: usize| repeated[&place].as_ref().expect_err("contradicts").said.clone();
        assert!(said(1).contains("line 5") && said(3).contains("line 3"));
        assert!(said(4).contains("line 7"), "{}", said(4));
        assert!(said(4).contains("same number and start"), "{}", said(4));
        assert!(said(5).contains("line 6"));
        assert!(!repeated.contains_key(&0) && !repeated.contains_key(&6) && repeated.len() == 5);
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn naming_never_panics_and_no_two_ids_are_one(one in "\\PC{1,20}", other in "\\PC{1,20}") {
        with_maker(|maker| {
            let named = |id: &str| maker.names(&Visit { id: Some(id.to_owned()), ..visit() });
            prop_assert_eq!(named(&one) == named(&other), one == other);
            let _ = maker.fact(&visit(), &named(&one), Happened::Booked);
            Ok(())
        })?;
    }
}
