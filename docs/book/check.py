#!/usr/bin/env python3
"""Holds the two books (docs/book/en, docs/book/tr) to the code and to each other. Standard library only (Python 3.11 or later).

    docs/book/check.py            one line a fault: FILE:LINE: what is wrong; exit 1 if there is any

What it holds:
  chapters   both books have the same SUMMARY (files, order, depth), each file is listed once, nothing lies beside it
  events     each event in a JSON fence is, as it stands, one of schemas/examples (ok-*.json) or of schemas/outcomes/examples
  fences     chapter by chapter both have the same fences in the same order; JSON is the same in both, and parses
  links      each relative link stays inside its book and resolves; each anchor is a heading or an <a id="…">
  keys       each key in a `toml` fence stands in src/config/default.toml (accounts, clinics, templates by any name)
  commands   each `ulak …` line of a fence, and each `ulak …` in code marks, names a command and flags of docs/cli.md
  paths      each repository path in code marks (docs/…, deploy/…) exists
  labels     what audit/pages.md has in italics is a text of the pages (gateway/pages/*.json) in that language
  names      alerts (Ulak…) stand in docs/runbook.md, metrics (ulak_…) in docs/metrics.md
  texts      WhatsApp texts to submit are sentences of templates/messages (marked <!-- template: TYPE -->)
"""

import json
import re
import shlex
import sys
import tomllib
from pathlib import Path

BOOK = Path(__file__).resolve().parent
REPO = BOOK.parent.parent
LANGUAGES = ("en", "tr")

FENCE = re.compile(r"^(?P<marks>```+|~~~+)(?P<info>.*)$")
LINK = re.compile(r"(?<!!)\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^()\s]+)\)")
CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
SUMMARY_LINE = re.compile(r"^(?P<indent>\s*)(?:[-*]\s+)?\[[^\]]+\]\((?P<file>[^)]+)\)\s*$")
REPO_PATH = re.compile(r"^(docs|src|schemas|templates|deploy|scripts|simulator|bench|demo|tests|gateway|bus)/[\w./@-]*$")
# Words that stand for something to fill in: ID, LANE, EVENT.json, ntf_…, <id>.
PLACEHOLDER_COMMAND = re.compile(r"^ulak\s+…")

faults: list[str] = []


def fault(path: Path, line: int, what: str) -> None:
    faults.append(f"{path.relative_to(REPO)}:{line}: {what}")


class Page:
    """One Markdown file, taken apart into prose lines and fences."""

    def __init__(self, path: Path):
        self.path = path
        self.prose: list[tuple[int, str]] = []
        self.fences: list[tuple[int, str, str]] = []  # line, info, text
        self.anchors: set[str] = set()
        self.marked: dict[int, str] = {}  # line of a fence: the comment right above it
        self._read()

    def _read(self) -> None:
        lines = self.path.read_text(encoding="utf-8").splitlines()
        start, info, marks, body = 0, "", "", []
        comment = ""
        for number, line in enumerate(lines, 1):
            stripped = line.strip()
            if marks:
                if stripped == marks:
                    self.fences.append((start, info, "\n".join(body)))
                    marks, body = "", []
                else:
                    body.append(line)
                continue
            opening = FENCE.match(stripped)
            if opening:
                start, marks, info = number, opening["marks"], opening["info"].strip()
                if comment:
                    self.marked[number] = comment
                comment = ""
                continue
            if stripped.startswith("<!--"):
                comment = stripped
            elif stripped:
                comment = ""
            self.prose.append((number, line))
        if marks:
            fault(self.path, start, "a fence that is never closed")
        self._anchors()

    def _anchors(self) -> None:
        seen: dict[str, int] = {}
        for _, line in self.prose:
            self.anchors.update(re.findall(r'<a id="([^"]+)"></a>', line))
            heading = re.match(r"^#{1,6}\s+(.*?)\s*#*$", line)
            if not heading:
                continue
            slug = slug_of(heading[1])
            count = seen.get(slug, 0)
            seen[slug] = count + 1
            self.anchors.add(slug if count == 0 else f"{slug}-{count}")


