//! The real binary in a folder of its own, and who it talks to.

use std::{
    fmt, fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_mins(1);

/// A folder with a configuration, and the environment that commands get in it.
pub struct Folder {
    home: TempDir,
    env: Vec<(String, String)>,
}

/// A command that has ended.
pub struct Run {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl fmt::Display for Run {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "exit {}\n{}\n{}", self.code, self.out, self.err)
    }
}

impl Folder {
    pub fn empty() -> Self {
        Self { home: TempDir::new().unwrap(), env: Vec::new() }
    }

    pub fn with(text: &str) -> Self {
        let folder = Self::empty();
        fs::write(folder.path("relay.toml"), text).unwrap();
        folder
    }

    /// With a value for every reference that the text makes.
    pub fn with_references(text: &str) -> Self {
        let empty = Self::empty();
        let home = empty.home.path().display().to_string();
        fs::write(empty.path("relay.toml"), text.replace("/run/secrets", &home)).unwrap();
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.flat_map(|line| line.split('"')).fold(empty, |folder, quoted| {
            match quoted.split_once(':') {
                Some(("env", name)) => folder.env(name, value_for(name)),
                Some(("file", path)) => {
                    let name = path.rsplit('/').next().expect("a split has a first part");
                    fs::write(folder.path(name), value_for(name)).unwrap();
                    folder
                }
                _ => folder,
            }
        })
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub fn text(&self) -> String {
        fs::read_to_string(self.path("relay.toml")).unwrap()
    }

    pub fn replaced(self, old: &str, new: &str) -> Self {
        let text = self.text();
        // The first one: `admin_listen` ends like `listen`.
        fs::write(self.path("relay.toml"), text.replacen(old, new, 1)).unwrap();
        self
    }

    pub fn run(&self, arguments: &[&str]) -> Run {
        let mut command = self.command(arguments);
        finished(command.envs(self.env.iter().cloned()).output().unwrap())
    }

    /// Runs what a command said to go on with.
    pub fn run_again(&self, arguments: &[String]) -> Run {
        self.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }

    pub fn run_without_env(&self, arguments: &[&str]) -> Run {
        finished(self.command(arguments).output().unwrap())
    }

    pub fn spawn(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command.envs(self.env.iter().cloned());
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// As somebody runs it who sits at a terminal; both outputs are one there. `script` is of
    /// Debian's base system.
    pub fn run_on_a_terminal(&self, arguments: &[&str]) -> Run {
        let line = format!("{} {}", env!("CARGO_BIN_EXE_attio-relay"), arguments.join(" "));
        let mut command = Command::new("script");
        command.args(["-q", "-e", "-f", "-c", &line, "/dev/null"]);
        command.stdin(Stdio::null()).env_clear().current_dir(self.home.path());
        command.env("ATTIO_RELAY_CONFIG", "relay.toml").env("TERM", "xterm");
        finished(command.envs(self.env.iter().cloned()).output().unwrap())
    }

    /// Nothing of this machine's environment: no PATH, no proxies.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_attio-relay"));
        command.env_clear().current_dir(self.home.path()).args(arguments);
        command.env("ATTIO_RELAY_CONFIG", "relay.toml").env("TMPDIR", self.home.path());
        command
    }
}

fn value_for(name: &str) -> &'static str {
    let name = name.to_lowercase();
    if name.contains("database") || name.contains("warehouse") {
        "postgres://relay:password@127.0.0.1/relay"
    } else if name.contains("slack") {
        "https://hooks.slack.com/services/T0/B0/c21va2U"
    } else {
        "whsec_c21va2Utc21va2Utc21va2Utc21va2Utc21va2U="
    }
}

