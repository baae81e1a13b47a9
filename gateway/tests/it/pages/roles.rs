//! Who may see what: every page with every role, and what is another clinic's.

use super::browser::{Browser, denials};
use crate::house::{CLINIC, House, LANE, OTHER, booking, open, receipt};
use gateway::{Need, PAGES};
use ledger::access::Role;
use std::collections::BTreeSet;

/// A message and a fact of [`CLINIC`].
async fn filled(house: &House) -> (String, String) {
    let taken = house.send(&receipt("e1")).await.json();
    let ntf = taken["notifications"][0]["id"].as_str().unwrap().to_owned();
    let taken = house.send(&booking("A-1042")).await.json();
    let fact = taken["facts"][0]["id"].as_str().unwrap().to_owned();
    (ntf, fact)
}

fn place(path: &str, (ntf, fact): (&str, &str)) -> String {
    path.replace("{ntf}", ntf).replace("{fact}", fact).replace("{hash}", "x.css")
}

#[tokio::test]
async fn each_role_sees_exactly_the_pages_that_it_may() {
    let house = open().await;
    let (ntf, fact) = filled(&house).await;
    for role in Role::ALL.iter().copied().filter(|role| role.has_pages()) {
        let clinic = role.needs_clinic().then_some(CLINIC);
        let mut refused = BTreeSet::new();
        for page in
            PAGES.iter().filter(|page| page.path != "/audit/logout" && page.path != "/audit/login")
        {
            let mut browser = Browser::of(&house, role, clinic).await;
            let path = place(page.path, (&ntf, &fact));
            let answer = match page.method {
                "get" => browser.get(&path).await,
                _ => browser.post(&path, &[("lane", LANE)]).await,
            };
            let may = match page.need {
                Need::Right(right) | Need::OfAll(right) => role.may(right),
                Need::Session | Need::Nothing => true,
            };
            if may && clinic.is_some() && matches!(page.need, Need::OfAll(_)) {
                assert_eq!(answer.status, 404, "{role} {page:?}");
                refused.insert(page.path.to_owned());
            } else if may {
                assert!([200, 303, 422].contains(&answer.status), "{role} {page:?}: {answer:?}");
            } else {
                assert_eq!(answer.status, 403, "{role} {page:?}");
                answer.says("Bu sayfa rolünüze kapalı");
                refused.insert(page.path.to_owned());
            }
        }
        let on_record: BTreeSet<String> =
            denials(&house).await.into_iter().map(|(path, _)| path).collect();
        assert!(refused.is_subset(&on_record), "{role}: {refused:?} {on_record:?}");
    }
}

#[tokio::test]
async fn nobody_sees_anything_but_the_login() {
    let house = open().await;
    let (ntf, fact) = filled(&house).await;
    for page in PAGES {
        let mut browser = Browser::new(&house);
        let path = place(page.path, (&ntf, &fact));
        let answer = match page.method {
            "get" => browser.get(&path).await,
            _ => browser.post_just(&path, &[("csrf", "x")]).await,
        };
        match (page.need, page.method) {
            (Need::Nothing, "get") => assert_eq!(answer.status, 200, "{page:?}"),
            (Need::Nothing, _) => assert_eq!(answer.status, 403, "{page:?}"),
            _ => assert!(answer.place().starts_with("/audit/login"), "{page:?}"),
        }
        answer.does_not_say(&ntf);
    }
}

#[tokio::test]
async fn a_form_without_the_sessions_own_field_is_refused_and_recorded() {
    let house = open().await;
    let (ntf, fact) = filled(&house).await;
    let mut browser = Browser::of(&house, Role::Admin, None).await;
    let mine = browser.csrf.clone();
    for page in PAGES.iter().filter(|page| page.method == "post" && page.need != Need::Nothing) {
        let path = place(page.path, (&ntf, &fact));
        for fields in [&[][..], &[("csrf", "x")], &[("csrf", ""), ("reason", "a good long reason")]]
        {
            assert_eq!(browser.post_just(&path, fields).await.status, 403, "{page:?}");
        }
        let fields = [("csrf", mine.as_str())];
        let request = browser.post_request(&path, &fields);
        let elsewhere = browser.send(request.header("sec-fetch-site", "cross-site")).await;
        assert_eq!(elsewhere.status, 403, "{page:?}");
        let denied = denials(&house).await;
        assert!(denied.contains(&(page.path.to_owned(), None)), "{page:?} {denied:?}");
    }
    assert_eq!(browser.get("/audit").await.status, 200, "the session is still there");
}

#[tokio::test]
async fn what_is_another_clinics_is_answered_as_if_it_were_not_there_and_recorded() {
    let house = open().await;
    let (ntf, fact) = filled(&house).await;
    let mut theirs = Browser::of(&house, Role::Clinic, Some(OTHER)).await;
    let absent = theirs.get(&format!("/audit/messages/ntf_{}", "a".repeat(26))).await;
    assert_eq!((absent.status, denials(&house).await.len()), (404, 0));
    for path in [
        format!("/audit/messages/{ntf}"),
        format!("/audit/facts/{fact}"),
        format!("/audit?clinic={CLINIC}"),
        format!("/audit/export.csv?clinic={CLINIC}"),
    ] {
        let before = denials(&house).await.len();
        let answer = theirs.get(&path).await;
        assert_eq!(answer.status, 404, "{path}");
        let without_way = |text: &str| {
            text.lines().filter(|line| !line.contains("class=\"lang\"")).collect::<String>()
        };
        assert!(
            path.contains('?') || without_way(&answer.text) == without_way(&absent.text),
            "{path}"
        );
        assert_eq!(denials(&house).await.len(), before + 1, "{path}");
    }
    let opened = theirs
        .post(&format!("/audit/messages/{ntf}/open"), &[("reason", "a good long reason")])
        .await;
    assert_eq!(opened.status, 404);
    theirs.get("/audit").await.does_not_say(&ntf);
    let found = theirs.post("/audit", &[("appointment", "A-1042")]).await;
    assert_eq!(found.status, 422, "another clinic's appointment is not found");
    let mut ours = Browser::of(&house, Role::Clinic, Some(CLINIC)).await;
    ours.get("/audit").await.says(&ntf);
    assert_eq!(ours.get(&format!("/audit/messages/{ntf}")).await.status, 200);
}
