//! Every page, in both languages and both colour schemes, as axe sees it (WCAG 2.2 AA), and on a screen of 360 pixels, where nothing
//! has to be scrolled sideways; and on paper, where nothing stands that can only be clicked and every table is a table.

use schemas::FactId;
use serde_json::json;
use simulator::{Consent, Script};

use crate::harness::audit::{self, Pages, token};
use crate::harness::{Embedded, clock, receipt, reminder};

/// A phone.
const NARROW: u32 = 360;
/// A4 between its margins, pixels.
const PAPER: u32 = 700;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn axe_finds_nothing_and_a_phone_shows_all_of_it() {
    // the books have a part about cost
    let price = ("ULAK_PROVIDERS__NETGSM__SEGMENT_PRICE", "0.215 TRY");
    let clinic = Embedded::start(Script::default(), &[price]).await;
    let (silent, sent) = (reminder("1042"), receipt("77"));
    let visit = reminder("v1")
        .set("/type", "clinic.appointment-booked.v1")
        .set("/data/appointment/starts_at", clock::written(clock::turkey(5 * 24 * 60)));
    clinic.outside.set_consent(silent.e164(), Consent::Ret).expect("a number");
    for event in [&silent, &sent, &visit] {
        clinic.post(event).await;
    }
    clinic.until_state(&silent, "suppressed", "no-consent").await;
    clinic.until_state(&sent, "accepted", "").await;
    // one that was given up, and a lane that is paused
    let parked = audit::given_up(&clinic).await;
    let paused = ["lane", "pause", "netgsm/default/KLINIK", "--reason", "a test"];
    assert_eq!(clinic.ulak(&paused).await.code, 0);
    let fact = FactId::of_event(visit.text("/source"), visit.text("/id"));

    let token = token(async |args| clinic.ulak(args).await, "admin", None).await;
    let pages = Pages::of(&clinic.door).await;
    let mut wrong = vec![];
    looks_closely(&pages).await;
    for lang in ["tr", "en"] {
        pages.forget().await;
        pages.at(&format!("/audit/login?lang={lang}")).await;
        wrong.extend(look(&pages, lang, "the login").await);
        pages.fill("input[name=token]", "ulak_nobodys").await;
        pages.go_by("main button[type=submit]").await;
        wrong.extend(look(&pages, lang, "a login that is refused").await);
        pages.log_in(&token).await;
        let html = pages.find("html").await;
        assert_eq!(pages.attribute(&html, "lang").await.as_deref(), Some(lang));
        for path in [
            "/audit",
            "/audit?state=delivered&reason=none",
            "/audit?from=nonsense",
            "/audit/books",
            "/audit/books?from=nonsense",
            "/audit/dead-letters",
            "/audit/lanes",
            "/audit/lanes?resume=netgsm%2Fdefault%2FKLINIK",
            "/audit/access",
            "/audit/session",
            "/audit/nowhere",
            &format!("/audit/messages/{}", silent.ntf()),
            &format!("/audit/messages/{}", sent.ntf()),
            &format!("/audit/messages/{parked}"),
            &format!("/audit/facts/{fact}"),
        ] {
            pages.at(path).await;
            wrong.extend(look(&pages, lang, path).await);
        }
        pages.at(&format!("/audit/messages/{}", sent.ntf())).await;
        pages.fill("textarea[name=reason]", "the clinic asks what was written").await;
        pages.go_by("form[action$='/open'] button").await;
        wrong.extend(look(&pages, lang, "an opened message").await);
        pages.at("/audit/dead-letters?ticked=1").await;
        pages.go_by("main form[method=post] button:not([formaction])").await;
        wrong.extend(look(&pages, lang, "what would become of dead letters").await);
        if lang == "en" {
            pages.fill("textarea[name=reason]", "the clinic asks for it").await;
            pages.go_by("main form button[type=submit]").await;
            wrong.extend(look(&pages, lang, "what became of dead letters").await);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    pages.close().await;
    clinic.finish().await;
}

/// What is looked with finds faults that are there.
async fn looks_closely(pages: &Pages) {
    pages.at("/audit/login").await;
    // the page's policy keeps styles out that stand in the text, not those that a script sets
    let spoil = "const add = (tag, css) => { const e = document.createElement(tag); e.style.cssText = css; e.textContent = 'what'; \
           document.querySelector('main').append(e); }; \
         add('img', ''); add('p', 'color: #888; background: #999'); add('p', 'width: 700px'); \
         for (const n of [1, 2, 3]) add('button', 'width: 9px; height: 9px; min-height: 0; padding: 0; border: 0; overflow: hidden');";
    pages.script(spoil, json!([])).await;
    let found = look(pages, "tr", "spoilt").await.join("\n");
    for fault in ["image-alt", "color-contrast", "target-size", "wide on a phone", "on paper"] {
        assert!(found.contains(fault), "{fault} is not found: {found}");
    }
    let paper = "return getComputedStyle(document.body).backgroundColor";
    pages.colours("light").await;
    let light = pages.script(paper, json!([])).await;
    pages.colours("dark").await;
    assert_ne!(light, pages.script(paper, json!([])).await, "dark is as light as light");
}

/// What is wrong with a page, light and dark, wide and narrow.
async fn look(pages: &Pages, lang: &str, name: &str) -> Vec<String> {
    let mut wrong = vec![];
    for scheme in ["light", "dark"] {
        pages.colours(scheme).await;
        let found = pages.axe().await;
        wrong.extend(found.into_iter().map(|line| format!("{name}, {lang}, {scheme}: {line}")));
    }
    pages.width(NARROW).await;
    let width = pages.page_width().await;
    if width > u64::from(NARROW) {
        let wide = pages.script(WIDE, json!([])).await;
        wrong.push(format!("{name}, {lang}: {width} wide on a phone: {wide}"));
    }
    let found = pages.axe().await;
    wrong.extend(found.into_iter().map(|line| format!("{name}, {lang}, on a phone: {line}")));
    // as wide as A4 between its margins
    pages.width(PAPER).await;
    pages.chromium("Emulation.setEmulatedMedia", json!({ "media": "print" })).await;
    let found = pages.script(ON_PAPER, json!([])).await;
    let found = found.as_array().expect("a list").iter();
    wrong.extend(found.map(|fault| format!("{name}, {lang}, on paper: {fault}")));
    pages.chromium("Emulation.setEmulatedMedia", json!({ "media": "" })).await;
    pages.chromium("Emulation.clearDeviceMetricsOverride", json!({})).await;
    wrong
}

/// What is wrong on paper: what can only be clicked, and tables that are gone or fall apart.
const ON_PAPER: &str = "const seen = e => e.checkVisibility(); const name = e => e.tagName + '.' + e.className; \
     const only = [...document.querySelectorAll('nav, button, select, textarea, input:not([type=hidden])')].filter(seen); \
     const rows = [...document.querySelectorAll('main table tr')].filter(e => getComputedStyle(e).display !== 'table-row' || !seen(e)); \
     return [...only, ...rows].map(name);";

/// What sticks out, for a failure.
const WIDE: &str = "return [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1) \
     .slice(0, 5).map(e => e.tagName + '.' + e.className).join(' ')";
