//! The story in Turkish. Nothing that varies takes a suffix.

use ledger::lanes::LaneState;
use ledger::record::{ConsentEvidence, Entry, Planned, WordEvidence};
use ledger::state::State;

use super::delivery::{self, goes_on};
use super::words::{Frame, Situation, first_words, is_proven_absent, named, place};
use crate::commands::desk::local;

pub(super) const FRAME: Frame = Frame {
    clinic: "klinik",
    event: "olay",
    unknown: "bilinmiyor",
    useful_until: "geçerlilik sonu",
    because: "neden",
    consent: "onay",
    text: "metin",
    body: "gövde",
    next: "sonraki adım",
};

pub(super) fn verdict(state: State, why: &str) -> String {
    match state {
        State::Accepted => "Gönderildi: sağlayıcı kabul etti.".to_owned(),
        State::Delivered => "Gönderildi ve teslim edildi.".to_owned(),
        State::Undelivered => "Gönderildi, ancak ulaşmayacak.".to_owned(),
        State::Refused => format!("Gönderilmedi: sağlayıcı reddetti ({why})."),
        State::Suppressed if why == "no-consent" => {
            "Gönderilmedi: bu numara ve marka için kayıtlı onay (ONAY) yok.".to_owned()
        }
        State::Suppressed if why == "no-opt-in" => {
            "Gönderilmedi: kişinin WhatsApp izni kliniğin kayıtlarında yok.".to_owned()
        }
        State::Suppressed => format!("Gönderilmedi: engellendi ({why})."),
        State::Cancelled => format!("Gönderilmedi: iptal edildi ({why})."),
        State::Expired => format!("Gönderilmedi: zamanı geçmişti ({why})."),
        State::Unresolved if is_proven_absent(why) => format!(
            "Sağlayıcının kayıtlarına göre gönderilmedi: {}; tekrar gönderilmez.",
            reason(why)
        ),
        State::Unresolved => {
            "Gönderilmiş olabilir: sağlayıcının yanıtı kayboldu ve öğrenilemedi; tekrar gönderilmez."
                .to_owned()
        }
        State::DeadLettered => format!("Gönderilmedi: işlenemedi ({why})."),
        State::Waiting if goes_on(why) => {
            format!("Gönderildi, ancak ulaştığı bilinmiyor: sıradaki kanalı bekliyor ({why}).")
        }
        State::Waiting => format!("Henüz gönderilmedi: bekliyor ({why})."),
        State::Released => "Henüz gönderilmedi: işçilere verildi.".to_owned(),
        State::Sending => "Şu anda gönderiliyor.".to_owned(),
        State::Unknown => format!("Gönderilmiş olabilir: sonucu bilinmiyor ({why})."),
    }
}

