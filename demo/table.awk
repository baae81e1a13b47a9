# What became of each event against what must have: `awk -v show=1 -f table.awk PLACES MESSAGES TEXTS EXPECTED`.
#
#   PLACES    `ulak log list --json`: where each event is
#   MESSAGES  /_simulator/messages: what Netgsm took
#   TEXTS     `ulak log explain --reveal --json` of each event: the text that the ledger keeps
#   EXPECTED  expected.txt
#
# Without `show` it says nothing and only ends with 0 (all as foreseen) or 1; MESSAGES and TEXTS may then be empty.
# Plain POSIX awk: Debian has one everywhere. The JSON is our own: flat objects, one a line; strings are told by their key.

# The value of the first KEY in LINE, from character FROM on; AFTER is where it ends.
function value(line, key, from,   rest, text) {
  rest = substr(line, from)
  AFTER = 0
  if (!match(rest, "\"" key "\":(\"([^\"\\\\]|\\\\.)*\"|-?[0-9]+)")) return ""
  AFTER = from + RSTART + RLENGTH - 1
  text = substr(rest, RSTART + length(key) + 3, RLENGTH - length(key) - 3)
  if (substr(text, 1, 1) == "\"") {
    text = substr(text, 2, length(text) - 2)
    gsub(/\\"/, "\"", text); gsub(/\\n/, " ", text); gsub(/\\\\/, "\\", text)
  }
  return text
}

function trim(text) { gsub(/^[ \t]+|[ \t]+$/, "", text); return text }
function starts(text, with) { return substr(text, 1, length(with)) == with }
function paint(colour, text) { return colours ? "\033[" colour "m" text "\033[0m" : text }
function wrong(line) { bad[++bads] = line }
function place_of(event, why,   i) {
  for (i = 1; i <= places; i++) {
    if (id[i] == event) return i
    # a refused event has no id in the ledger's list
    if (id[i] == "" && why != "" && starts(why_of[i], why)) return i
  }
  return 0
}

FILENAME != before { before = FILENAME; file++ }

file == 1 {
  id[++places] = value($0, "id", 1)
  ntf[places] = value($0, "ntf", 1)
  state[places] = value($0, "state", 1)
  why_of[places] = value($0, "why", 1)
  attempts[places] = value($0, "attempts", 1)
}

file == 2 {
  for (at = 1; ; at = AFTER) {
    taken = value($0, "text", at)
    if (!AFTER) break
    sent[taken]++
    messages++
  }
}

file == 3 {
  known = value($0, "ntf", 1)
  for (at = 1; ; at = AFTER) {
    last = value($0, "text", at)
    if (!AFTER) break
    text[known] = last
  }
  verdict[known] = value($0, "verdict", 1)
}

file == 4 {
  if ($0 ~ /^#/ || trim($0) == "") next
  if (split($0, part, "|") == 1) {
    if (show) printf "\n%s\n", paint("1", $0)
    next
  }
  event = trim(part[1]); want = trim(part[2]); reason = trim(part[3]); least = trim(part[4]); texts = trim(part[5])
  foreseen++
  all_texts += texts
  i = place_of(event, reason)
  if (!i) { wrong(event ": is not in the ledger; must be " want); next }
  fits = state[i] == want && starts(why_of[i], reason) && attempts[i] + 0 >= least + 0
  if (!fits) wrong(event ": is " state[i] " (" why_of[i] ") after " attempts[i] " attempts; must be " want " (" reason ") after " least)
  if (show && texts > 0 && (text[ntf[i]] == "" || sent[text[ntf[i]]] != texts))
    wrong(event ": Netgsm took its text " sent[text[ntf[i]]] + 0 " times; must be " texts)
  if (!show) next
  colour = want == "accepted" ? 32 : want == "dead-lettered" || want == "refused" || want == "unknown" ? 31 : 33
  shows = trim(part[6])
  why = why_of[i]
  if (length(why) > 44) why = substr(why, 1, 41) "..."
  printf "  %-23s %s %d  %-44s %s\n", event, paint(fits ? colour : 41, sprintf("%-13s", state[i])), attempts[i], why, shows
  if (texts > 0) printf "    %s\n", paint("36", text[ntf[i]])
}

END {
  if (show && messages != all_texts) wrong("Netgsm took " messages + 0 " messages; must be " all_texts)
  if (places != foreseen) wrong("the ledger has " places + 0 " events; must be " foreseen)
  for (i = 1; i <= bads; i++) if (show || tell) print "  NOT AS FORESEEN  " bad[i]
  exit bads > 0
}
