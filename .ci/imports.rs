//! Proves that imports run one way: no file imports, over whatever way, a file that imports it. Where one does, the circle is named.
//!
//! `.ci/imports.sh` compiles and runs it; it needs nothing but rustc.
//!
//! It reads the sources of every package of the workspace. A file imports another one if a path in it, in a `use` or anywhere else, leads to an item
//! that is defined there: `crate::`, `self::`, `super::`, names of other packages, modules and names that are in scope; re-exports are
//! followed to the definition. Comments, strings and what is under `#[cfg(test)]` do not count: tests may look at anything.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

type Id = usize;

/// One word or sign of a source file.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    /// `::`.
    Colons,
    Sign(char),
}

/// A module: a file, or braces within one.
#[derive(Default)]
struct Module {
    file: usize,
    parent: Option<Id>,
    root: Id,
    children: BTreeMap<String, Id>,
    /// Names that `use` brings into scope, with the path that each stands for.
    uses: BTreeMap<String, Vec<String>>,
    globs: Vec<Vec<String>>,
    /// Names of its own items.
    items: BTreeSet<String>,
    /// Paths outside of `use`.
    paths: BTreeSet<Vec<String>>,
    /// All words: what a glob may have brought into scope.
    words: BTreeSet<String>,
}

#[derive(Default)]
struct Sources {
    files: Vec<PathBuf>,
    modules: Vec<Module>,
    /// Libraries by name.
    packages: BTreeMap<String, Id>,
}

/// Where a path leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Module(Id),
    /// An item of this module.
    Item(Id),
}

