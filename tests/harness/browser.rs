//! Chromium without a window, driven over the W3C WebDriver wire: as a person uses the pages, with keys and clicks.
//!
//! By hand, since the dozen commands are JSON over HTTP, and the library for it (fantoccini 0.22) brings 22 crates with a second `http`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use reqwest::{Client, Method};
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::process::PATIENCE;
use super::services::{folder, needed};

/// The name under which WebDriver gives an element (W3C WebDriver §12.1).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
/// What a machine without Chromium is told.
const MISSING: &str = "Chromium is not installed; as root: apt-get update && apt-get install -y --no-install-recommends \
    chromium chromium-driver (scripts/test does it)";
/// How long an element may take to be there, and a script to end, milliseconds.
const SOON_MS: u32 = 10_000;
/// Pause between two looks at a folder.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Keys that have no character (W3C WebDriver §17.4.2).
pub mod key {
    /// Tab.
    pub const TAB: &str = "\u{e004}";
    /// Enter.
    pub const ENTER: &str = "\u{e007}";
    /// Space.
    pub const SPACE: &str = " ";
}

/// What differs from browser to browser.
#[derive(Debug, Clone, Copy)]
pub struct Wishes {
    /// Whether pages may run scripts.
    pub scripts: bool,
    /// Width and height of the window.
    pub size: (u32, u32),
}

impl Default for Wishes {
    fn default() -> Self {
        Self { scripts: true, size: (1_280, 900) }
    }
}

/// A browser of its own, with nothing in it. It ends when this is dropped.
pub struct Browser {
    driver: Child,
    client: Client,
    /// Address of the session.
    session: String,
    /// Where downloads go.
    pub downloads: PathBuf,
    _folder: TempDir,
}

/// Something on the page.
#[derive(Debug, Clone)]
pub struct Element {
    id: String,
    /// How it was found, for failures.
    by: String,
}

impl Browser {
    /// Starts one to these wishes.
    pub async fn start_with(wishes: Wishes) -> Self {
        let (kept, folder) = folder();
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .env("HOME", &folder)
            .env("TMPDIR", &folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // Chromium's own processes stay in the group, and end with it
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("chromedriver does not start ({error}). {MISSING}"));
        let port = port(&mut driver).await;
        let client = Client::builder().no_proxy().timeout(PATIENCE).build().expect("a client");
        let downloads = folder.join("downloads");
        std::fs::create_dir(&downloads).expect("a folder");
        let root = format!("http://127.0.0.1:{port}/session");
        let mut browser = Self { driver, client, session: root, downloads, _folder: kept };
        let wanted = capabilities(wishes, &folder, &browser.downloads);
        let made = browser.say(Method::POST, "", wanted).await;
        let made = made.unwrap_or_else(|said| panic!("Chromium does not start: {said}. {MISSING}"));
        let id = made["sessionId"].as_str().expect("a session").to_owned();
        let _ = write!(browser.session, "/{id}");
        browser
    }

    /// One command; an error is the driver's words.
    async fn say(&self, method: Method, path: &str, body: Value) -> Result<Value, String> {
        let mut request = self.client.request(method.clone(), format!("{}{path}", self.session));
        if method == Method::POST {
            request = request.json(&body);
        }
        let answer = request.send().await.map_err(|error| error.to_string())?;
        let is_good = answer.status().is_success();
        let mut said: Value = answer.json().await.map_err(|error| error.to_string())?;
        let value = said["value"].take();
        if is_good {
            return Ok(value);
        }
        let message = value["message"].as_str().unwrap_or_default();
        Err(format!("{}: {}", value["error"], message.lines().next().unwrap_or_default()))
    }

    async fn told(&self, path: &str, body: Value) -> Value {
        match self.say(Method::POST, path, body).await {
            Ok(value) => value,
            Err(said) => panic!("{path}: {said}\n{}", self.seen().await),
        }
    }

    async fn asked(&self, path: &str) -> Value {
        let asked = self.say(Method::GET, path, Value::Null).await;
        asked.unwrap_or_else(|said| panic!("{path}: {said}"))
    }

    /// Where it is and what a person reads there, for failures.
    async fn seen(&self) -> String {
        let url = self.say(Method::GET, "/url", Value::Null).await.unwrap_or_default();
        let source = self.say(Method::GET, "/source", Value::Null).await.unwrap_or_default();
        let source = source.as_str().unwrap_or_default();
        let main = source.find("<main").map_or(source, |at| &source[at..]);
        format!("at {url}:\n{}", main.chars().take(3_000).collect::<String>())
    }

    /// Goes to an address.
    pub async fn go(&self, url: &str) {
        self.told("/url", json!({ "url": url })).await;
    }

    /// Where it is.
    pub async fn url(&self) -> String {
        self.asked("/url").await.as_str().expect("an address").to_owned()
    }

    /// Title of the page.
    pub async fn title(&self) -> String {
        self.asked("/title").await.as_str().expect("a title").to_owned()
    }

