//! A server that is a program of this machine: started in a process group of its own, and ended with all that it started.

use std::collections::BTreeMap;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// What a program needs to run and to find its own settings. Keys for other services stay with us.
const INHERITED: &[&str] = &[
    "ALL_PROXY",
    "APPDATA",
    "COMSPEC",
    "HOME",
    "HOMEDRIVE",
    "HOMEPATH",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "LOCALAPPDATA",
    "LOGNAME",
    "NODE_EXTRA_CA_CERTS",
    "NO_PROXY",
    "PATH",
    "PATHEXT",
    "PROGRAMDATA",
    "PROGRAMFILES",
    "SHELL",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "SYSTEMDRIVE",
    "SYSTEMROOT",
    "TEMP",
    "TERM",
    "TMP",
    "TMPDIR",
    "TZ",
    "USER",
    "USERNAME",
    "USERPROFILE",
    "WINDIR",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_RUNTIME_DIR",
    "all_proxy",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

/// How much of its standard error is kept for the error message.
const KEPT_ERROR_BYTES: usize = 4 << 10;

/// How long a program that was told to end may take.
const GRACE: Duration = Duration::from_secs(2);

/// How long the end of a program whose output has ended is waited for.
const EXIT_WAIT: Duration = Duration::from_millis(500);

/// A program that runs; dropping it kills its whole process group.
pub(crate) struct Process {
    child: Child,
    #[cfg(unix)]
    group: Option<rustix::process::Pid>,
    complaints: Tail,
}

/// Its standard output and input.
pub(crate) struct Pipes {
    pub(crate) output: ChildStdout,
    pub(crate) input: ChildStdin,
}

impl Process {
    /// Starts `command`.
    ///
    /// # Errors
    /// What the system said.
    pub(crate) fn start(
        command: &str,
        args: &[String],
        env: &BTreeMap<String, String>,
    ) -> std::io::Result<(Self, Pipes)> {
        let mut builder = Command::new(command);
        builder.args(args).env_clear();
        builder.envs(INHERITED.iter().filter_map(|name| Some((name, std::env::var_os(name)?)))).envs(env);
        builder.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        // Ctrl-C is for us to understand; and what it starts can be ended with it.
        #[cfg(unix)]
        builder.process_group(0);
        let mut child = builder.spawn()?;
        let gone = || std::io::Error::other("it has no standard streams");
        let pipes =
            Pipes { output: child.stdout.take().ok_or_else(gone)?, input: child.stdin.take().ok_or_else(gone)? };
        let complaints = Tail::default();
        if let Some(errors) = child.stderr.take() {
            tokio::spawn(complaints.clone().follow(errors));
        }
        #[cfg(unix)]
        let group = child.id().and_then(|id| rustix::process::Pid::from_raw(i32::try_from(id).ok()?));
        Ok((
            Self {
                child,
                #[cfg(unix)]
                group,
                complaints,
            },
            pipes,
        ))
    }

    /// How it ended, if it has, and its last words.
    pub(crate) async fn last_words(&mut self) -> LastWords {
        let status = tokio::time::timeout(EXIT_WAIT, self.child.wait()).await.ok().and_then(Result::ok);
        if status.is_some() {
            self.kill();
        }
        LastWords { status, complaint: self.complaints.text() }
    }

    /// Waits for its end, which the end of its input asks for; then asks plainly; then kills it.
    pub(crate) async fn end(mut self) {
        let has_ended = tokio::time::timeout(GRACE, self.child.wait()).await.is_ok();
        #[cfg(unix)]
        if !has_ended && let Some(group) = self.group {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::TERM);
            let _ = tokio::time::timeout(GRACE, self.child.wait()).await;
        }
        // What it started, or itself if it did not hear.
        self.kill();
        if !has_ended {
            let _ = tokio::time::timeout(GRACE, self.child.wait()).await;
        }
    }

    /// Kills all that is left of the process group.
    fn kill(&mut self) {
        #[cfg(unix)]
        if let Some(group) = self.group.take() {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        let _ = self.child.start_kill();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What is known of a program that ended.
pub(crate) struct LastWords {
    pub(crate) status: Option<ExitStatus>,
    pub(crate) complaint: String,
}

/// The end of what a program writes to its standard error.
#[derive(Clone, Default)]
struct Tail(Arc<Mutex<Vec<u8>>>);

impl Tail {
    async fn follow(self, mut errors: impl AsyncRead + Unpin) {
        let mut piece = vec![0; 4 << 10];
        while let Ok(count @ 1..) = errors.read(&mut piece).await {
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            kept.extend_from_slice(&piece[..count]);
            let surplus = kept.len().saturating_sub(KEPT_ERROR_BYTES);
            kept.drain(..surplus);
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}
