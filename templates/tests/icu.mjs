// Writes dates, near days and amounts as ICU does, an independent judge of ours.
// stdin: {"moments":[{"at","zone"}],"amounts":[{"amount","currency"}]}; stdout: the same in words. Run by it/icu.rs.
import { readFileSync } from "node:fs";

const asked = JSON.parse(readFileSync(0, "utf8"));
const part = (parts, type) => parts.find((p) => p.type === type).value;

const formats = new Map();
function format(locale, timeZone) {
  const key = `${locale} ${timeZone}`;
  if (!formats.has(key)) {
    formats.set(key, new Intl.DateTimeFormat(locale, {
      weekday: "long", day: "numeric", month: "long", year: "numeric",
      hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone,
    }));
  }
  return formats.get(key);
}

const moments = asked.moments.map(({ at, zone }) => {
  const instant = new Date(at);
  const english = format("en-GB", zone).formatToParts(instant);
  const [day, month, year, weekday, hour, minute] =
    ["day", "month", "year", "weekday", "hour", "minute"].map((type) => part(english, type));
  return {
    // The whole line, word order and all, is ICU's.
    tr: format("tr-TR", zone).format(instant),
    en: `${weekday} ${day} ${month} ${year}, ${hour}:${minute}`,
  };
});

// The amount alone: the sign of the currency is what our texts write otherwise on purpose.
function amount(locale, value, currency) {
  const shown = new Intl.NumberFormat(locale, { style: "currency", currency }).formatToParts(value);
  const kept = ["integer", "group", "decimal", "fraction"];
  return shown.filter((p) => kept.includes(p.type)).map((p) => p.value).join("");
}

const amounts = asked.amounts.map(({ amount: value, currency }) => ({
  tr: amount("tr-TR", value, currency),
  en: amount("en-GB", value, currency),
}));

const near = ["tr", "en"].map((locale) => {
  const days = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
  return [days.format(0, "day"), days.format(1, "day")];
});

console.log(JSON.stringify({ icu: process.versions.icu, moments, amounts, near }));
