//! Changes to `config.toml`, which stays as its user wrote it.

use super::entry::{ServerConfig, ServerName};
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, value};

/// A configuration is far shorter.
const MAX_CONFIG_BYTES: u64 = 1 << 20;

/// Why `config.toml` was not changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigFileError {
    /// It cannot be read or written.
    #[error("cannot change {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is no TOML, or has something else where the servers belong.
    #[error("{} cannot be used: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The name is taken.
    #[error("there is a server `{name}` already: remove it first, or choose another name")]
    Taken {
        /// The name.
        name: ServerName,
    },
    /// There is no such server.
    #[error("there is no server `{name}`: `reinette mcp list` shows those that there are")]
    Unknown {
        /// The name.
        name: ServerName,
    },
}

/// The file `config.toml` of a home, whose comments and other tables stay as they are.
#[derive(Clone, Debug)]
pub struct ConfigFile {
    path: PathBuf,
}

impl ConfigFile {
    /// The file at `path`, which need not exist.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Adds a server.
    ///
    /// # Errors
    /// The name is taken, or the file cannot be read, understood or written.
    pub fn add(&self, name: &ServerName, server: &ServerConfig) -> Result<(), ConfigFileError> {
        self.change(|servers| {
            if servers.contains_key(name.as_str()) {
                return Err(ConfigFileError::Taken { name: name.clone() });
            }
            servers.insert(name.as_str(), Item::Table(entry(server)));
            Ok(())
        })
    }

    /// Removes a server.
    ///
    /// # Errors
    /// There is none of that name, or the file cannot be read, understood or written.
    pub fn remove(&self, name: &ServerName) -> Result<(), ConfigFileError> {
        self.change(|servers| match servers.remove(name.as_str()) {
            Some(_) => Ok(()),
            None => Err(ConfigFileError::Unknown { name: name.clone() }),
        })
    }

    fn change(&self, change: impl FnOnce(&mut Table) -> Result<(), ConfigFileError>) -> Result<(), ConfigFileError> {
        let failed = |source| ConfigFileError::Io { path: self.path.clone(), source };
        let malformed = |reason: String| ConfigFileError::Malformed { path: self.path.clone(), reason };
        let text = read(&self.path).map_err(failed)?;
        let mut document: DocumentMut =
            text.parse().map_err(|error: toml_edit::TomlError| malformed(error.to_string()))?;
        let mcp = document.entry("mcp").or_insert_with(implicit_table);
        let servers = mcp.as_table_mut().map(|mcp| mcp.entry("servers").or_insert_with(implicit_table));
        let servers = servers.and_then(Item::as_table_mut);
        change(servers.ok_or_else(|| malformed("write the servers as tables `[mcp.servers.NAME]`".to_owned()))?)?;
        write(&self.path, &document.to_string()).map_err(failed)
    }
}

/// A table whose own header is not written, only those of the tables in it.
fn implicit_table() -> Item {
    let mut table = Table::new();
    table.set_implicit(true);
    Item::Table(table)
}

fn entry(server: &ServerConfig) -> Table {
    let mut table = Table::new();
    let map = |values: &std::collections::BTreeMap<String, String>| {
        values.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect::<InlineTable>()
    };
    match server {
        ServerConfig::Command { command, args, env } => {
            table.insert("command", value(command));
            if !args.is_empty() {
                table.insert("args", value(args.iter().map(String::as_str).collect::<Array>()));
            }
            if !env.is_empty() {
                table.insert("env", value(map(env)));
            }
        }
        ServerConfig::Url { url, headers } => {
            table.insert("url", value(url));
            if !headers.is_empty() {
                table.insert("headers", value(map(headers)));
            }
        }
    }
    table
}

/// The text of the file; none where there is no file.
fn read(path: &Path) -> io::Result<String> {
    let file = match fs::File::open(path) {
        Ok(file) if file.metadata()?.is_file() => file,
        Ok(_) => return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no plain file")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
        Err(error) => return Err(error),
    };
    let mut text = String::new();
    file.take(MAX_CONFIG_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_CONFIG_BYTES {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is too long for a configuration"));
    }
    Ok(text)
}

/// Writes the file whole or not at all, for its owner alone: there may be keys in it. Behind a link, what it leads to is
/// exchanged and the link stays.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(&path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::entry::McpConfig;
    use super::*;
    use std::collections::BTreeMap;

    #[derive(serde::Deserialize)]
    struct Whole {
        mcp: McpConfig,
    }

    fn name(name: &str) -> ServerName {
        ServerName::new(name).unwrap()
    }

    #[test]
    fn what_is_added_is_read_and_the_rest_of_the_file_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        let before = "# Mine.\n[folders]\nnotes = \"n\" # here\n";
        fs::write(&path, before).unwrap();
        let file = ConfigFile::new(&path);
        let env = BTreeMap::from([("KEY".to_owned(), "a\"b\n".to_owned())]);
        let command = ServerConfig::command("npx", vec!["-y".into(), "a b".into()], env).unwrap();
        let url = ServerConfig::url("https://a.example/mcp", BTreeMap::new()).unwrap();
        file.add(&name("files"), &command).unwrap();
        file.add(&name("orders"), &url).unwrap();

        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with(before) && text.contains("[mcp.servers.files]"), "{text}");
        let read: Whole = toml::from_str(&text).unwrap();
        assert_eq!(read.mcp.servers, BTreeMap::from([(name("files"), command.clone()), (name("orders"), url)]));
        assert!(matches!(file.add(&name("files"), &command), Err(ConfigFileError::Taken { .. })));

        file.remove(&name("files")).unwrap();
        file.remove(&name("orders")).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), before);
        assert!(matches!(file.remove(&name("files")), Err(ConfigFileError::Unknown { .. })));
    }

    #[test]
    fn a_file_that_is_not_understood_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        let url = ServerConfig::url("https://a.example/mcp", BTreeMap::new()).unwrap();
        for text in ["[mcp", "mcp = 3\n", "[mcp]\nservers = []\n"] {
            fs::write(&path, text).unwrap();
            let error = ConfigFile::new(&path).add(&name("a"), &url).unwrap_err();
            assert!(matches!(error, ConfigFileError::Malformed { .. }), "{error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_new_file_is_its_owners_alone_and_a_link_stays_one() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let (link, target) = (folder.path().join("config.toml"), folder.path().join("shared.toml"));
        fs::write(&target, "").unwrap();
        symlink(&target, &link).unwrap();
        let url = ServerConfig::url("https://a.example/mcp", BTreeMap::new()).unwrap();
        ConfigFile::new(&link).add(&name("a"), &url).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(fs::read_to_string(&target).unwrap().contains("a.example"));
    }
}
