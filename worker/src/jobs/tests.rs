use super::*;
use chrono::TimeDelta;
use ledger::LedgerSettings;
use ledger::vault::Secret32;
use proptest::prelude::*;
use providers::Limits;
use providers::netgsm::Account;
use secrecy::SecretString;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Accepts every job, one after another, under the number of its connection; what came is told.
async fn provider(code: &'static str) -> (String, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (seen, came) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        for job in 1.. {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut read = vec![];
            while !read.ends_with(b"}]}") {
                assert!(stream.read_buf(&mut read).await.unwrap() > 0);
            }
            seen.send(String::from_utf8(read).unwrap()).unwrap();
            let body = format!(r#"{{"code":"{code}","jobid":"{job}"}}"#);
            let head = format!(
                "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        }
    });
    (url, came)
}

async fn account(url: &str, most: u32) -> (Jobs, Ledger, TempDir) {
    let (client, ledger, folder) = client(url).await;
    (Jobs::start(client, ledger.clone(), most, 100), ledger, folder)
}

async fn client(url: &str) -> (Arc<Client>, Ledger, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let told = LedgerSettings {
        url: format!("sqlite://{}", folder.path().join("ulak.db").display()).into(),
        master_key: Secret32::new([7; 32]),
        connections: 2,
        max_mib: None,
        name: "test".to_owned(),
    };
    ledger::migrate(&told).await.unwrap();
    let ledger = Ledger::open(&told).await.unwrap();
    let mut account = Account::new("default", "850", SecretString::from("secret"));
    account.base_url = url.to_owned();
    let client = Arc::new(Client::new(account, Limits::default()).unwrap());
    (client, ledger, folder)
}

fn message(ledger: &Ledger, number: usize) -> Outgoing {
    let now = ledger.clock().now();
    Outgoing {
        to: PhoneNumber::parse(&format!("+90532{number:07}")).unwrap(),
        text: Text::new("Merhaba".to_owned()),
        turkish: false,
        sender: "KLINIK".to_owned(),
        starts: now,
        stops: now + TimeDelta::hours(3),
        until: now + TimeDelta::minutes(1),
        fresh: Freshness::start(),
    }
}

async fn all(jobs: &Jobs, messages: Vec<Outgoing>) -> Vec<Answered> {
    let count = messages.len();
    let sent = messages.into_iter().map(|message| jobs.send(message, count));
    futures::future::join_all(sent).await.into_iter().map(|it| it.expect("a window")).collect()
}

fn job(answered: &Answered) -> &str {
    let Outcome::Accepted(accepted) = &answered.outcome else { panic!("{answered:?}") };
    &accepted.provider_ref
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_in_work_together_share_a_job_and_one_of_them_tells_of_it() {
    let (url, mut came) = provider("00").await;
    let (jobs, ledger, _folder) = account(&url, 10).await;
    let answered = all(&jobs, (0..10).map(|n| message(&ledger, n)).collect()).await;
    assert!(answered.iter().all(|it| job(it) == "1"), "{answered:?}");
    assert_eq!(answered.iter().filter(|it| it.speaks).count(), 1);
    assert_eq!(came.recv().await.unwrap().matches(r#""no":"#).count(), 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_stale_or_whose_decision_ran_out_is_left_out_and_the_others_go() {
    let (url, mut came) = provider("00").await;
    let (jobs, ledger, _folder) = account(&url, 10).await;
    let mut messages: Vec<_> = (0..4).map(|n| message(&ledger, n)).collect();
    messages[0].fresh = Freshness::started_ago(Duration::from_secs(6));
    messages[2].until = ledger.clock().now();
    let answered = all(&jobs, messages).await;
    for left in [&answered[0], &answered[2]] {
        let Outcome::Failed(FailedKind::NotSent, trouble) = &left.outcome else {
            panic!("{left:?}")
        };
        assert_eq!((trouble.code.as_str(), left.speaks), ("stale", false));
    }
    assert_eq!((job(&answered[1]), job(&answered[3])), ("1", "1"));
    assert!(answered[1].speaks != answered[3].speaks);
    let body = came.recv().await.unwrap();
    assert!(!body.contains("5320000000") && !body.contains("5320000002"), "{body}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_gone_when_the_job_leaves_is_not_sent() {
    let (url, mut came) = provider("00").await;
    let (client, ledger, _folder) = client(&url).await;
    let [(gone, _), (stays, answered)] = [1, 2].map(|number| {
        let message = message(&ledger, number);
        let (answer, answered) = oneshot::channel();
        let key = JobKey::of(&message.sms()).unwrap();
        (Member { message, key, in_work: 2, answer }, answered)
    });
    let most = Arc::new(AtomicUsize::new(10));
    Sharer { client, ledger, most }.leave(vec![gone, stays]).await;
    let answered = answered.await.unwrap();
    assert_eq!((job(&answered), answered.speaks), ("1", true));
    assert!(!came.recv().await.unwrap().contains("5320000001"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn once_a_job_was_collected_everybody_goes_alone() {
    let (url, _came) = provider("1000").await;
    let (jobs, ledger, _folder) = account(&url, 10).await;
    let together = all(&jobs, (0..3).map(|n| message(&ledger, n)).collect()).await;
    assert!(together.iter().all(|it| job(it) == job(&together[0])));
    let alone = all(&jobs, (3..6).map(|n| message(&ledger, n)).collect()).await;
    let own: HashSet<&str> = alone.iter().map(job).collect();
    assert_eq!(own.len(), 3, "{alone:?}");
    assert!(alone.iter().all(|it| it.speaks));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_whole_minute_nothing_is_shared_and_nothing_done() {
    let (jobs, ledger, _folder) = account("http://127.0.0.1:1", 10).await;
    let mut message = message(&ledger, 1);
    message.stops = message.starts;
    assert!(jobs.send(message, 2).await.is_none());
}

proptest! {
    #[test]
    fn a_job_has_one_key_no_number_twice_and_no_more_than_may_be(
        of in prop::collection::vec((0u8..4, 0u8..12), 0..80), most in 1usize..12,
    ) {
        let places = shared(&of, most);
        prop_assert_eq!(places.len(), of.len());
        let count = places.iter().max().map_or(0, |last| last + 1);
        let mut first = 0;
        for place in &places {
            prop_assert!(*place <= first, "numbered by first members");
            first = first.max(place + 1);
        }
        for job in 0..count {
            let members: Vec<_> = of.iter().zip(&places).filter(|(_, it)| **it == job).map(|(of, _)| of).collect();
            let numbers: HashSet<_> = members.iter().map(|(_, number)| number).collect();
            prop_assert!(!members.is_empty() && members.len() <= most);
            prop_assert_eq!(numbers.len(), members.len());
            prop_assert!(members.iter().all(|(key, _)| *key == members[0].0));
        }
    }
}
