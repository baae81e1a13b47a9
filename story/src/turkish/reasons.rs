//! What each reason means, in Turkish.

use crate::words::first_words;

/// What a reason means; `None` where it says so itself.
pub(crate) fn meaning(why: &str) -> Option<&'static str> {
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