fn finished(output: std::process::Output) -> Run {
    Run {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Sends a signal, as the shell does.
pub fn signal(child: &Child, name: &str) {
    let kill = format!("kill -{name} {}", child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
}

/// A command that was interrupted: what it said, and the command to go on with.
pub fn interrupted(child: Child) -> (Run, Vec<String>) {
    signal(&child, "INT");
    let run = finished(child.wait_with_output().unwrap());
    let last = run.err.lines().last().unwrap_or_default();
    let (_, again) = last.rsplit_once(": ").unwrap_or_else(|| panic!("no way to go on: {run}"));
    let again = again.split(' ').skip(1).map(str::to_owned).collect();
    (run, again)
}

/// A `serve` that runs until it is stopped or dropped; its folder's file holds its real addresses.
pub struct Server {
    pub folder: Folder,
    pub public: SocketAddr,
    child: Option<Child>,
    log: Option<JoinHandle<String>>,
}

impl Server {
    /// Started, and ready to accept.
    pub fn start(folder: Folder) -> Self {
        let server = Self::started(folder, &["attio-relay runs", "the store is ready"]);
        // Readiness comes a moment later, and no line of the log tells of it.
        let started = Instant::now();
        while server.folder.run(&["healthcheck", "--ready"]).code != 0 {
            assert!(started.elapsed() < PATIENCE, "never ready");
        }
        server
    }

    /// Started, whatever its store says.
    pub fn start_unready(folder: Folder) -> Self {
        Self::started(folder, &["attio-relay runs"])
    }

    fn started(folder: Folder, wanted: &[&str]) -> Self {
        let mut child = folder.spawn(&["serve"]);
        let stderr = child.stderr.take().unwrap();
        let (tell, told) = channel();
        let log = thread::spawn(move || {
            let mut all = String::new();
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let _nobody_waits = tell.send(line.clone());
                all.push_str(&line);
                all.push('\n');
            }
            all
        });
        let mut seen = Vec::new();
        let mut next = |what: &str| loop {
            let line: String = told
                .recv_timeout(PATIENCE)
                .unwrap_or_else(|end| panic!("{end} before `{what}`: {}", seen.join("\n")));
            seen.push(line.clone());
            if line.contains(&format!("\"message\":\"{what}\"")) {
                break line;
            }
        };
        let lines: Vec<String> = wanted.iter().map(|what| next(what)).collect();
        let runs: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
        let address = |which: &str| runs[which].as_str().unwrap().parse::<SocketAddr>().unwrap();
        let (public, admin) = (address("public"), address("admin"));
        let folder = folder
            .replaced("\nlisten = \"127.0.0.1:0\"", &format!("\nlisten = \"{public}\""))
            .replaced("admin_listen = \"127.0.0.1:0\"", &format!("admin_listen = \"{admin}\""));
        Self { folder, public, child: Some(child), log: Some(log) }
    }

    /// Asks it to stop; what it printed, and its folder.
    pub fn stop(mut self) -> (Folder, Run) {
        let mut child = self.child.take().expect("stopped once only");
        signal(&child, "TERM");
        let code = child.wait().unwrap().code().unwrap_or(-1);
        let mut out = String::new();
        child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        let err = self.log.take().expect("stopped once only").join().unwrap();
        let folder = std::mem::replace(&mut self.folder, Folder::empty());
        (folder, Run { code, out, err })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

/// A server that tells what it was asked, and answers each time the same, with the question in it.
pub struct Witness {
    address: SocketAddr,
    requests: Receiver<String>,
}

impl Witness {
    pub fn answering(status: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, requests) = channel();
        thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let request = read_request(&mut BufReader::new(&stream));
                let answer = format!(
                    "HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{request}",
                    request.len()
                );
                let _hung_up = stream.write_all(answer.as_bytes());
                if tell.send(request).is_err() {
                    return;
                }
            }
        });
        Self { address, requests }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn next(&self) -> String {
        self.requests.recv_timeout(PATIENCE).unwrap()
    }
}

fn read_request(stream: &mut impl BufRead) -> String {
    let mut request = String::new();
    while !request.ends_with("\r\n\r\n") && stream.read_line(&mut request).unwrap_or(0) > 0 {}
    let head = request.to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.trim().parse().unwrap())];
    stream.read_exact(&mut body).unwrap();
    request + &String::from_utf8(body).unwrap()
}
