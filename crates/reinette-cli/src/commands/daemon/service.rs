//! The system's service that runs the daemon: a systemd user unit, on a Mac an agent of launchd.

use crate::context::Context;
use anyhow::{Context as _, Result, bail};
use reinette::data_folder;
use reinette_apps::FileChange;
use reinette_assistant::Home;
use std::env;
use std::fmt::Write;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// How the service of the usual home is called.
const NAME: &str = "reinette";

/// What the daemon reads of its environment: the language of its sentences and the time zone. The service manager may have
/// others than the user's shell.
const VARIABLES: [&str; 2] = ["LANG", "TZ"];

/// Who runs services for a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manager {
    Systemd,
    Launchd,
}

/// What a service runs.
#[derive(Debug)]
struct Job<'a> {
    program: &'a str,
    home: &'a str,
    variables: Vec<(&'static str, String)>,
}

/// The service of one home.
#[derive(Clone, Debug)]
pub(super) struct Service {
    manager: Manager,
    /// As the manager calls it.
    name: String,
    path: PathBuf,
}

impl Service {
    /// The service of `home`, whether it is installed or not. A home that the user named has one of its own.
    pub(super) fn of(context: &Context, home: &Home) -> Result<Self> {
        let manager = match env::consts::OS {
            "macos" => Manager::Launchd,
            "windows" => bail!("no service is installed on this system: let your session start `reinette daemon`"),
            _ => Manager::Systemd,
        };
        let is_usual = context.named_home().is_none() || data_folder().is_some_and(|usual| usual == home.data);
        let base = if is_usual { NAME.to_owned() } else { format!("{NAME}-{:016x}", fnv_1a(&absolute(&home.data)?)) };
        let (folder, name, file) = match manager {
            Manager::Systemd => (config_folder()?.join("systemd/user"), format!("{base}.service"), base + ".service"),
            Manager::Launchd => (user_folder()?.join("Library/LaunchAgents"), format!("app.{base}"), base + ".plist"),
        };
        Ok(Self { manager, name, path: folder.join(file) })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn is_installed(&self) -> bool {
        self.path.exists()
    }

    /// Writes its file, in place of the one that is there.
    pub(super) fn write(&self, home: &Home) -> Result<()> {
        let program = env::current_exe().context("it is not known where this program is")?;
        let (program, home) = (absolute(&program)?, absolute(&home.data)?);
        let variables = VARIABLES.iter().filter_map(|name| Some((*name, env::var(name).ok()?))).collect();
        let job = Job { program: &program, home: &home, variables };
        let text = match self.manager {
            Manager::Systemd => unit(&job),
            Manager::Launchd => agent(&self.name, &job)?,
        };
        FileChange { path: self.path.clone(), before: self.read()?, after: Some(text.into_bytes()) }.apply()?;
        Ok(())
    }

    pub(super) fn delete(&self) -> Result<()> {
        FileChange { path: self.path.clone(), before: self.read()?, after: None }.apply()?;
        if self.manager == Manager::Systemd {
            // A unit without a file is forgotten at the next login at the latest.
            let _ = self.tell_manager(&["daemon-reload"]);
        }
        Ok(())
    }

    fn read(&self) -> Result<Option<Vec<u8>>> {
        match fs::read(&self.path) {
            Ok(content) => Ok(Some(content)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", self.path.display())),
        }
    }

    /// Starts it now and at every login.
    ///
    /// # Errors
    /// Why the manager did not.
    pub(super) fn start(&self) -> Result<(), String> {
        match self.manager {
            Manager::Systemd => {
                self.tell_manager(&["daemon-reload"])?;
                self.tell_manager(&["enable", &self.name])?;
                // One that runs may be of an older file.
                self.tell_manager(&["restart", &self.name])
            }
            Manager::Launchd => {
                let path = self.path.display().to_string();
                // One that is not loaded cannot be unloaded.
                let _ = self.tell_manager(&["unload", &path]);
                self.tell_manager(&["load", "-w", &path])
            }
        }
    }

    /// Stops it for good.
    ///
    /// # Errors
    /// Why the manager did not.
    pub(super) fn stop(&self) -> Result<(), String> {
        match self.manager {
            Manager::Systemd => self.tell_manager(&["disable", "--now", &self.name]),
            Manager::Launchd => self.tell_manager(&["unload", "-w", &self.path.display().to_string()]),
        }
    }

    /// What the user can do to start it.
    pub(super) fn start_command(&self) -> String {
        match self.manager {
            Manager::Systemd => format!("systemctl --user enable --now {}", self.name),
            Manager::Launchd => {
                format!("launchctl load -w '{}'", self.path.display().to_string().replace('\'', r"'\''"))
            }
        }
    }

    fn tell_manager(&self, arguments: &[&str]) -> Result<(), String> {
        let (program, scope) = match self.manager {
            Manager::Systemd => ("systemctl", Some("--user")),
            Manager::Launchd => ("launchctl", None),
        };
        let output = Command::new(program).args(scope).args(arguments).stdin(Stdio::null()).output();
        let output = output.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => format!("there is no {program}"),
            _ => format!("{program} cannot be run: {error}"),
        })?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let reason = said.lines().find(|line| !line.trim().is_empty());
        Err(reason.map_or_else(
            || format!("{program} failed: {}", output.status),
            |line| format!("{program}: {}", line.trim()),
        ))
    }
}

