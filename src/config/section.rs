//! A settings file as it is written: sections that know their lines, and their keys' defaults.
//!
//! Read by hand and not derived, so that one look at a file finds every mistake in it, each with its
//! line, and not only the first.

use std::{cell::RefCell, ops::Range, path::Path};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    error::{Place, Problem},
    suggest::suggest,
    value::{Value, kind},
};

/// One file and what is wrong with it.
#[derive(Debug)]
pub(super) struct File<'t> {
    path: &'t Path,
    text: &'t str,
    root: Spanned<DeTable<'t>>,
    problems: RefCell<Vec<Problem>>,
}

/// One table of a file: `[limits]`, or one of the `[[practice]]`.
#[derive(Debug)]
pub(super) struct Section<'f> {
    file: &'f File<'f>,
    /// The keys that lead here: `practice.system`.
    path: String,
    is_in_list: bool,
    at: Range<usize>,
    /// `None` where the file does not have this section.
    written: Option<&'f DeTable<'f>>,
    defaults: Option<&'f DeTable<'f>>,
    asked: RefCell<Vec<&'static str>>,
}

impl<'t> File<'t> {
    /// Takes the text apart. Text that is no TOML is noted, and the tree holds what could be read.
    pub(super) fn parse(path: &'t Path, text: &'t str) -> Self {
        let (root, errors) = DeTable::parse_recoverable(text);
        let file = Self {
            path,
            text,
            root,
            problems: RefCell::default(),
        };
        for error in errors {
            file.note(
                &error.span().unwrap_or_default(),
                error.message().to_owned(),
            );
        }
        file
    }

    /// The whole file as a section; what it leaves out is looked up in `defaults`.
    pub(super) fn root<'f>(&'f self, defaults: Option<&'f File<'f>>) -> Section<'f> {
        Section {
            file: self,
            path: String::new(),
            is_in_list: false,
            at: self.root.span(),
            written: Some(self.root.get_ref()),
            defaults: defaults.map(|file| file.root.get_ref()),
            asked: RefCell::default(),
        }
    }

    /// Whether nothing wrong was found up to now.
    pub(super) fn is_sound(&self) -> bool {
        self.problems.borrow().is_empty()
    }

    /// What is wrong, in the order of the file.
    pub(super) fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.problems.into_inner();
        problems.sort_by_key(|problem| problem.line);
        problems
    }

    fn note(&self, at: &Range<usize>, text: String) {
        let place = self.place(at);
        self.problems.borrow_mut().push(Problem {
            file: place.file,
            line: Some(place.line),
            text,
        });
    }

    fn place(&self, at: &Range<usize>) -> Place {
        let before = self.text.get(..at.start).unwrap_or(self.text);
        Place {
            file: self.path.to_owned(),
            line: before.matches('\n').count() + 1,
        }
    }
}

impl<'f> Section<'f> {
    /// Reads this section with `read`, then notes keys that were not asked for.
    pub(super) fn read<T>(self, read: impl FnOnce(&Self) -> T) -> T {
        let value = read(&self);
        self.note_unknown_keys();
        value
    }

    /// The value of a key, from the file or its default. `None` when there is neither, and when it
    /// is wrong, which is noted.
    pub(super) fn find<T: Value>(&self, key: &'static str) -> Option<T> {
        self.find_at(key).map(Spanned::into_inner)
    }

    /// As [`Self::find`], with the place to name if the value turns out to be wrong.
    pub(super) fn find_at<T: Value>(&self, key: &'static str) -> Option<Spanned<T>> {
        let (value, at) = self.value(key)?;
        match T::read(value) {
            Ok(read) => Some(Spanned::new(at, read)),
            Err(problem) => {
                self.note(&at, format!("`{key}` {problem}"));
                None
            }
        }
    }

    /// The value of a key that must be there, in the file or by default. What is missing or wrong is
    /// noted, and something harmless stands in for it.
    pub(super) fn need<T: Value>(&self, key: &'static str) -> T {
        self.need_at(key).into_inner()
    }

    /// As [`Self::need`], with the place to name if the value turns out to be wrong.
    pub(super) fn need_at<T: Value>(&self, key: &'static str) -> Spanned<T> {
        self.need_if_right(key)
            .unwrap_or_else(|| Spanned::new(self.at.clone(), T::stand_in()))
    }

    /// As [`Self::need_at`], for values that need a second look: `None` once a mistake is noted.
    pub(super) fn need_if_right<T: Value>(&self, key: &'static str) -> Option<Spanned<T>> {
        if self.value(key).is_none() {
            let text = format!(
                "`{key}` is missing in {}: it must be {}",
                self.heading(),
                T::EXPECTED
            );
            self.note_here(text);
        }
        self.find_at(key)
    }