def slug_of(heading: str) -> str:
    """The id that GitHub and mdBook give a heading: both drop punctuation and write - for a blank."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    text = re.sub(r"[`*]|</?[a-z][^>]*>", "", text).strip().lower()
    return "".join("-" if c == " " else c for c in text if c.isalnum() or c in " -_\u0307")


def summary(language: str) -> list[tuple[int, str]]:
    """Depth and file of each chapter, in order."""
    path = BOOK / language / "src" / "SUMMARY.md"
    chapters = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if "](" not in line:
            continue
        found = SUMMARY_LINE.match(line)
        if not found:
            fault(path, number, "no line of a SUMMARY: one link, perhaps behind a dash")
            continue
        chapters.append((len(found["indent"]), found["file"]))
    return chapters


def check_chapters(chapters: dict[str, list[tuple[int, str]]]) -> None:
    first, second = LANGUAGES
    for index in range(max(len(chapters[first]), len(chapters[second]))):
        ours = chapters[first][index : index + 1]
        theirs = chapters[second][index : index + 1]
        if ours != theirs:
            fault(BOOK / second / "src" / "SUMMARY.md", index + 1, f"chapter {index + 1} is {theirs}, and {ours} in {first}")
            break
    for language in LANGUAGES:
        src = BOOK / language / "src"
        listed = [file for _, file in chapters[language]]
        for file in sorted(set(listed)):
            if listed.count(file) > 1:
                fault(src / "SUMMARY.md", 1, f"{file} is listed twice")
            if not (src / file).is_file():
                fault(src / "SUMMARY.md", 1, f"{file} does not exist")
        for path in sorted(src.rglob("*.md")):
            name = path.relative_to(src).as_posix()
            if name != "SUMMARY.md" and name not in listed:
                fault(path, 1, "is in no SUMMARY")


def check_pairs(first: Page, second: Page) -> None:
    ours, theirs = ([info for _, info, _ in page.fences] for page in (first, second))
    if ours != theirs:
        fault(second.path, 1, f"its fences are {theirs}, those of {first.path.relative_to(BOOK)} are {ours}")
        return
    for (_, info, text), (line, _, other) in zip(first.fences, second.fences, strict=True):
        if info == "json" and text != other:
            fault(second.path, line, f"this JSON differs from that of {first.path.relative_to(BOOK)}")


def check_links(page: Page, pages: dict[Path, Page], src: Path) -> None:
    for number, line in page.prose:
        for target in LINK.findall(CODE.sub("", line)):
            if re.match(r"^[a-z]+:", target):
                if not target.startswith(("https://", "http://", "mailto:")):
                    fault(page.path, number, f"{target}: no address that a browser opens")
                continue
            file, _, anchor = target.partition("#")
            there = (page.path.parent / file).resolve() if file else page.path
            if src not in there.parents:
                fault(page.path, number, f"{target} leaves the book: name the file in code marks")
            elif there not in pages:
                fault(page.path, number, f"{target} does not exist")
            elif anchor and anchor not in pages[there].anchors:
                fault(page.path, number, f"{target}: there is no such anchor")


def known_keys() -> set[tuple[str, ...]]:
    """Every key of the built-in configuration, those with a # before them too."""
    text = (REPO / "src/config/default.toml").read_text(encoding="utf-8")
    lines = [re.sub(r'^#(?=\[|"|[a-z])', "", line) for line in text.splitlines()]
    lines = [line for line in lines if re.match(r'^(\[[\w."-]+\]|"?[\w.-]+"?\s*=)', line)]
    return set(paths_of(tomllib.loads("\n".join(lines))))


