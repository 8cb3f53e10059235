//! A home in a temporary folder, at the time that all tests share: Wednesday 11 March 2026, 10:15 in Paris.

use crate::{AppError, Change, Choice, Focus, Folders, Plan, World, apply_all, more_tools, tools};
use reinette_time::{Clock, Language};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

pub(crate) struct Home {
    _folder: TempDir,
    pub(crate) world: World,
}

impl Home {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock { now: "2026-03-11T10:15:00+01:00[Europe/Paris]".parse().unwrap() };
        let folders = Folders::inside(folder.path());
        let world = World { clock, folders, language: Language::English, focus: Focus::default() };
        Self { _folder: folder, world }
    }

    /// Makes these the last answers, the newest first.
    pub(crate) fn focus_on(&mut self, newest_first: &[&Value]) {
        self.world.focus = Focus::of(newest_first.iter().copied());
    }

    /// The same home at another time.
    pub(crate) fn at(mut self, now: &str) -> Self {
        self.world.clock.now = now.parse().unwrap();
        self
    }

    pub(crate) fn try_plan(&self, tool: &str, arguments: &Value) -> Result<Plan, AppError> {
        let tools: Vec<_> = tools().into_iter().chain(more_tools()).collect();
        let tool = tools.iter().find(|known| known.definition().name == tool).unwrap();
        tool.plan(arguments.as_object().unwrap(), &self.world)
    }

    pub(crate) fn plan(&self, tool: &str, arguments: &Value) -> Plan {
        self.try_plan(tool, arguments).unwrap()
    }

    pub(crate) fn answer(&self, tool: &str, arguments: &Value) -> String {
        match self.plan(tool, arguments) {
            Plan::Answer(answer) => answer.text,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn choices(&self, tool: &str, arguments: &Value) -> Vec<Choice> {
        match self.plan(tool, arguments) {
            Plan::Ask(question) => question.choices,
            other => panic!("{other:?}"),
        }
    }

    /// Plans a change and makes it.
    pub(crate) fn act(&self, tool: &str, arguments: &Value) -> Change {
        act(self.plan(tool, arguments))
    }

    pub(crate) fn event(&self, name: &str, lines: &str) -> PathBuf {
        write_file(&self.world.folders.calendar, name, &component("VEVENT", lines))
    }

    pub(crate) fn to_do(&self, name: &str, lines: &str) -> PathBuf {
        write_file(&self.world.folders.reminders, name, &component("VTODO", lines))
    }
}

pub(crate) fn act(plan: Plan) -> Change {
    match plan {
        Plan::Change(change) => {
            apply_all(&change.files).unwrap();
            change
        }
        other => panic!("{other:?}"),
    }
}

pub(crate) fn write_file(folder: &Path, name: &str, content: &str) -> PathBuf {
    fs::create_dir_all(folder).unwrap();
    let path = folder.join(name);
    fs::write(&path, content).unwrap();
    path
}

/// The only file of a folder.
pub(crate) fn only_file(folder: &Path) -> String {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    fs::read_to_string(files.pop().unwrap()).unwrap()
}

fn component(kind: &str, lines: &str) -> String {
    format!("BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:other\nBEGIN:{kind}\n{lines}\nEND:{kind}\nEND:VCALENDAR\n")
}
