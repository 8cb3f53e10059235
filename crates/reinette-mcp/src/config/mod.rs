//! Which servers there are: the table `[mcp]` of `config.toml`.

mod entry;
mod file;
mod import;

pub use entry::{McpConfig, ServerConfig, ServerConfigError, ServerName};
pub use file::{ConfigFile, ConfigFileError};
pub use import::{ImportError, Imported, import};
