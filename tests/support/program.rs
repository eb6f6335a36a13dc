//! The binary, run in a folder that goes away.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::weights::Weights;

/// A temporary folder with a weights file, and the binary to run in it.
pub struct Sandbox {
    pub folder: TempDir,
}

/// What a run has left.
pub struct Run {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Sandbox {
    /// An empty folder.
    pub fn empty() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    /// A folder with `net.safetensors`.
    pub fn with(weights: &Weights) -> Self {
        Self::empty().file("net.safetensors", weights.bytes())
    }

    /// The network of most tests: a convolution, a grouped one, two linear layers, and tensors that are none.
    pub fn with_network() -> Self {
        Self::with(&network())
    }

    /// Writes a file.
    pub fn file(self, name: &str, bytes: impl AsRef<[u8]>) -> Self {
        std::fs::write(self.path(name), bytes).unwrap();
        self
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    /// Names of all files, sorted.
    pub fn files(&self) -> Vec<String> {
        let name = |e: std::io::Result<std::fs::DirEntry>| e.unwrap().file_name().into_string().unwrap();
        let mut names: Vec<_> = std::fs::read_dir(self.folder.path()).unwrap().map(name).collect();
        names.sort();
        names
    }

    /// The binary, to be run in the folder.
    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_elight-plan"));
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    /// Runs the binary. Whatever happens, it must not panic.
    pub fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Run {
        Run::new(self.command().args(args).output().unwrap())
    }

    /// Runs it on `net.safetensors`, for a core of 9x9 unless `args` say another.
    pub fn plan(&self, args: &[&str]) -> Run {
        let core: &[&str] = if args.contains(&"--core") { &[] } else { &["--core", "9x9"] };
        self.run(["net.safetensors"].iter().chain(core).chain(args))
    }

    /// A run as a person sees it: the command, what it prints, what it complains of, and its exit code unless that is 0. `columns`: the
    /// width of the terminal; none in a pipe. Times are left out.
    pub fn shown(&self, columns: Option<u16>, args: &[&str]) -> String {
        let mut command = self.command();
        command.args(args).env_remove("COLUMNS").env_remove("CLICOLOR_FORCE");
        if let Some(columns) = columns {
            command.env("COLUMNS", columns.to_string());
        }
        Run::new(command.output().unwrap()).shown(&format!("elight-plan {}", args.join(" ")))
    }

    /// The report of a run that must succeed.
    pub fn report(&self, args: &[&str]) -> Value {
        self.plan(&[args, &["--json"]].concat()).json()
    }
}

impl Run {
    pub fn new(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let run = Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) };
        assert!(!run.stderr.contains("panicked"), "it panicked:\n{}", run.stderr);
        run
    }

    /// The run as a person sees it, under its command.
    pub fn shown(&self, command: &str) -> String {
        let timeless = |line: &str| match line.strip_suffix(" s to plan and write") {
            Some(_) => "time      N s to plan and write".to_owned(),
            None => line.to_owned(),
        };
        let lines = [&self.stdout, &self.stderr].into_iter().flat_map(|text| text.lines()).map(timeless);
        let code = self.code.filter(|code| *code != 0).map(|code| format!("[exit code {code}]"));
        let all = [format!("$ {command}")].into_iter().chain(lines).chain(code);
        all.map(|line| line.trim_end().to_owned() + "\n").collect()
    }

    /// A success; returns what it printed.
    #[track_caller]
    pub fn success(self) -> String {
        assert_eq!(self.code, Some(0), "it failed:\n{}", self.stderr);
        assert_eq!(self.stderr, "", "a success has nothing to complain about");
        self.stdout
    }

    #[track_caller]
    pub fn json(self) -> Value {
        let text = self.success();
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e} in:\n{text}"))
    }

    /// A failure with this exit code; its message must contain all of these, and nothing goes to stdout.
    #[track_caller]
    pub fn fails(self, code: i32, parts: &[&str]) {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        assert_eq!(self.stdout, "", "errors go to stderr");
        assert!(self.stderr.starts_with("error: "), "{}", self.stderr);
        for part in parts {
            assert!(self.stderr.contains(part), "`{part}` is not in:\n{}", self.stderr);
        }
    }
}

/// A network of 4 layers and 3 tensors that are none.
pub fn network() -> Weights {
    Weights::new()
        .random("stem.weight", &[12, 3, 3, 3], 1)
        .random("stem.bias", &[12], 2)
        .random("dw.weight", &[12, 1, 3, 3], 3)
        .tensor("steps", "I64", &[], &[0; 8])
        .random("fc1.weight", &[30, 108], 4)
        .tensor("lut", "I8", &[4, 4], &[0; 16])
        .random("fc2.weight", &[10, 30], 5)
}
