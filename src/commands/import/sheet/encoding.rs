//! Bytes of a text file as text: what Excel and clinic programs of Türkiye write.

use anyhow::bail;
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1254};

/// Text and what it was written in.
#[derive(Debug)]
pub(super) struct Decoded {
    pub(super) text: String,
    pub(super) encoding: &'static str,
}

/// UTF-8 and UTF-16 with or without a mark at the beginning; what is neither is Windows-1254, which Turkish Excel writes.
///
/// # Errors
/// It was UTF-8 and is damaged: read in another way, every name would be wrong.
pub(super) fn decode(bytes: &[u8]) -> anyhow::Result<Decoded> {
    let (marked, rest) = match Encoding::for_bom(bytes) {
        Some((encoding, mark)) => (Some(encoding), &bytes[mark..]),
        None => (unmarked_utf_16(bytes), bytes),
    };
    if let Some(encoding) = marked.filter(|encoding| *encoding != UTF_8) {
        let (text, broken) = encoding.decode_without_bom_handling(rest);
        if broken || rest.len() % 2 == 1 {
            bail!("is damaged: it begins as {} and is none; save it again", encoding.name());
        }
        return Ok(Decoded { text: text.into_owned(), encoding: encoding.name() });
    }
    // some programs put the mark of UTF-8 before whatever they write
    let valid = std::str::from_utf8(rest);
    if let Ok(text) = valid {
        return Ok(Decoded { text: text.to_owned(), encoding: "UTF-8" });
    }
    if let Some(line) = damaged_utf_8(rest) {
        bail!(
            "line {line}: is damaged: the file is UTF-8, and here is a byte that is not; save it again as UTF-8"
        );
    }
    let (text, _) = WINDOWS_1254.decode_without_bom_handling(rest);
    Ok(Decoded { text: text.into_owned(), encoding: "Windows-1254" })
}

/// Latin text in UTF-16 is zeros in every other byte.
fn unmarked_utf_16(bytes: &[u8]) -> Option<&'static Encoding> {
    let start = &bytes[..bytes.len().min(512)];
    let zeros = |from: usize| start.iter().skip(from).step_by(2).filter(|byte| **byte == 0).count();
    let most = start.len() / 2;
    let (first, second) = (zeros(0), zeros(1));
    if most < 4 {
        return None;
    }
    if second * 10 >= most * 6 && first * 10 < most {
        Some(UTF_16LE)
    } else if first * 10 >= most * 6 && second * 10 < most {
        Some(UTF_16BE)
    } else {
        None
    }
}

/// The line of the first wrong byte, if there are Turkish letters in UTF-8 elsewhere: their pairs of bytes are no Turkish in any other
/// encoding.
fn damaged_utf_8(bytes: &[u8]) -> Option<usize> {
    const LETTERS: [&str; 12] = ["ç", "Ç", "ö", "Ö", "ü", "Ü", "ğ", "Ğ", "ı", "İ", "ş", "Ş"];
    let any = bytes.windows(2).any(|pair| LETTERS.iter().any(|letter| letter.as_bytes() == pair));
    let valid_to = std::str::from_utf8(bytes).err()?.valid_up_to();
    any.then(|| bytes[..valid_to].split(|byte| *byte == b'\n').count())
}