def paths_of(table: dict, above: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Paths of all values, with * for names that a person chooses."""
    found = []
    for key, value in table.items():
        path = (*above, "*" if is_free(above) else key)
        if isinstance(value, dict):
            found += paths_of(value, path)
        else:
            found.append(path)
    return found


def is_free(above: tuple[str, ...]) -> bool:
    """Whether the names below this section are chosen: clinics, accounts, templates, event types of a clinic."""
    return (
        above in {("clinics",), ("whatsapp", "templates")}
        or (len(above) == 3 and above[0] == "providers" and above[2] == "accounts")
        or (len(above) == 3 and above[0] == "clinics" and above[2] in {"consent", "consent_basis", "fallback_after"})
    )


def check_json(page: Page) -> None:
    for line, info, text in page.fences:
        if info != "json":
            continue
        try:
            value = json.loads(text)
        except json.JSONDecodeError as error:
            fault(page.path, line, f"no JSON: {error}")
            continue
        if isinstance(value, dict) and "specversion" in value:
            name = str(value.get("type"))
            examples = [*(REPO / "schemas/examples" / name).glob("ok-*.json"), *(REPO / "schemas/outcomes/examples" / name).glob("*.json")]
            known = [json.loads(file.read_text(encoding="utf-8")) for file in examples]
            if value not in known:
                fault(page.path, line, "this event is none of schemas/examples")


def check_toml(page: Page, keys: set[tuple[str, ...]]) -> None:
    for line, info, text in page.fences:
        if info != "toml":
            continue
        try:
            found = paths_of(tomllib.loads(text))
        except tomllib.TOMLDecodeError as error:
            fault(page.path, line, f"no TOML: {error}")
            continue
        for path in found:
            if path not in keys:
                fault(page.path, line, f"{'.'.join(path)} is no key of src/config/default.toml")


def known_commands() -> dict[tuple[str, ...], str]:
    """Each command of docs/cli.md with the text of its section; flags of every command under the empty name."""
    commands: dict[tuple[str, ...], str] = {(): "--config --json --help --version"}
    current: list[tuple[str, ...]] = []
    for line in (REPO / "docs/cli.md").read_text(encoding="utf-8").splitlines():
        heading = re.match(r"^#{2,4}\s", line)
        if heading:
            current = []
            for synopsis in re.findall(r"`ulak ([^`]+)`", line):
                words = []
                for word in synopsis.split():
                    if not re.fullmatch(r"[a-z][a-z-]*", word):
                        break
                    words.append(word)
                commands.setdefault(tuple(words), "")
                current.append(tuple(words))
        for name in current:
            commands[name] += line + "\n"
    return commands


def check_command(page: Page, line: int, text: str, commands: dict[tuple[str, ...], str]) -> None:
    if PLACEHOLDER_COMMAND.match(text):
        return
    try:
        words = shlex.split(re.split(r"\s(?:[|>;]|&&)|\s#", text)[0])[1:]
    except ValueError as error:
        fault(page.path, line, f"{text}: {error}")
        return
    name: list[str] = []
    rest = iter(range(len(words)))
    for index in rest:
        if words[index] == "--config":
            next(rest, None)
        elif re.fullmatch(r"[a-z][a-z-]*", words[index]) and (*name, words[index]) in prefixes(commands):
            name.append(words[index])
        elif not words[index].startswith("--"):
            break
    is_group = any(len(known) > len(name) and known[: len(name)] == tuple(name) for known in commands)
    flags = [word.split("=")[0] for word in words if word.startswith("--")]
    if not name and words and not words[0].startswith("-"):
        fault(page.path, line, f"ulak {words[0]}: no command of docs/cli.md")
    elif tuple(name) not in commands and words[len(name) :]:
        fault(page.path, line, f"ulak {' '.join(words[: len(name) + 1])}: no command of docs/cli.md")
    sections = [section for known, section in commands.items() if known[: len(name)] == tuple(name)] if is_group else []
    section = commands.get(tuple(name), "") + "".join(sections)
    for flag in flags:
        if not re.search(rf"{re.escape(flag)}(?![\w-])", section + commands[()]):
            fault(page.path, line, f"ulak {' '.join(name)}: {flag} is no flag of it in docs/cli.md")


def prefixes(commands: dict[tuple[str, ...], str]) -> set[tuple[str, ...]]:
    return {name[:length] for name in commands for length in range(1, len(name) + 1)}


def check_commands(page: Page, commands: dict[tuple[str, ...], str]) -> None:
    for start, info, text in page.fences:
        if info not in {"sh", "console", "text", ""}:
            continue
        joined = re.sub(r"\\\n\s*", "  ", text)
        for offset, line in enumerate(joined.splitlines(), 1):
            command = re.match(r"^\s*(?:\$ )?(ulak .*)$", line)
            if command and info != "text":
                check_command(page, start + offset, command[1], commands)
    for number, line in page.prose:
        for code in CODE.findall(line):
            if code.startswith("ulak "):
                check_command(page, number, code, commands)


def check_names(page: Page, runbook: str, metrics: str) -> None:
    texts = page.prose + [(line, text) for line, _, text in page.fences]
    for number, text in texts:
        for alert in re.findall(r"`(Ulak[A-Z]\w+)`", text):
            if f"### {alert}\n" not in runbook:
                fault(page.path, number, f"{alert} is no alert of docs/runbook.md")
        for metric in re.findall(r"\bulak_[a-z]+_[a-z_]+\b", text):
            if metric not in metrics and metric not in {"ulak_worker", "ulak_scheduler"}:
                fault(page.path, number, f"{metric} is no metric of docs/metrics.md")
        for code in CODE.findall(text):
            if REPO_PATH.match(code) and not (REPO / code).exists():
                fault(page.path, number, f"{code} does not exist in the repository")


def check_labels(page: Page, language: str) -> None:
    """The auditors' pages are named as they name themselves."""
    if page.path.name != "pages.md":
        return
    texts: set[str] = set()
    for file in sorted((REPO / "gateway/pages").glob(f"{language}*.json")):
        texts.update(text.rstrip(":…") for text in json.loads(file.read_text(encoding="utf-8")).values())
    for number, line in page.prose:
        plain = re.sub(r"\*\*[^*]+\*\*", "", CODE.sub("", line))
        for label in re.findall(r"(?<!\*)\*([^*]+)\*(?!\*)", plain):
            if label not in texts:
                fault(page.path, number, f"{label}: no text of gateway/pages/{language}*.json")


def sentences(text: str) -> list[str]:
    """Sentences with § for whatever varies, blanks made one."""
    flat = " ".join(text.split())
    return [part.strip(" .") for part in re.split(r"\.(?=\s|$)", flat) if part.strip(" .")]


def unfolded(template: str, taken: bool) -> str:
    """The text with every `if` taken, or every one left for its `else`, from the innermost outwards."""
    innermost = re.compile(r"\{% if [^%]*%\}((?:(?!\{% (?:if|endif)).)*)\{% endif %\}", re.DOTALL)

    def branch(found: re.Match) -> str:
        first, _, other = found[1].partition("{% else %}")
        return first if taken else other

    while innermost.search(template):
        template = innermost.sub(branch, template)
    return template


def check_texts(page: Page) -> None:
    """A text to submit says what Ulak's own text says: only its optional parts may be missing."""
    for line, _, text in page.fences:
        mark = re.match(r"<!-- template: ([\w-]+)/(tr|en)(?:; own sentences: (\d+))? -->", page.marked.get(line, ""))
        if not mark:
            continue
        source = REPO / "templates/messages" / mark[1] / mark[2] / "sms.txt"
        if not source.is_file():
            fault(page.path, line, f"{source.relative_to(REPO)} does not exist")
            continue
        read = source.read_text(encoding="utf-8")
        ours = [re.sub(r"\{\{.*?\}\}", "§", unfolded(read, taken)) for taken in (True, False)]
        theirs = re.sub(r"\{\{\d+\}\}|\b0\d{3} \d{3} \d{2} \d{2}\b|Ataşehir Diş Kliniği", "§", text)
        squeeze = lambda s: re.sub(r"[\s.,]+", " ", s).strip()  # noqa: E731
        known = {squeeze(sentence) for variant in ours for sentence in sentences(variant)}
        own = [s for s in sentences(theirs) if squeeze(s) not in known and set(squeeze(s)) != {"§", " "}]
        if len(own) != int(mark[3] or 0):
            fault(page.path, line, f"sentences that {source.relative_to(REPO)} does not have: {own}")


def main() -> int:
    chapters = {language: summary(language) for language in LANGUAGES}
    check_chapters(chapters)
    keys, commands = known_keys(), known_commands()
    runbook = (REPO / "docs/runbook.md").read_text(encoding="utf-8")
    metrics = (REPO / "docs/metrics.md").read_text(encoding="utf-8")
    books: dict[str, dict[Path, Page]] = {}
    for language in LANGUAGES:
        src = (BOOK / language / "src").resolve()
        books[language] = {path: Page(path) for path in sorted(src.rglob("*.md"))}
        for page in books[language].values():
            check_links(page, books[language], src)
            check_json(page)
            check_toml(page, keys)
            check_commands(page, commands)
            check_names(page, runbook, metrics)
            check_texts(page)
            check_labels(page, language)
    first, second = (BOOK / language / "src" for language in LANGUAGES)
    for path, page in books[LANGUAGES[0]].items():
        other = second.resolve() / path.relative_to(first.resolve())
        if other in books[LANGUAGES[1]]:
            check_pairs(page, books[LANGUAGES[1]][other])
    for line in faults:
        print(line)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