pub(super) fn meaning(why: &str) -> Option<&'static str> {
    Some(match first_words(why) {
        "quiet-hours" => "klinikte sessiz saatler; bu tür onlara uyar",
        "lane-closed" => {
            "sağlayıcı hesabı ya da gönderici adı şu anda çalışmıyor; iletileri bekler"
        }
        "consent-silent" => {
            "onay kaynağı (İYS) yanıt vermiyor; yanıtı olmadan hiçbir şey gönderilmez"
        }
        "consent-later" => "şu anda daha fazla onay sorulamıyor; daha sonra sorulur",
        "consent-not-asked" => "onay yanıtı eskimişti; yeniden sorulur",
        "retry" => "son denemede kesinlikle bir şey gönderilmedi; daha sonra yeniden denenir",
        "failover" => "sağlayıcı kesinlikle bir şey göndermedi; hemen sıradaki denenir",
        "rate" => "hesabın saniyelik ileti sınırı dolmuştu",
        "no-route" => "kliniğin bu kanal için sağlayıcı hesabı ya da gönderici adı yok",
        "contended" => "aynı kişi ya da randevu hakkında başka iletiler karara bağlanıyordu",
        "number-busy" => "aynı numaraya başka bir ileti yolda",
        "another-reminder-in-flight" => "aynı randevunun başka bir hatırlatması yolda",
        "same-thing-in-flight" => "aynı konuda başka bir ileti yolda",
        "same-thing-waiting" => "aynı konuda başka bir ileti gönderilmeyi bekliyor",
        "returned by the broker" => "kuyruk sunucusu geri verdi; yeniden alındı",
        "replayed" => "işlenemeyenler arasından bir kişi geri koydu",
        "taken in after a refusal" => "reddedildikten sonra bir kişi kabul etti",
        "no-consent" => "kural onay istiyor; sorulan yerde kayıtlı onay yok",
        "no-opt-in" => "WhatsApp için kişinin kendi izni gerekir; kayıtlarda geçerli bir izin yok",
        "suppressed" => "numara, iletişim kurulmaması gerekenler listesinde",
        "duplicate of" => "aynı konuda daha önce bir ileti gönderildi",
        "too soon after" => "aynı randevunun bir hatırlatması kısa süre önce gönderildi",
        "superseded by" => "aynı konuda daha yeni bir ileti yerini aldı",
        "appointment-past" => "gönderilemeden randevu saati geldi",
        "too-late" => "artık bir işe yaramıyordu",
        "too-late-after-failures" => {
            "artık bir işe yaramayana kadar bütün denemeler başarısız oldu"
        }
        "quiet-hours-until-too-late" => "sessiz saatler, ileti bir işe yaramaz olana kadar sürüyor",
        "appointment-cancelled" => "randevu iptal edildi",
        "stopped-by-operator" => "biri `ulak schedule cancel` ile durdurdu",
        "superseded-by-newer-version" => "randevu değişti; yerini başka bir ileti aldı",
        "plan" => "bir bildirim onu bu zamana planladı",
        "new" => "yeni geldi; kararı bir işçi verir",
        "appointment-moved" => "randevu başka bir zamana alındı; bu ileti eski zamanı anlatıyordu",
        "appointment-stands" => "bir iptali bildiriyordu, oysa randevu yerinde duruyor",
        "appointment-cancelled-again" => {
            "bir iptali bildiriyordu; randevu o günden sonra yeniden iptal edildi"
        }
        "template" => "metni şablondan oluşturulamadı",
        "crash-loop" => "kuyruk sunucusu üç kez geri verdi: işlenmesi bir türlü bitmedi",
        "handler-panic" => "işlenirken Ulak içinde iki kez hata oldu",
        "its body is missing" => "mühürlü olay artık defterde yok",
        "its body no longer fits the schema" => "olay türü, kabul edildiğinden beri değişti",
        "its clinic or type is not configured" => "yapılandırma artık onları tanımıyor",
        "lease-ran-out" => "gönderen işçi geri dönmedi",
        "accepted-before" => "daha önceki bir deneme kabul edildi",
        "next-channel" => "bir kanalda ulaşmadı ya da haber gelmedi; sıradaki kanal denenir",
        "no-next-channel" => "bir kanalda gönderildi; sıradaki kanalın denenmemesine karar verildi",
        "resend" => {
            "sağlayıcının kayıtları denemenin ona hiç ulaşmadığını gösteriyor; bu tür bir kez daha gönderilir"
        }
        "found" => "yanıtı kaybolmuştu; sağlayıcının kayıtlarında var",
        "absent, and its type is not sent again" => {
            "sağlayıcının kayıtları ona hiç ulaşmadığını gösteriyor; bu tür kendiliğinden ikinci kez gönderilmez"
        }
        "absent, and too late to be sent again" => {
            "sağlayıcının kayıtları ona hiç ulaşmadığını gösteriyor; yeniden gönderilse geç kalırdı"
        }
        "absent, and it was sent again once before" => {
            "daha önce bir kez yeniden gönderildi; hiçbir ileti üçüncü kez gönderilmez"
        }
        "ambiguous" => {
            "sağlayıcının kayıtlarında bu numaraya giden, bu ya da başka bir ileti olabilecek kayıtlar var"
        }
        "no later message of the account to compare with" => {
            "eksik olanın gerçekten eksik olduğunu ancak kayıtlarda görünen daha sonraki bir ileti kanıtlar; böyle bir ileti olmadı"
        }
        "the provider does not show a later message yet" => {
            "sağlayıcının kayıtları geriden geliyordu: daha sonra gönderilen de orada yoktu"
        }
        "a message is there that may be it or another one" => {
            "sağlayıcının kayıtlarında bu numaraya giden, bir yönüyle farklı bir ileti ya da birkaç ileti var"
        }
        "no answer" => "sağlayıcı soruyu yanıtlamadı",
        "its account is not configured any more" => {
            "hesabı artık yapılandırmada yok; aramak için giriş yapılamıyor"
        }
        "its provider cannot be asked" => "bu sağlayıcının sorulabilecek kayıtları yok",
        "its number and text cannot be opened any more" => "ne aranacağı artık bilinmiyor",
        "nobody could look for it" => "onu arayabilecek bir zamanlayıcı çalışmıyordu",
        _ => return None,
    })
}

fn reason(why: &str) -> String {
    meaning(why).map_or_else(|| why.to_owned(), |meaning| format!("{why}: {meaning}"))
}