fn main() -> ExitCode {
    let mut sources = Sources::default();
    for package in ["."].into_iter().map(PathBuf::from).chain(members()) {
        sources.package(&package);
    }
    let edges = sources.edges();
    let circles = circles(&edges);
    let name = |file: usize| sources.files[file].to_string_lossy().trim_start_matches("./").to_owned();
    for circle in &circles {
        let way: Vec<String> = shortest_circle(&edges, circle).into_iter().map(name).collect();
        eprintln!("{} files import each other, as in:\n  {}", circle.len(), way.join("\n  imports "));
        circle.iter().for_each(|&file| eprintln!("  lies on it: {}", name(file)));
    }
    let imports: usize = edges.iter().map(BTreeSet::len).sum();
    println!("imports: {} files, {imports} imports, {} circles", sources.files.len(), circles.len());
    if circles.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The packages of the workspace besides the root.
fn members() -> Vec<PathBuf> {
    let manifest = std::fs::read_to_string("Cargo.toml").expect("run it in the repository");
    let list =
        manifest.split_once("members = [").and_then(|(_, rest)| rest.split_once(']')).map_or("", |(list, _)| list);
    list.split('"').skip(1).step_by(2).map(PathBuf::from).collect()
}

impl Sources {
    /// Reads the library and the programs of a package: where its manifest says that they are, or where they usually are.
    fn package(&mut self, folder: &Path) {
        let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
        let value = |section: &str, key: &str| {
            let line = section.lines().take_while(|line| !line.starts_with('[')).find(|line| line.starts_with(key))?;
            line.split('"').nth(1).map(str::to_owned)
        };
        let section = |name: &str| manifest.split_once(name).map_or("", |(_, rest)| rest.trim_start());
        let library = folder.join(value(section("[lib]\n"), "path").unwrap_or_else(|| "src/lib.rs".to_owned()));
        if library.exists() {
            let root = self.file(&library, library.parent().unwrap(), None);
            let name = value(section("[package]\n"), "name").unwrap_or_default();
            self.packages.insert(name.replace('-', "_"), root);
        }
        let named =
            manifest.split("[[bin]]\n").skip(1).filter_map(|section| Some(folder.join(value(section, "path")?)));
        let src = folder.join("src");
        let bin = std::fs::read_dir(src.join("bin")).into_iter().flatten().map(|entry| entry.unwrap().path());
        let programs: BTreeSet<PathBuf> = named.chain(bin).chain([src.join("main.rs")]).collect();
        for program in programs {
            let main = if program.is_dir() { program.join("main.rs") } else { program };
            if main.exists() {
                self.file(&main, main.parent().unwrap(), None);
            }
        }
    }

    /// Reads a module's file; its children are in `folder`.
    fn file(&mut self, path: &Path, folder: &Path, parent: Option<Id>) -> Id {
        let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        self.files.push(path.to_owned());
        let id = self.module(self.files.len() - 1, parent);
        let tokens = without_tests(tokens(&text));
        self.read(id, &tokens, folder);
        id
    }

    fn module(&mut self, file: usize, parent: Option<Id>) -> Id {
        let id = self.modules.len();
        let root = parent.map_or(id, |parent| self.modules[parent].root);
        self.modules.push(Module { file, parent, root, ..Module::default() });
        id
    }

    /// Collects what the tokens of a module say.
    fn read(&mut self, id: Id, tokens: &[Token], folder: &Path) {
        let word = |at: usize| match tokens.get(at) {
            Some(Token::Word(word)) => Some(word.as_str()),
            _ => None,
        };
        let mut at = 0;
        let mut depth = 0;
        while at < tokens.len() {
            match (&tokens[at], word(at + 1)) {
                (Token::Sign('{'), _) => depth += 1,
                (Token::Sign('}'), _) => depth -= 1,
                (Token::Word(key), Some(name)) if key == "mod" && tokens.get(at + 2) == Some(&Token::Sign(';')) => {
                    let child = self.child_file(id, name, folder);
                    self.modules[id].children.insert(name.to_owned(), child);
                    at += 2;
                }
                (Token::Word(key), Some(name)) if key == "mod" && tokens.get(at + 2) == Some(&Token::Sign('{')) => {
                    let end = closing(tokens, at + 2);
                    let child = self.module(self.modules[id].file, Some(id));
                    self.modules[id].children.insert(name.to_owned(), child);
                    self.read(child, &tokens[at + 3..end], &folder.join(name));
                    at = end;
                }
                (Token::Word(key), _) if key == "use" && word(at.wrapping_sub(1)) != Some("r") => {
                    let end = (at..tokens.len()).find(|&i| tokens[i] == Token::Sign(';')).unwrap_or(tokens.len());
                    self.use_tree(id, &[], &tokens[at + 1..end]);
                    at = end;
                }
                (Token::Word(first), _) => {
                    let is_item = ["fn", "struct", "enum", "trait", "type", "const", "static", "union"];
                    if depth == 0 && is_item.contains(&first.as_str()) {
                        self.modules[id].items.extend(word(at + 1).map(str::to_owned));
                    }
                    let mut path = vec![first.clone()];
                    while tokens.get(at + 1) == Some(&Token::Colons)
                        && let Some(next) = word(at + 2)
                    {
                        path.push(next.to_owned());
                        at += 2;
                    }
                    self.modules[id].words.insert(path[0].clone());
                    if path.len() > 1 {
                        self.modules[id].paths.insert(path);
                    }
                }
                _ => {}
            }
            at += 1;
        }
    }

    fn child_file(&mut self, id: Id, name: &str, folder: &Path) -> Id {
        let flat = folder.join(format!("{name}.rs"));
        let path = if flat.exists() { flat } else { folder.join(name).join("mod.rs") };
        self.file(&path, &folder.join(name), Some(id))
    }

    /// Reads what follows `use`.
    fn use_tree(&mut self, id: Id, before: &[String], tokens: &[Token]) {
        let mut path = before.to_vec();
        let mut at = 0;
        while at < tokens.len() {
            match &tokens[at] {
                Token::Word(word) if word == "as" => {
                    if let Some(Token::Word(name)) = tokens.get(at + 1) {
                        self.modules[id].uses.insert(name.clone(), path);
                    }
                    return;
                }
                Token::Word(word) if word == "self" && !before.is_empty() && path == before => {}
                Token::Word(word) => path.push(word.clone()),
                Token::Sign('*') => {
                    self.modules[id].globs.push(path);
                    return;
                }
                Token::Sign('{') => {
                    let end = closing(tokens, at);
                    split_at_commas(&tokens[at + 1..end]).into_iter().for_each(|part| self.use_tree(id, &path, part));
                    return;
                }
                _ => {}
            }
            at += 1;
        }
        if let Some(name) = path.last() {
            self.modules[id].uses.insert(name.clone(), path);
        }
    }

    /// Where a path in a module leads; nowhere if it leaves the workspace.
    fn resolve(&self, from: Id, path: &[String], depth: usize) -> Option<Place> {
        if depth > 16 {
            return None;
        }
        let (first, mut rest) = path.split_first()?;
        let module = &self.modules[from];
        let mut place = match first.as_str() {
            "crate" => Place::Module(module.root),
            "self" => Place::Module(from),
            "super" => Place::Module(module.parent?),
            name => match (module.children.get(name), module.uses.get(name), self.packages.get(name)) {
                (Some(&child), ..) => Place::Module(child),
                // `use name::...` of another package brings `name` into scope as itself.
                (_, Some(path), _) if path[0] != name => self.resolve(from, path, depth + 1)?,
                (.., Some(&root)) => Place::Module(root),
                _ => return None,
            },
        };
        while let (Place::Module(at), Some((name, left))) = (place, rest.split_first()) {
            place =
                if name == "super" { Place::Module(self.modules[at].parent?) } else { self.member(at, name, depth)? };
            rest = left;
        }
        Some(place)
    }

    /// What a name means in a module.
    fn member(&self, id: Id, name: &str, depth: usize) -> Option<Place> {
        let module = &self.modules[id];
        if let Some(&child) = module.children.get(name) {
            return Some(Place::Module(child));
        }
        if let Some(path) = module.uses.get(name) {
            return self.resolve(id, path, depth + 1);
        }
        if !module.items.contains(name) && depth < 16 {
            for glob in &module.globs {
                if let Some(Place::Module(other)) = self.resolve(id, glob, depth + 1)
                    && (self.modules[other].items.contains(name) || self.modules[other].uses.contains_key(name))
                {
                    return self.member(other, name, depth + 1);
                }
            }
        }
        Some(Place::Item(id))
    }

    /// By file, the files that it imports.
    fn edges(&self) -> Vec<BTreeSet<usize>> {
        let mut edges = vec![BTreeSet::new(); self.files.len()];
        for (id, module) in self.modules.iter().enumerate() {
            let mut places = Vec::new();
            places.extend(module.paths.iter().chain(module.uses.values()).filter_map(|path| self.resolve(id, path, 0)));
            for glob in &module.globs {
                if let Some(Place::Module(other)) = self.resolve(id, glob, 0) {
                    let known = &self.modules[other];
                    let used = module
                        .words
                        .iter()
                        .filter(|word| known.items.contains(*word) || known.uses.contains_key(*word));
                    places.extend(used.filter_map(|word| self.member(other, word, 0)));
                }
            }
            // A module that is named and nothing in it: what is meant is in paths, and listed by itself.
            let targets = places.into_iter().filter_map(|place| match place {
                Place::Item(id) => Some(self.modules[id].file),
                Place::Module(_) => None,
            });
            edges[module.file].extend(targets.filter(|&file| file != module.file));
        }
        edges
    }
}

/// Words, `::` and signs, without comments, strings and characters.
fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let is = |at: usize, c: char| chars.get(at) == Some(&c);
    let (mut tokens, mut at) = (Vec::new(), 0);
    while at < chars.len() {
        let c = chars[at];
        if c == '/' && is(at + 1, '/') {
            at = (at..chars.len()).find(|&i| chars[i] == '\n').unwrap_or(chars.len());
        } else if c == '/' && is(at + 1, '*') {
            at = (at + 2..chars.len()).find(|&i| is(i, '*') && is(i + 1, '/')).map_or(chars.len(), |i| i + 2);
        } else if c == 'r' && (is(at + 1, '"') || (is(at + 1, '#') && (is(at + 2, '"') || is(at + 2, '#')))) {
            let hashes = chars[at + 1..].iter().take_while(|c| **c == '#').count();
            let ends = |i: &usize| is(*i, '"') && (1..=hashes).all(|n| is(i + n, '#'));
            at = (at + hashes + 2..chars.len()).find(ends).map_or(chars.len(), |i| i + hashes + 1);
        } else if c == '"' {
            at += 1;
            while at < chars.len() && chars[at] != '"' {
                at += if chars[at] == '\\' { 2 } else { 1 };
            }
            at += 1;
        } else if c == '\'' && (is(at + 1, '\\') || is(at + 2, '\'')) {
            let from = if is(at + 1, '\\') { at + 3 } else { at + 2 };
            at = (from..chars.len()).find(|&i| chars[i] == '\'').map_or(chars.len(), |i| i + 1);
        } else if c.is_alphanumeric() || c == '_' {
            let end =
                (at..chars.len()).find(|&i| !chars[i].is_alphanumeric() && chars[i] != '_').unwrap_or(chars.len());
            tokens.push(Token::Word(chars[at..end].iter().collect()));
            at = end;
        } else if c == ':' && is(at + 1, ':') {
            tokens.push(Token::Colons);
            at += 2;
        } else {
            if !c.is_whitespace() {
                tokens.push(Token::Sign(c));
            }
            at += 1;
        }
    }
    tokens
}