    /// Reads a table inside this one; where the file has none, its defaults.
    pub(super) fn within<T>(&self, key: &'static str, read: impl FnOnce(&Section<'f>) -> T) -> T {
        let (written, at) = match self.table(key) {
            Some((table, at)) => (Some(table), at),
            None => (None, self.at.clone()),
        };
        self.child(key, false, at, written).read(read)
    }

    /// Reads a table inside this one, if the file has it.
    pub(super) fn within_if_written<T>(
        &self,
        key: &'static str,
        read: impl FnOnce(&Section<'f>) -> T,
    ) -> Option<T> {
        let (table, at) = self.table(key)?;
        Some(self.child(key, false, at, Some(table)).read(read))
    }

    /// Reads each of a list of tables, as `[[practice]]` is one.
    pub(super) fn each<T>(
        &self,
        key: &'static str,
        mut read: impl FnMut(&Section<'f>) -> T,
    ) -> Vec<T> {
        let Some(list) = self.written(key) else {
            return Vec::new();
        };
        let tables: Option<Vec<_>> = list.get_ref().as_array().and_then(|list| {
            let table =
                |value: &'f Spanned<DeValue<'f>>| Some((value.get_ref().as_table()?, value.span()));
            list.iter().map(table).collect()
        });
        let Some(tables) = tables else {
            let heading = self.child(key, true, list.span(), None).heading();
            let text = format!("`{key}` is a list of sections: begin each with {heading}");
            self.note(&list.span(), text);
            return Vec::new();
        };
        tables
            .into_iter()
            .map(|(table, at)| self.child(key, true, at, Some(table)).read(&mut read))
            .collect()
    }

    /// The entries of a table whose keys are free, in file order. Entries that are wrong are noted
    /// and left out.
    pub(super) fn entries<T: Value>(&self, key: &'static str) -> Vec<(Spanned<String>, T)> {
        let table = self.table(key).map(|(table, _)| table);
        let mut entries = Vec::new();
        for (name, value) in table.into_iter().flatten() {
            match T::read(value.get_ref()) {
                Ok(read) => {
                    let text = name.get_ref().clone().into_owned();
                    entries.push((Spanned::new(name.span(), text), read));
                }
                Err(problem) => self.note(&value.span(), format!("`{}` {problem}", name.get_ref())),
            }
        }
        entries.sort_by_key(|(name, _)| name.span().start);
        entries
    }

    /// Notes what is wrong at this place.
    pub(super) fn note(&self, at: &Range<usize>, text: String) {
        self.file.note(at, text);
    }

    /// Notes what is wrong with this section as a whole.
    pub(super) fn note_here(&self, text: String) {
        self.note(&self.at, text);
    }

    /// Where this section begins.
    pub(super) fn place(&self) -> Place {
        self.file.place(&self.at)
    }

    fn note_unknown_keys(&self) {
        let asked = self.asked.borrow();
        for (key, _) in self.written.into_iter().flatten() {
            let name: &str = key.get_ref();
            if !asked.contains(&name) {
                let text = format!(
                    "there is no key `{name}` in {}{}",
                    self.heading(),
                    suggest(name, &asked)
                );
                self.note(&key.span(), text);
            }
        }
    }

    /// The value of a key and its place; a default stands where its section does.
    fn value(&self, key: &'static str) -> Option<(&'f DeValue<'f>, Range<usize>)> {
        match self.written(key) {
            Some(value) => Some((value.get_ref(), value.span())),
            None => Some((self.defaults?.get(key)?.get_ref(), self.at.clone())),
        }
    }

    fn written(&self, key: &'static str) -> Option<&'f Spanned<DeValue<'f>>> {
        let mut asked = self.asked.borrow_mut();
        if !asked.contains(&key) {
            asked.push(key);
        }
        self.written?.get(key)
    }

    fn table(&self, key: &'static str) -> Option<(&'f DeTable<'f>, Range<usize>)> {
        let value = self.written(key)?;
        let table = value.get_ref().as_table();
        if table.is_none() {
            let text = format!(
                "`{key}` is a section of its own, not {}",
                kind(value.get_ref())
            );
            self.note(&value.span(), text);
        }
        Some((table?, value.span()))
    }

    fn child(
        &self,
        key: &'static str,
        is_in_list: bool,
        at: Range<usize>,
        written: Option<&'f DeTable<'f>>,
    ) -> Section<'f> {
        let defaults = self.defaults.and_then(|defaults| {
            let value = defaults.get(key)?.get_ref();
            value
                .as_table()
                .or_else(|| value.get(0)?.get_ref().as_table())
        });
        Section {
            file: self.file,
            path: match self.path.as_str() {
                "" => key.to_owned(),
                path => format!("{path}.{key}"),
            },
            is_in_list,
            at,
            written,
            defaults,
            asked: RefCell::default(),
        }
    }

    fn heading(&self) -> String {
        match (self.path.as_str(), self.is_in_list) {
            ("", _) => "the file before its first section".to_owned(),
            (path, true) => format!("[[{path}]]"),
            (path, false) => format!("[{path}]"),
        }
    }
}