fn state(state: State) -> &'static str {
    match state {
        State::Waiting => "bekliyor",
        State::Released => "işçilere verildi",
        State::Sending => "gönderiliyor",
        State::Unknown => "sonucu bilinmiyor",
        State::Accepted => "kabul edildi",
        State::Delivered => "teslim edildi",
        State::Undelivered => "ulaşmadı",
        State::Refused => "reddedildi",
        State::Suppressed => "engellendi",
        State::Cancelled => "iptal edildi",
        State::Expired => "zamanı geçti",
        State::Unresolved => "öğrenilemedi",
        State::DeadLettered => "işlenemedi",
    }
}

fn outcome(word: &str) -> &str {
    match word {
        "accepted" => "kabul edildi",
        "refused" => "reddedildi",
        "failed" => "gönderilemedi",
        "unknown" => "sonucu bilinmiyor",
        other => other,
    }
}

pub(super) fn sentence(entry: &Entry) -> String {
    match entry {
        Entry::Received { via, .. } => format!("alındı: {via}"),
        Entry::Waiting { why, until, lane, .. } => {
            format!("karar: bekle; bitişi {}, hat {lane}; neden {}", local(*until), reason(why))
        }
        Entry::Released { n, facts_not_current } => {
            let although = if *facts_not_current {
                "; klinikten gelen bilgiler dakikalardır işlenemiyordu, bir iptal bilinmiyor olabilir"
            } else {
                ""
            };
            format!("zamanı geldi: işçilere verildi, kopya {n}{although}")
        }
        Entry::Claimed {
            attempt,
            channel,
            lane,
            template,
            segments,
            encoding,
            stops_at,
            instead,
            transfer_basis,
            ..
        } => {
            let instead =
                instead.as_ref().map(|why| format!(" (ilk hat değil: {why})")).unwrap_or_default();
            let abroad = transfer_basis
                .as_ref()
                .map(|basis| format!("; veri yurt dışına aktarılır, hukuki dayanak: {basis}"))
                .unwrap_or_default();
            format!(
                "karar: gönder; deneme {attempt}, kanal {channel}, hat {lane}{instead}, şablon {template}, {segments} parça ({encoding}), en geç teslim {}{abroad}",
                local(*stops_at)
            )
        }
        Entry::Outcome { attempt, outcome: word, code, detail, provider_ref, late, .. } => {
            let late = if *late { " (geç gelen yanıt)" } else { "" };
            let reference = provider_ref
                .as_ref()
                .map(|r| format!(", sağlayıcının numarası {r}"))
                .unwrap_or_default();
            let detail = if detail.is_empty() { String::new() } else { format!(": {detail}") };
            format!("deneme {attempt} {}{late}, {code}{detail}{reference}", outcome(word))
        }
        Entry::Ended { state: ended, why, .. } => {
            format!("bitti, {}: {}", state(*ended), reason(why))
        }
        Entry::LeaseRanOut { attempt, then } => {
            format!("deneme {attempt}: işçi zamanında geri dönmedi; durum: {}", state(*then))
        }
        Entry::Looked { attempt, saw, why, absences } => {
            let why = if why.is_empty() { String::new() } else { format!(" ({})", reason(why)) };
            let times = if *absences == 0 {
                String::new()
            } else {
                format!("; şimdiye kadar {absences} kez olmadığı kanıtlandı")
            };
            let saw = match saw.as_str() {
                "found" => "bulundu",
                "absent" => "yok",
                "ambiguous" => "belirsiz",
                "cannot-be-asked" => "sorulamıyor",
                _ => "sonuçsuz",
            };
            format!("deneme {attempt} sağlayıcıda arandı: {saw}{why}{times}")
        }
        Entry::NotFound { attempt, resend, absent, why, .. } => {
            let what = if *absent { "ulaşmamış" } else { "bulunamadı" };
            let then = if *resend { "bir kez daha gönderilir" } else { "yeniden gönderilmez" };
            format!("deneme {attempt} {what} ({}): {then}", reason(why))
        }
        Entry::Duplicate { via } => {
            format!("klinik aynı olayı yeniden yayımladı ({via}): bir şey yapılmadı")
        }
        Entry::SentTwice { attempt } => {
            format!(
                "başka bir deneme kabul edilmişken deneme {attempt} da kabul edildi: İKİ KEZ GÖNDERİLDİ"
            )
        }
        Entry::Receipt { .. } | Entry::Overdue { .. } | Entry::TwoChannel { .. } => {
            delivery::turkish(entry, state).unwrap_or_default()
        }
        Entry::EventRefused { queue, rule, path, source, id, .. } => {
            let what = named(source.as_deref(), id.as_deref());
            format!(
                "reddedildi ({queue}{what}): kural {rule}, yer {}",
                place(path, "gövdenin tümü")
            )
        }
        Entry::Returned { queue } => format!("kuyruk sunucusundan geri geldi: {queue}"),
        Entry::Replayed { who, why } => format!("geri koyan {who}: {why}"),
        Entry::TakenIn { into, who, why } => format!("{into} olarak kabul eden {who}: {why}"),
        Entry::Dropped { who, why } => format!("ilgilenildi diye kapatan {who}: {why}"),
        Entry::Stopped { who, why } => format!("durduran {who}: {why}"),
        Entry::Revealed { who, why, fields } => {
            format!("kişisel veriyi ({}) gören {who}: {why}", fields.join(", "))
        }
        Entry::Lane { lane, state, why, .. } => format!("hat {lane} {state}: {why}"),
        Entry::PersonSuppressed { why } => format!("numara engellendi: {why}"),
        Entry::ConsentSaid { channels, said, said_at, evidence, by } => {
            let said = if said == "refused" { "ret" } else { "izin" };
            let proof = evidence.as_ref().map(|e| format!(", belge {e}")).unwrap_or_default();
            let by = by.as_ref().map(|by| {
                let place = by.place.as_ref().map(|p| format!(", {p}")).unwrap_or_default();
                format!(", kaydeden {}: {}{place}", by.who, by.why)
            });
            format!(
                "{} için {said}, zaman {}{proof}{}",
                channels.join(", "),
                local(*said_at),
                by.unwrap_or_default()
            )
        }
        Entry::ConsentChecked { who, source, answer, .. } => {
            format!("bir numaranın onayını {source} kaynağına soran {who}: {answer}")
        }
        Entry::TokenCreated { token, label, who } => {
            format!("{token} anahtarını oluşturan {who}: {label}")
        }
        Entry::FactApplied { fact_type, via, plan, cancelled, .. } => format!(
            "{via} üzerinden {fact_type} olayı işlendi: {} planlandı, {} iptal edildi",
            plan.iter().filter(|rule| rule.ntf.is_some()).count(),
            cancelled.len()
        ),
        Entry::FactStale { fact_type, why, .. } => format!("{fact_type} olayı geç kaldı: {why}"),
        Entry::TokenRevoked { token, who } => format!("{token} anahtarını iptal eden {who}"),
    }
}

