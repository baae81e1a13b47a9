//! Netgsm answers ten questions a minute to its report. Two schedulers with more to ask than that never ask an eleventh: none is refused.

use std::time::Duration;

use chrono::DateTime;
use simulator::{Fault, FaultKind, Operation, Provider};

use crate::harness::{Installation, Options, receipt, scaled};

/// Netgsm's own limit (`facts/netgsm_iys.md` A4); here nothing of it is scaled.
const A_MINUTE: usize = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_reports_limit_is_never_crossed() {
    let mut options = Options { schedulers: 2, ..scaled::options() }
        .set("ULAK_PROVIDERS__NETGSM__QUERIES_PER_MIN", A_MINUTE)
        .set("ULAK_RECONCILE__SETTLE", "1s,1s,1s")
        .set("ULAK_RECONCILE__GIVE_UP", "75s");
    options.script.netgsm.report_queries_per_minute = A_MINUTE as u32;
    let clinic = Installation::start(options).await;
    let event = receipt("lost");
    let hang = FaultKind::Hang { accept: false, seconds: 600 };
    let fault = Fault::new(Provider::Netgsm, Operation::Send, hang).number(event.national());
    clinic.outside.add_fault(fault).expect("a fault");
    clinic.publish(&event).await;

    let asked = || {
        let requests = clinic.outside.requests().into_iter();
        requests.filter(|it| it.path.ends_with("/report")).collect::<Vec<_>>()
    };
    // each wait is below a minute: the eleventh question comes a minute after the first
    for count in [6, A_MINUTE + 2] {
        let what = format!("{count} questions");
        clinic.until(&what, async || (asked().len() >= count).then_some(())).await;
    }
    clinic.until_state(&event, "unresolved", "no later message").await;
    let asked = asked();
    let refused: Vec<_> = asked.iter().filter(|it| it.code.as_deref() == Some("80")).collect();
    assert!(refused.is_empty(), "{refused:?}");
    let at = |text: &str| DateTime::parse_from_rfc3339(text).expect("an instant");
    for (first, eleventh) in asked.iter().zip(asked.iter().skip(A_MINUTE)) {
        let apart = at(&eleventh.at) - at(&first.at);
        let apart = apart.to_std().expect("the requests are in order");
        assert!(apart >= Duration::from_mins(1), "eleven questions within {apart:?}");
    }
    clinic.until_accepted(0).await;
    clinic.finish().await;
}
