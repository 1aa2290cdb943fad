//! A real browser: headless Chromium, told what to do by its driver over `WebDriver`
//! (<https://www.w3.org/TR/webdriver2/>), which is plain HTTP.
//!
//! Each has a profile of its own, and ends with the value.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{app::eventually, client::Client};

/// What an element is known by: <https://www.w3.org/TR/webdriver2/#elements>.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

const FLAGS: [&str; 11] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--force-device-scale-factor=1",
];

/// The tab key, and enter, as `WebDriver` writes them.
pub const TAB: &str = "\u{e004}";
pub const ENTER: &str = "\u{e007}";

/// How wide pages are shown.
pub const DESK: (u32, u32) = (1280, 800);
pub const PHONE: (u32, u32) = (390, 844);

/// A browser with one window.
pub struct Browser {
    driver: Child,
    _output: BufReader<ChildStdout>,
    client: Client,
    session: String,
    _profile: TempDir,
}

impl Browser {
    /// As most people have it.
    pub async fn start() -> Self {
        Self::with(json!({})).await
    }

    /// One in which nothing of a page's script runs.
    pub async fn without_scripts() -> Self {
        Self::with(json!({"profile.managed_default_content_settings.javascript": 2})).await
    }

    async fn with(prefs: Value) -> Self {
        let program = std::env::var("RELAY_CHROMEDRIVER").unwrap_or("chromedriver".to_owned());
        let mut driver = Command::new(&program)
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| {
                panic!(
                    "{program}: {error}: the tests of the pages need chromium and chromedriver; \
                     make test installs them (scripts/with-browser)"
                )
            });
        let mut output = BufReader::new(driver.stdout.take().expect("it is piped"));
        let port = port(&mut output);
        let client = Client::new(SocketAddr::from(([127, 0, 0, 1], port)));
        let profile = TempDir::new().unwrap();
        let data = format!("--user-data-dir={}", profile.path().display());
        let flags = FLAGS.into_iter().map(ToOwned::to_owned).chain([data]).collect::<Vec<_>>();
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": {"args": flags, "prefs": prefs},
            "goog:loggingPrefs": {"browser": "ALL"},
            "timeouts": {"pageLoad": 20_000, "script": 20_000},
            "unhandledPromptBehavior": "ignore",
        }}});
        let mut browser =
            Self { driver, _output: output, client, session: String::new(), _profile: profile };
        let begun = browser.call("POST", "/session", &wanted).await;
        begun["sessionId"].as_str().unwrap().clone_into(&mut browser.session);
        browser.size(DESK).await;
        browser
    }

    /// Asks the driver; what it refuses fails the test.
    async fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        self.try_call(method, path, body).await.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    async fn try_call(&self, method: &str, path: &str, body: &Value) -> Result<Value, Value> {
        let body = if method == "GET" { String::new() } else { body.to_string() };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            self.client.address,
            body.len()
        );
        let answer = self.client.ask(request.as_bytes()).await;
        let mut told: Value = serde_json::from_str(&answer.body).unwrap();
        let value = told["value"].take();
        if answer.status == 200 { Ok(value) } else { Err(value) }
    }

    fn of_session(&self, path: &str) -> String {
        format!("/session/{}{path}", self.session)
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        self.call("POST", &self.of_session(path), &body).await
    }

    async fn get(&self, path: &str) -> Value {
        self.call("GET", &self.of_session(path), &Value::Null).await
    }

    /// Opens an address.
    pub async fn open(&self, address: &str) {
        self.post("/url", json!({"url": address})).await;
    }

    /// Asks for the page again.
    pub async fn reload(&self) {
        self.post("/refresh", json!({})).await;
    }

    /// Where it is.
    pub async fn address(&self) -> String {
        self.get("/url").await.as_str().unwrap().to_owned()
    }

    async fn element(&self, css: &str) -> Result<String, Value> {
        let found = json!({"using": "css selector", "value": css});
        let found = self.try_call("POST", &self.of_session("/element"), &found).await?;
        Ok(found[ELEMENT].as_str().unwrap().to_owned())
    }

    /// Clicks on what a selector finds first, once it is there.
    pub async fn click(&self, css: &str) {
        self.on(css, "/click", json!({})).await;
    }

    /// Types into what a selector finds first.
    pub async fn type_into(&self, css: &str, text: &str) {
        self.on(css, "/value", json!({"text": text})).await;
    }

    async fn on(&self, css: &str, what: &str, body: Value) {
        eventually(&format!("{css} can be used"), async || {
            let Ok(element) = self.element(css).await else { return false };
            let path = self.of_session(&format!("/element/{element}{what}"));
            self.try_call("POST", &path, &body).await.is_ok()
        })
        .await;
    }

    /// Presses keys, one after the other, wherever the focus is.
    pub async fn press(&self, keys: &[&str]) {
        let each = |key: &&str| {
            [json!({"type": "keyDown", "value": key}), json!({"type": "keyUp", "value": key})]
        };
        let actions: Vec<_> = keys.iter().flat_map(each).collect();
        self.post(
            "/actions",
            json!({"actions": [{"type": "key", "id": "keys", "actions": actions}]}),
        )
        .await;
    }

    /// The text of what a selector finds first, as it is read; empty when there is none.
    pub async fn text(&self, css: &str) -> String {
        let Ok(element) = self.element(css).await else { return String::new() };
        let path = self.of_session(&format!("/element/{element}/text"));
        let text = self.try_call("GET", &path, &Value::Null).await.unwrap_or_default();
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Waits until a text can be read there.
    pub async fn wait_for(&self, css: &str, text: &str) {
        let what = format!("{css} says {text:?}");
        eventually(&what, async || self.text(css).await.contains(text)).await;
    }

    /// How many elements a selector finds.
    pub async fn count(&self, css: &str) -> usize {
        let found = self.post("/elements", json!({"using": "css selector", "value": css})).await;
        found.as_array().unwrap().len()
    }

    /// What a script comes to.
    pub async fn run(&self, script: &str) -> Value {
        self.post("/execute/sync", json!({"script": script, "args": []})).await
    }

    /// The name of the element that has the focus.
    pub async fn focused(&self) -> String {
        let element = self.get("/element/active").await;
        let element = element[ELEMENT].as_str().unwrap().to_owned();
        let id = self.get(&format!("/element/{element}/attribute/id")).await;
        id.as_str().unwrap_or_default().to_owned()
    }

    /// Whether a page has opened a dialogue.
    pub async fn has_alert(&self) -> bool {
        let path = self.of_session("/alert/text");
        self.try_call("GET", &path, &Value::Null).await.is_ok()
    }

    /// Everything that its console said since it was last asked, of any page.
    pub async fn console(&self) -> Vec<String> {
        let lines = self.post("/se/log", json!({"type": "browser"})).await;
        let lines = lines.as_array().unwrap().iter();
        lines.map(|line| line["message"].as_str().unwrap().to_owned()).collect()
    }

    async fn devtools(&self, command: &str, params: Value) {
        self.post("/goog/cdp/execute", json!({"cmd": command, "params": params})).await;
    }

    /// Shows pages in so large a window.
    pub async fn size(&self, (width, height): (u32, u32)) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1,
            "mobile": width < 600});
        self.devtools("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// Shows pages as `light` or `dark`.
    pub async fn theme(&self, scheme: &str) {
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.devtools("Emulation.setEmulatedMedia", json!({"features": features})).await;
    }

    /// Lets pages that are opened from now on be read there, such as `Asia/Kathmandu`.
    pub async fn time_zone(&self, zone: &str) {
        self.devtools("Emulation.setTimezoneOverride", json!({"timezoneId": zone})).await;
    }

    /// Writes what is seen to `FOLDER/NAME.png`, where `RELAY_SCREENSHOTS` names a folder.
    pub async fn screenshot(&self, name: &str) {
        let Ok(folder) = std::env::var("RELAY_SCREENSHOTS") else { return };
        let picture = self.get("/screenshot").await;
        let picture = STANDARD.decode(picture.as_str().unwrap()).unwrap();
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(Path::new(&folder).join(format!("{name}.png")), picture).unwrap();
    }
}

/// The port that the driver chose: it says so once it listens.
fn port(output: &mut BufReader<ChildStdout>) -> u16 {
    for line in output.lines() {
        let line = line.unwrap();
        if let Some((_, port)) = line.split_once("started successfully on port ") {
            return port.trim_end_matches('.').parse().unwrap();
        }
    }
    panic!("the driver ended before it listened");
}

impl Drop for Browser {
    /// The driver ends its browser when the session ends, not when it is killed.
    fn drop(&mut self) {
        let ending = || -> std::io::Result<()> {
            let mut driver = TcpStream::connect(self.client.address)?;
            driver.set_read_timeout(Some(Duration::from_secs(10)))?;
            let (session, host) = (&self.session, self.client.address);
            write!(driver, "DELETE /session/{session} HTTP/1.1\r\nhost: {host}\r\n\r\n")?;
            driver.read(&mut [0; 64]).map(drop)
        };
        if let Err(error) = ending() {
            eprintln!("could not end a browser: {error}");
        }
        let _gone = self.driver.kill();
        let _reaped = self.driver.wait();
    }
}