/// A systemd unit.
///
/// Specification: systemd.service(5), systemd.unit(5).
fn unit(job: &Job<'_>) -> String {
    let mut environment = String::new();
    for (name, value) in &job.variables {
        let _ = writeln!(environment, "Environment={}", quoted(&format!("{name}={value}"), false));
    }
    // Variables are expanded in arguments, not in the program's path.
    let (program, home) = (quoted(job.program, false), quoted(job.home, true));
    format!(
        "[Unit]\n\
         Description=Reinette rings timers, alarms and reminders\n\
         \n\
         [Service]\n\
         ExecStart={program} --home {home} daemon\n\
         {environment}\
         Restart=on-failure\n\
         RestartSec=10\n\
         \n\
         [Install]\n\
         WantedBy=default.target\n"
    )
}

/// A word of a unit, in which nothing is expanded.
fn quoted(word: &str, expands_variables: bool) -> String {
    let mut quoted = String::from('"');
    for character in word.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '%' => quoted.push_str("%%"),
            '$' if expands_variables => quoted.push_str("$$"),
            '\n' => quoted.push_str("\\n"),
            character if character.is_ascii_control() => {
                let _ = write!(quoted, "\\x{:02x}", u32::from(character));
            }
            character => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

/// A property list for launchd.
///
/// Specification: launchd.plist(5).
fn agent(label: &str, job: &Job<'_>) -> Result<String> {
    let mut environment = String::new();
    for (name, value) in &job.variables {
        let _ = write!(environment, "<key>{name}</key>{}", xml_string(value)?);
    }
    let arguments = [job.program, "--home", job.home, "daemon"];
    let arguments = arguments.into_iter().map(xml_string).collect::<Result<Vec<_>>>()?.concat();
    let label = xml_string(label)?;
    Ok(format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <plist version=\"1.0\">\n\
         <dict>\n\
         <key>Label</key>{label}\n\
         <key>ProgramArguments</key><array>{arguments}</array>\n\
         <key>EnvironmentVariables</key><dict>{environment}</dict>\n\
         <key>RunAtLoad</key><true/>\n\
         <key>KeepAlive</key><dict><key>SuccessfulExit</key><false/></dict>\n\
         <key>ThrottleInterval</key><integer>10</integer>\n\
         </dict>\n\
         </plist>\n"
    ))
}

fn xml_string(text: &str) -> Result<String> {
    if text.contains(char::is_control) {
        bail!(
            "a control character in {text:?} cannot be written into a property list: choose another folder with --home"
        );
    }
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    Ok(format!("<string>{escaped}</string>"))
}

/// The path from the root, as text.
fn absolute(path: &Path) -> Result<String> {
    let absolute = std::path::absolute(path).with_context(|| format!("{} is no path", path.display()))?;
    let text = absolute.to_str().map(str::to_owned);
    text.with_context(|| format!("{} is no Unicode, so that no service can be written for it", absolute.display()))
}

fn user_folder() -> Result<PathBuf> {
    env::home_dir().filter(|home| home.is_absolute()).context("there is no home folder: set HOME")
}

/// Specification: <https://specifications.freedesktop.org/basedir-spec/latest/>.
fn config_folder() -> Result<PathBuf> {
    let set = env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).filter(|folder| folder.is_absolute());
    set.map_or_else(|| Ok(user_folder()?.join(".config")), Ok)
}

/// The FNV-1a hash, which tells the services of several homes apart and is the same for ever.
fn fnv_1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOB: Job<'_> =
        Job { program: "/opt/r & r/reinette", home: "/srv/ana/\"50% of $HOME\" \\ <x>", variables: Vec::new() };

    #[test]
    fn a_unit_has_every_path_as_it_is() {
        let text = unit(&JOB);
        let expected = r#"ExecStart="/opt/r & r/reinette" --home "/srv/ana/\"50%% of $$HOME\" \\ <x>" daemon"#;
        assert!(text.lines().any(|line| line == expected), "{text}");
        let variables = vec![("LANG", "fr_FR.UTF-8".to_owned()), ("TZ", "a\nb$%".to_owned())];
        let text = unit(&Job { variables, ..JOB });
        assert!(text.contains("Environment=\"LANG=fr_FR.UTF-8\"\nEnvironment=\"TZ=a\\nb$%%\"\n"), "{text}");
    }

    #[test]
    fn an_agent_has_every_path_as_it_is() {
        let text = agent("app.reinette", &JOB).unwrap();
        assert!(text.contains("<string>/opt/r &amp; r/reinette</string><string>--home</string>"), "{text}");
        assert!(text.contains("$HOME\" \\ &lt;x&gt;</string><string>daemon</string>"), "{text}");
        assert!(agent("app.reinette", &Job { home: "/a\u{1b}b", ..JOB }).is_err());
    }

    #[test]
    fn the_hash_is_the_published_one() {
        assert_eq!((fnv_1a(""), fnv_1a("a")), (0xcbf2_9ce4_8422_2325, 0xaf63_dc4c_8601_ec8c));
    }
}