    /// The page as it stands.
    pub async fn source(&self) -> String {
        self.asked("/source").await.as_str().expect("a page").to_owned()
    }

    /// The first element of a CSS selector; it has a moment to appear.
    pub async fn find(&self, css: &str) -> Element {
        self.by("css selector", css).await
    }

    async fn by(&self, using: &str, value: &str) -> Element {
        let found = self.told("/element", json!({ "using": using, "value": value })).await;
        Element { id: id_of(&found), by: value.to_owned() }
    }

    /// Every element of a CSS selector that is there now.
    pub async fn all(&self, css: &str) -> Vec<Element> {
        self.told("/timeouts", json!({ "implicit": 0 })).await;
        let found = self.told("/elements", json!({ "using": "css selector", "value": css })).await;
        self.told("/timeouts", json!({ "implicit": SOON_MS })).await;
        let found = found.as_array().expect("elements").iter();
        found.map(|one| Element { id: id_of(one), by: css.to_owned() }).collect()
    }

    /// What has the focus.
    pub async fn focused(&self) -> Element {
        let found = self.asked("/element/active").await;
        Element { id: id_of(&found), by: "what has the focus".to_owned() }
    }

    /// Clicks, and waits until the page that it was on has given way to another one.
    pub async fn follow(&self, element: &Element) {
        self.click(element).await;
        let give_up = Instant::now() + PATIENCE;
        let path = format!("/element/{}/name", element.id);
        while self.say(Method::GET, &path, Value::Null).await.is_ok() {
            assert!(
                Instant::now() < give_up,
                "{} leads nowhere\n{}",
                element.by,
                self.seen().await
            );
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// [`follow`](Self::follow)s the first element of a CSS selector: a link, or the button of a form.
    pub async fn go_by(&self, css: &str) {
        let element = self.find(css).await;
        self.follow(&element).await;
    }

    /// Clicks.
    pub async fn click(&self, element: &Element) {
        let path = format!("/element/{}/click", element.id);
        if let Err(said) = self.say(Method::POST, &path, json!({})).await {
            panic!("{} cannot be clicked: {said}\n{}", element.by, self.seen().await);
        }
    }

    /// Clicks the first element of a CSS selector.
    pub async fn press(&self, css: &str) {
        let element = self.find(css).await;
        self.click(&element).await;
    }

    /// Replaces what is in a field.
    pub async fn fill(&self, css: &str, text: &str) {
        let field = self.find(css).await;
        self.told(&format!("/element/{}/clear", field.id), json!({})).await;
        self.told(&format!("/element/{}/value", field.id), json!({ "text": text })).await;
    }

    /// Keys one after another, wherever the focus is.
    pub async fn keys(&self, keys: &str) {
        let strokes: Vec<Value> = keys
            .chars()
            .flat_map(|key| {
                let key = key.to_string();
                [
                    json!({ "type": "keyDown", "value": key }),
                    json!({ "type": "keyUp", "value": key }),
                ]
            })
            .collect();
        let body = json!({ "actions": [{ "type": "key", "id": "keys", "actions": strokes }] });
        self.told("/actions", body).await;
    }

    /// What a person reads on an element.
    pub async fn text(&self, element: &Element) -> String {
        self.of(element, "text").await.as_str().unwrap_or_default().to_owned()
    }

    /// What a person reads on the first element of a CSS selector.
    pub async fn read(&self, css: &str) -> String {
        let element = self.find(css).await;
        self.text(&element).await
    }

    /// An attribute of an element.
    pub async fn attribute(&self, element: &Element, name: &str) -> Option<String> {
        let value = self.of(element, &format!("attribute/{name}")).await;
        value.as_str().map(str::to_owned)
    }

    async fn of(&self, element: &Element, what: &str) -> Value {
        self.asked(&format!("/element/{}/{what}", element.id)).await
    }

    /// What a script of ours returns. It runs past the page's own policy.
    pub async fn script(&self, text: &str, args: Value) -> Value {
        self.told("/execute/sync", json!({ "script": text, "args": args })).await
    }

    /// A command of Chromium's own protocol.
    pub async fn chromium(&self, command: &str, params: Value) {
        self.told("/goog/cdp/execute", json!({ "cmd": command, "params": params })).await;
    }

    /// As somebody sees it who asks for `light` or `dark`.
    pub async fn colours(&self, scheme: &str) {
        let feature = json!({ "name": "prefers-color-scheme", "value": scheme });
        self.chromium("Emulation.setEmulatedMedia", json!({ "features": [feature] })).await;
    }

    /// As on a screen this wide.
    pub async fn width(&self, width: u32) {
        let screen =
            json!({ "width": width, "height": 740, "deviceScaleFactor": 2, "mobile": true });
        self.chromium("Emulation.setDeviceMetricsOverride", screen).await;
    }

    /// How wide the page is, however narrow the screen.
    pub async fn page_width(&self) -> u64 {
        let text = "return document.documentElement.scrollWidth";
        self.script(text, json!([])).await.as_u64().expect("a width")
    }

    /// What axe finds against WCAG 2.2 AA and its own good practice, one line each; empty: nothing.
    pub async fn axe(&self) -> Vec<String> {
        let file = Path::new(&needed("ULAK_TEST_NODE_MODULES")).join("axe-core/axe.min.js");
        let axe = std::fs::read_to_string(&file)
            .unwrap_or_else(|error| panic!("{}: {error}: run scripts/test", file.display()));
        self.script(&axe, json!([])).await;
        let run = "const done = arguments[arguments.length - 1]; \
             const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']; \
             axe.run(document, { runOnly: { type: 'tag', values: tags }, rules: { 'target-size': { enabled: true } } }) \
               .then(r => done({ passes: r.passes.length, violations: r.violations.map(v => \
                  v.id + ': ' + v.nodes.map(n => n.target.join(' ') + ' (' + n.failureSummary.replace(/\\s+/g, ' ') + ')').join(' | ')) }), \
                 e => done({ passes: 0, violations: [String(e)] }));";
        let found = self.told("/execute/async", json!({ "script": run, "args": [] })).await;
        // a run that looked at nothing has proven nothing
        assert!(found["passes"].as_u64() > Some(5), "axe looked at nothing: {found}");
        let violations = found["violations"].as_array().expect("a list").iter();
        violations.map(|one| one.as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Waits for the one file that was downloaded whole; its name and content.
    pub async fn downloaded(&self) -> (String, String) {
        let give_up = Instant::now() + PATIENCE;
        loop {
            let files = std::fs::read_dir(&self.downloads).expect("a folder");
            let files: Vec<PathBuf> = files.map(|file| file.expect("a file").path()).collect();
            // while it arrives it has another name
            if let [file] = &files[..]
                && file.extension().is_some_and(|end| end != "crdownload" && end != "tmp")
                && !file.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'))
            {
                let name = file.file_name().expect("a name").to_string_lossy().into_owned();
                let content = std::fs::read_to_string(file).expect("UTF-8");
                return (name, content);
            }
            assert!(Instant::now() < give_up, "nothing was downloaded: {files:?}");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Forgets the session that it is logged in with.
    pub async fn forget(&self) {
        self.say(Method::DELETE, "/cookie", Value::Null).await.expect("forgotten");
    }

    /// Ends it.
    pub async fn close(mut self) {
        let _ = self.say(Method::DELETE, "", Value::Null).await;
        self.kill();
        let _ = self.driver.wait().await;
    }

    fn kill(&self) {
        if let Some(group) = self.driver.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?))
        {
            // it may have ended by itself
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What the driver says that it listens on.
async fn port(driver: &mut Child) -> u16 {
    let mut lines = BufReader::new(driver.stdout.take().expect("piped")).lines();
    let find = async {
        while let Some(line) = lines.next_line().await.expect("text") {
            let said = line.split_once(" on port ").map(|(_, rest)| rest.trim_end_matches('.'));
            if let Some(Ok(port)) = said.map(str::parse::<u16>)
                && port != 0
            {
                return port;
            }
        }
        panic!("chromedriver ended and named no port. {MISSING}")
    };
    let port = tokio::time::timeout(PATIENCE, find).await.expect("chromedriver names its port");
    // nobody reads what it says later, but it must not wait for a reader
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    port
}

fn capabilities(wishes: Wishes, folder: &Path, downloads: &Path) -> Value {
    let (width, height) = wishes.size;
    let mut args = vec![
        "--headless=new".to_owned(),
        "--disable-gpu".to_owned(),
        // small in containers
        "--disable-dev-shm-usage".to_owned(),
        "--disable-breakpad".to_owned(),
        "--disable-background-networking".to_owned(),
        // a page that still glides is clicked beside its mark
        "--force-prefers-reduced-motion".to_owned(),
        "--no-first-run".to_owned(),
        "--no-proxy-server".to_owned(),
        format!("--window-size={width},{height}"),
        format!("--user-data-dir={}", folder.join("profile").display()),
    ];
    if rustix::process::getuid().is_root() {
        args.push("--no-sandbox".to_owned());
    }
    let mut prefs = json!({
        "download.default_directory": downloads, "download.prompt_for_download": false,
        "intl.accept_languages": "tr",
    });
    if !wishes.scripts {
        prefs["profile.managed_default_content_settings.javascript"] = json!(2);
    }
    let chrome = json!({ "args": args, "prefs": prefs });
    json!({ "capabilities": { "alwaysMatch": {
        "browserName": "chrome", "goog:chromeOptions": chrome,
        "timeouts": { "implicit": SOON_MS, "pageLoad": 60_000, "script": 60_000 },
    } } })
}

fn id_of(found: &Value) -> String {
    found[ELEMENT].as_str().unwrap_or_else(|| panic!("no element: {found}")).to_owned()
}