/// What became of a fact.
pub(super) fn fact_verdict(state: &str, why: &str) -> String {
    let why = match why {
        "older" => "aynı konuda daha yenisi biliniyordu",
        "cancelled" => "randevu bu sürümde ya da daha yenisinde iptal edilmişti",
        "known" => "aynısı zaten biliniyordu",
        other => other,
    };
    match state {
        "applied" => "Geçerli: gereken iletiler planlandı.".to_owned(),
        _ => format!("Bir şey yapılmadı: {why}."),
    }
}

/// What one rule of a plan came to.
pub(super) fn planned(line: &Planned) -> String {
    let rule = &line.rule;
    if let (Some(ntf), Some(at)) = (&line.ntf, line.at) {
        let wall = line.wall.as_ref().map(|wall| format!(" ({wall})")).unwrap_or_default();
        return format!("{rule}: {ntf}, zaman {}{wall}", local(at));
    }
    let why = match line.skipped.as_deref().unwrap_or_default() {
        "too-late" => "zamanı geçmişti",
        "quiet-hours" => "sessiz saatler dışında zaman kalmamıştı",
        "too-close" => "kliniğin belirlediği ara içinde başka bir hatırlatma gidiyor",
        "appointment-past" => "randevu başlamıştı",
        "sent-before" => "daha önce gönderilmişti",
        "nobody-known" => "kime söyleneceği bilinmiyor",
        other => other,
    };
    format!("{rule}: planlanmadı, {why}")
}

