//! Where the files of a grammar come from.

use crate::DataError;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

/// The longest file of a grammar; Reinette's own are a hundred times shorter.
const LONGEST_FILE_BYTES: u64 = 16 << 20;

/// The files of Reinette's own product.
const EVERYDAY: [(&str, &str); 10] = [
    ("tools.json", include_str!("../../../../adapters/everyday/tools.json")),
    ("mix.toml", include_str!("../../grammars/everyday/mix.toml")),
    ("english.toml", include_str!("../../grammars/everyday/english.toml")),
    ("english.grammar", include_str!("../../grammars/everyday/english.grammar")),
    ("english.templates", include_str!("../../grammars/everyday/english.templates")),
    ("english.dialogues", include_str!("../../grammars/everyday/english.dialogues")),
    ("french.toml", include_str!("../../grammars/everyday/french.toml")),
    ("french.grammar", include_str!("../../grammars/everyday/french.grammar")),
    ("french.templates", include_str!("../../grammars/everyday/french.templates")),
    ("french.dialogues", include_str!("../../grammars/everyday/french.dialogues")),
];

/// Where the files of a grammar are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GrammarSource {
    /// In the program: the requests of Reinette's own apps.
    Everyday,
    /// In a folder.
    Folder(PathBuf),
}

impl GrammarSource {
    /// What a file is called in errors.
    pub(super) fn name(&self, file: &str) -> String {
        match self {
            Self::Everyday => format!("everyday/{file}"),
            Self::Folder(folder) => folder.join(file).display().to_string(),
        }
    }

    /// A file that has to be there.
    pub(super) fn read(&self, file: &str) -> Result<String, DataError> {
        self.find(file)?.ok_or_else(|| {
            let problem = "is missing; a grammar is made of tools.json, mix.toml and, for each language, LANGUAGE.grammar and \
                           LANGUAGE.templates";
            DataError::line(&self.name(file), 0, problem.to_owned())
        })
    }

    /// A file that may be there.
    pub(super) fn find(&self, file: &str) -> Result<Option<String>, DataError> {
        let Self::Folder(folder) = self else {
            let found = EVERYDAY.iter().find(|(name, _)| *name == file);
            return Ok(found.map(|(_, text)| (*text).to_owned()));
        };
        let path = folder.join(file);
        if !path.is_file() {
            return Ok(None);
        }
        let mut text = String::new();
        let source = |source| DataError::Read { path: path.clone(), source };
        File::open(&path).map_err(source)?.take(LONGEST_FILE_BYTES).read_to_string(&mut text).map_err(source)?;
        Ok(Some(text))
    }
}
