//! Starting what is measured, and what the kernel says it used.

use std::{
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};

/// A server process; killed when dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
}

impl Server {
    /// Starts the command, with its output in `log`, and waits until `ready` says so.
    ///
    /// # Errors
    /// When it ends, or is not ready within ten seconds; with the end of its log.
    pub fn start(
        mut command: Command,
        log: &Path,
        ready: impl Fn() -> bool,
    ) -> anyhow::Result<Self> {
        let output = fs::File::create(log)?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let mut server = Self { child: command.spawn()? };
        let start = Instant::now();
        while !ready() {
            let ended = server.child.try_wait()?;
            if ended.is_some() || start.elapsed() > Duration::from_secs(10) {
                let said = fs::read_to_string(log)?;
                bail!("the server is not ready ({ended:?}); it said:\n{said}");
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(server)
    }

    /// The processor time it has used.
    ///
    /// # Errors
    /// When it is gone.
    pub fn cpu(&self) -> anyhow::Result<Duration> {
        Ok(Usage::of(self.child.id())?.own)
    }

    /// The most memory it has held at once, in bytes.
    ///
    /// # Errors
    /// When it is gone.
    pub fn peak_memory(&self) -> anyhow::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.split_whitespace().next()).context("no VmHWM")?;
        Ok(kib.parse::<u64>()? * 1024)
    }

    /// Asks it to stop, and waits.
    ///
    /// # Errors
    /// When it fails, or is still there after a minute.
    pub fn stop(mut self) -> anyhow::Result<()> {
        Command::new("kill").arg(self.child.id().to_string()).status()?;
        let start = Instant::now();
        while start.elapsed() < Duration::from_mins(1) {
            if let Some(status) = self.child.try_wait()? {
                anyhow::ensure!(status.success(), "the server ended with {status}");
                return Ok(());
            }
            thread::sleep(Duration::from_millis(5));
        }
        bail!("the server does not stop")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails when it ended by itself: that is as good.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The processor time of a process and all its children, those that ended included.
///
/// # Errors
/// When the process is gone.
pub fn family_cpu(parent: u32) -> anyhow::Result<Duration> {
    let usage = Usage::of(parent)?;
    let mut sum = usage.own + usage.ended_children;
    for entry in fs::read_dir("/proc")? {
        let Ok(pid) = entry?.file_name().to_string_lossy().parse() else {
            continue;
        };
        // One that ended meanwhile is counted with its parent the next time.
        if let Ok(child) = Usage::of(pid)
            && child.parent == parent
        {
            sum += child.own;
        }
    }
    Ok(sum)
}

/// Of `/proc/PID/stat`, what is needed here (<https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>).
#[derive(Debug)]
struct Usage {
    parent: u32,
    own: Duration,
    ended_children: Duration,
}

impl Usage {
    fn of(pid: u32) -> anyhow::Result<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        // The second field, a name in brackets, may hold spaces and brackets itself.
        let (_, rest) = stat.rsplit_once(") ").context("not a stat line")?;
        let fields: Vec<&str> = rest.split(' ').collect();
        let ticks = |first: usize| -> anyhow::Result<Duration> {
            let both = fields.get(first..first + 2).context("a short stat line")?;
            // The kernel tells user space hundredths of a second on every architecture of ours.
            Ok(Duration::from_millis(10 * (both[0].parse::<u64>()? + both[1].parse::<u64>()?)))
        };
        Ok(Self { parent: fields[1].parse()?, own: ticks(11)?, ended_children: ticks(13)? })
    }
}

/// A port of loopback that nobody listens on.
///
/// # Errors
/// When there is none.
pub fn free_address() -> std::io::Result<SocketAddr> {
    TcpListener::bind(("127.0.0.1", 0))?.local_addr()
}

/// Whether `GET path` there answers 200.
pub fn answers(address: SocketAddr, path: &str) -> bool {
    use std::io::{Read, Write};
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer)?;
        Ok(answer.ends_with(b" 200"))
    };
    ask().unwrap_or(false)
}
