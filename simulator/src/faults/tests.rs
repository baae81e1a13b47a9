use super::*;

fn strikes(faults: &Faults, seed: u64, numbers: &[u64]) -> Option<FaultKind> {
    faults.strike(
        seed,
        &Subject {
            provider: Provider::Netgsm,
            operation: Operation::Send,
            account: &|| Some("8501234567".to_owned()),
            numbers: &|| numbers.to_vec(),
        },
    )
}

fn send(kind: FaultKind) -> Fault {
    Fault::new(Provider::Netgsm, Operation::Send, kind)
}

#[test]
fn the_first_fault_with_times_left_applies() {
    let faults = Faults::default();
    faults.replace(vec![send(FaultKind::Down).times(2), send(FaultKind::Http { status: 503 })]);
    assert_eq!(strikes(&faults, 0, &[]), Some(FaultKind::Down));
    assert_eq!(strikes(&faults, 0, &[]), Some(FaultKind::Down));
    assert_eq!(strikes(&faults, 0, &[]), Some(FaultKind::Http { status: 503 }));
    assert_eq!(faults.list()[0].times, Some(0));
}

#[test]
fn a_fault_strikes_only_its_number_account_operation_and_provider() {
    let faults = Faults::default();
    let other = Fault::new(Provider::Iys, Operation::Any, FaultKind::Down);
    let report = Fault::new(Provider::Netgsm, Operation::Report, FaultKind::Down);
    faults.replace(vec![
        other,
        report,
        send(FaultKind::Down).account("8507654321"),
        send(FaultKind::Down).number("0532 123 45 67"),
    ]);
    assert_eq!(strikes(&faults, 0, &[5_321_234_568]), None);
    assert_eq!(strikes(&faults, 0, &[5_321_234_567]), Some(FaultKind::Down));
}

#[test]
fn a_fault_on_netgsms_iys_service_strikes_both_of_its_calls_and_no_send() {
    for (call, struck) in
        [(Operation::IysAdd, true), (Operation::IysSearch, true), (Operation::Send, false)]
    {
        assert_eq!(Operation::Iys.covers(call), struck, "{call:?}");
        assert!(Operation::Any.covers(call) && call.covers(call));
    }
    assert!(!Operation::IysAdd.covers(Operation::IysSearch));
}

#[test]
fn a_callback_can_be_lost_or_late_and_is_struck_only_by_name() {
    let fault = |provider, kind| Fault::new(provider, Operation::Callback, kind).check();
    assert!(fault(Provider::Meta, FaultKind::Down).is_ok());
    assert!(fault(Provider::Twilio, FaultKind::Slow { ms: 5 }).is_ok());
    assert!(fault(Provider::Twilio, FaultKind::Http { status: 500 }).is_err());
    assert!(fault(Provider::Netgsm, FaultKind::Down).is_err());
    assert!(!Operation::Any.covers(Operation::Callback));
    assert!(Operation::Callback.covers(Operation::Callback));
}

#[test]
fn twilios_codes_are_numbers() {
    let fault = |code: &str| {
        Fault::new(Provider::Twilio, Operation::Send, FaultKind::Code { code: code.into() })
    };
    assert!(fault("20429").check().is_ok());
    assert!(fault("H103").check().is_err());
}

#[test]
fn the_same_seed_strikes_the_same_requests() {
    let run = |seed| {
        let faults = Faults::default();
        faults.replace(vec![send(FaultKind::Down).share(0.3)]);
        (0..200).map(|_| strikes(&faults, seed, &[]).is_some()).collect::<Vec<_>>()
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
    let struck = run(1).iter().filter(|hit| **hit).count();
    assert!((40..80).contains(&struck), "{struck}");
}