/// Leaves out each item under `#[cfg(test)]`.
fn without_tests(tokens: Vec<Token>) -> Vec<Token> {
    let signs = |text: &str| crate::tokens(text);
    let test = signs("#[cfg(test)]");
    let (mut kept, mut at) = (Vec::new(), 0);
    while at < tokens.len() {
        if tokens[at..].starts_with(&test) {
            // To the end of the item: a semicolon, or the end of its braces.
            let end = (at + test.len()..tokens.len()).find(|&i| matches!(tokens[i], Token::Sign(';' | '{')));
            at = end.map_or(tokens.len(), |i| if tokens[i] == Token::Sign('{') { closing(&tokens, i) } else { i }) + 1;
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    kept
}

/// Where the braces that open at `at` close.
fn closing(tokens: &[Token], at: usize) -> usize {
    let mut depth = 0;
    for (i, token) in tokens.iter().enumerate().skip(at) {
        match token {
            Token::Sign('{') => depth += 1,
            Token::Sign('}') => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return i;
        }
    }
    tokens.len()
}

fn split_at_commas(tokens: &[Token]) -> Vec<&[Token]> {
    let (mut parts, mut from, mut depth) = (Vec::new(), 0, 0);
    for (i, token) in tokens.iter().enumerate() {
        match token {
            Token::Sign('{') => depth += 1,
            Token::Sign('}') => depth -= 1,
            Token::Sign(',') if depth == 0 => {
                parts.push(&tokens[from..i]);
                from = i + 1;
            }
            _ => {}
        }
    }
    parts.push(&tokens[from..]);
    parts.retain(|part| !part.is_empty());
    parts
}

/// Files that import each other, over whatever way: the strongly connected components of more than one file.
fn circles(edges: &[BTreeSet<usize>]) -> Vec<Vec<usize>> {
    let reached = |from: usize| {
        let (mut seen, mut queue) = (BTreeSet::new(), VecDeque::from([from]));
        while let Some(at) = queue.pop_front() {
            queue.extend(edges[at].iter().copied().filter(|&to| seen.insert(to)));
        }
        seen
    };
    let reached: Vec<BTreeSet<usize>> = (0..edges.len()).map(reached).collect();
    let (mut circles, mut done) = (Vec::new(), BTreeSet::<usize>::new());
    for file in 0..edges.len() {
        if reached[file].contains(&file) && !done.contains(&file) {
            let circle: Vec<usize> =
                reached[file].iter().copied().filter(|&other| reached[other].contains(&file)).collect();
            done.extend(&circle);
            circles.push(circle);
        }
    }
    circles
}

/// A shortest way from one of these files back to itself, first and last the same.
fn shortest_circle(edges: &[BTreeSet<usize>], files: &[usize]) -> Vec<usize> {
    let from = |start: usize| {
        let (mut came, mut queue) = (BTreeMap::new(), VecDeque::from([start]));
        while let Some(at) = queue.pop_front() {
            for &to in &edges[at] {
                if to == start {
                    let mut way = vec![start, at];
                    while let Some(&before) = came.get(way.last().unwrap()) {
                        way.push(before);
                    }
                    way.reverse();
                    return way;
                }
                if !came.contains_key(&to) {
                    came.insert(to, at);
                    queue.push_back(to);
                }
            }
        }
        Vec::new()
    };
    files.iter().map(|&file| from(file)).min_by_key(Vec::len).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A library in memory: the modules' names and texts, children of the root.
    fn library(root: &str, files: &[(&str, &str)]) -> Sources {
        let mut sources = Sources::default();
        sources.files.push("lib.rs".into());
        let top = sources.module(0, None);
        for (name, _) in files {
            sources.files.push(format!("{name}.rs").into());
            let child = sources.module(sources.files.len() - 1, Some(top));
            sources.modules[top].children.insert((*name).to_owned(), child);
        }
        let texts = [root].into_iter().chain(files.iter().map(|file| file.1));
        for (id, text) in texts.enumerate() {
            sources.read(id, &without_tests(tokens(text)), Path::new(""));
        }
        sources.packages.insert("library".to_owned(), top);
        sources
    }

    fn names(root: &str, files: &[(&str, &str)]) -> Vec<Vec<String>> {
        let sources = library(root, files);
        let name = |&file: &usize| sources.files[file].to_string_lossy().into_owned();
        circles(&sources.edges()).iter().map(|circle| circle.iter().map(name).collect()).collect()
    }

    #[test]
    fn one_way_is_no_circle() {
        let files =
            [("a", "use super::b::B; pub struct A(B);"), ("b", "pub struct B;"), ("c", "fn c() { crate::a::f() }")];
        assert_eq!(names("pub use a::A;", &files), Vec::<Vec<String>>::new());
    }

    #[test]
    fn circles_are_found_however_they_close() {
        let b = "pub struct B;";
        let there = ("a", "use crate::b::B; pub struct A(B); pub fn f() {}");
        for back in [
            "use crate::a::A;",
            "use super::a::{self, A};",
            "use super::{a::A as Other};",
            "use super::a; fn g() { a::f() }",
            "fn g() { super::a::f() }",
            "fn g(x: crate::a::A) {}",
            "fn g() { let x = library::a::f(); }",
            "use super::*; fn g(x: Shown) {}",
            "use crate::Shown;",
            "mod inner { use super::super::a::A; }",
        ] {
            let found = names("use a::A as Shown;", &[there, ("b", &format!("{back} {b}"))]);
            assert_eq!(found, [["a.rs", "b.rs"]], "{back}");
        }
    }

    #[test]
    fn a_circle_may_be_long() {
        let files = [
            ("a", "use super::b::B;"),
            ("b", "use super::c::C;"),
            ("c", "use super::a::A;"),
            ("d", "use super::a::A;"),
        ];
        let sources = library("", &files);
        let edges = sources.edges();
        assert_eq!(circles(&edges), [[1, 2, 3]]);
        assert_eq!(shortest_circle(&edges, &[1, 2, 3]), [1, 2, 3, 1]);
    }

    #[test]
    fn tests_comments_and_strings_do_not_count() {
        let there = ("a", "use crate::b::B;");
        for back in [
            "#[cfg(test)] mod tests { use crate::a::A; }",
            "#[cfg(test)] use crate::a::A;",
            "// use crate::a::A;",
            "/* crate::a::A */",
            "const TEXT: &str = \"crate::a::A\";",
            "const TEXT: &str = r#\"crate::a::A\"#; const C: char = '\"';",
            "use std::a::A;",
        ] {
            assert!(names("", &[there, ("b", back)]).is_empty(), "{back}");
        }
    }
}