pub(super) fn consent(evidence: &ConsentEvidence) -> String {
    let from = match evidence.rule_from.as_str() {
        "clinic" => "kliniğin",
        _ => "türün",
    };
    let version =
        evidence.rule_version.as_deref().map(|v| format!(", sürüm {v}")).unwrap_or_default();
    let mut parts = vec![format!("kural {} ({from}{version})", evidence.rule)];
    parts.extend(evidence.basis.as_ref().map(|basis| format!("hukuki dayanak: {basis}")));
    parts.extend(evidence.source.as_ref().map(|source| format!("sorulan {source}")));
    parts.extend(evidence.brand.as_ref().map(|brand| format!("marka {brand}")));
    parts.extend(evidence.asked_at.map(|at| format!("zaman {}", local(at))));
    parts.extend(evidence.request_id.as_ref().map(|id| format!("istek {id}")));
    parts.extend(evidence.answer.as_ref().map(|answer| format!("yanıt: {answer}")));
    parts.extend(evidence.word.as_ref().map(|known| format!("kayıttaki söz, {}", word(known))));
    parts.extend(evidence.opt_in.as_ref().map(|known| format!("kanal izni, {}", word(known))));
    parts.join(", ")
}

/// What the registry said of a channel, when, and which fact tells more.
fn word(known: &WordEvidence) -> String {
    let at = known.said_at.map(|at| format!(", zaman {}", local(at))).unwrap_or_default();
    let fact = known.fact.as_ref().map(|fact| format!(" ({fact})")).unwrap_or_default();
    let said = match known.said.as_str() {
        "given" => "izin verdi",
        "refused" => "reddetti",
        _ => "kayıt yok",
    };
    format!("{}: {said}{at}{fact}", known.channel)
}

pub(super) fn next(now: Situation<'_>) -> Vec<String> {
    let row = now.row;
    let due = row.due_at.map(local).unwrap_or_default();
    let lane = row.lane.as_deref().unwrap_or("?");
    match row.state {
        State::Waiting => {
            let mut lines = vec![match now.lane {
                Some(trouble) if trouble.is_paused() => format!(
                    "hat {lane} bir kişi tarafından durduruldu ({}; {}): `ulak lane resume {lane} --reason …` denene kadar bekler",
                    local(trouble.since),
                    trouble.why
                ),
                Some(trouble) if trouble.state != LaneState::Open => format!(
                    "hat {lane} kapalı ({}; {}), sıradaki yoklama {}: hat açılınca gider, en erken {due}",
                    local(trouble.since),
                    trouble.why,
                    local(trouble.probe_at)
                ),
                _ => format!("yeniden karar zamanı {due}, hat {lane}"),
            }];
            lines.push(format!(
                "şu ana kadar gitmezse zamanı geçmiş sayılır: {}",
                local(row.expires_at)
            ));
            lines
        }
        State::Released => vec![format!(
            "bir işçi {}. kopyayı alır; almazsa yeniden verilir: {due}",
            row.fence
        )],
        State::Sending => vec![format!(
            "işçisi sonucu yazar; geri dönmezse denemenin sonucu bilinmiyor sayılır: {due}"
        )],
        State::Unknown => vec![format!(
            "körlemesine yeniden gönderilmez: sağlayıcıya yeniden sorulur: {due}; gecikmiş bir yanıt geçerlidir"
        )],
        State::Suppressed if row.why == "no-consent" => vec![
            "başka bir şey olmaz. Kişi onay verirse onayı İYS kayıtlarına girin (consent.source = \"registry\" ise `ulak consent record` ile kaydedin); klinik olayı yeni bir numarayla yayımlasın".to_owned(),
        ],
        State::Suppressed if row.why == "no-opt-in" => vec![
            "başka bir şey olmaz. Kişi WhatsApp için izin verirse `ulak consent record` ile kaydedin; klinik olayı yeni bir numarayla yayımlasın".to_owned(),
        ],
        State::DeadLettered if now.handled => {
            vec!["başka bir şey olmaz: bir kişi ilgilendi".to_owned()]
        }
        State::DeadLettered => vec![
            format!("kendiliğinden bir şey olmaz. Nedenini giderin, sonra ne olacağına bakın: ulak dead-letter replay {}", row.ntf),
            "ya da klinik düzeltilmiş olayı yeniden yayımlasın; reddedilen olayın numarası boştadır".to_owned(),
        ],
        State::Unresolved => vec![
            "kendiliğinden bir şey olmaz: ileti telefona ulaşmış olabilir. Sağlayıcıya sorun; gecikmiş bir yanıt geçerlidir".to_owned(),
        ],
        State::Refused => {
            vec!["başka bir şey olmaz: sağlayıcının reddi bu ileti için kesindir".to_owned()]
        }
        State::Accepted if row.due_at.is_some() => {
            vec![format!("haber gelmezse sıradaki kanal denenir, zamanı {due}")]
        }
        State::Accepted => {
            vec!["buradan başka bir şey olmaz: sağlayıcıdan gecikmiş bir teslim bilgisi geçerlidir".to_owned()]
        }
        _ => vec!["başka bir şey olmaz".to_owned()],
    }
}
