//! The schedule appears whole or not at all, and what was there before survives every failure.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::program::{Run, Sandbox};
use crate::support::weights::Weights;

/// What an older run has left; planning must not touch it unless it succeeds.
const OLD: &[u8] = b"an older schedule";

#[test]
fn an_older_schedule_is_replaced_by_a_whole_one() {
    let sandbox = Sandbox::with_network().file("net.elight", OLD);
    sandbox.plan(&[]).success();
    assert_eq!(&sandbox.read("net.elight")[..6], b"elight");
    assert_eq!(sandbox.files(), ["net.elight", "net.safetensors"]);
}

#[test]
fn an_older_schedule_survives_errors() {
    let mut values = vec![0.5; 100 * 100];
    values[9_999] = f32::NAN; // found when much is written already
    let weights = Weights::new().random("a.weight", &[50, 100], 1).f32("b.weight", &[100, 100], &values);
    let sandbox = Sandbox::with(&weights).file("net.elight", OLD);
    sandbox.plan(&[]).fails(1, &["NaN at [99, 99]"]);
    assert_eq!(sandbox.read("net.elight"), OLD);
    assert_eq!(sandbox.files(), ["net.elight", "net.safetensors"]);
}

#[test]
fn outputs_that_cannot_be_written_are_named() {
    let sandbox = Sandbox::with_network().file("file", b"");
    std::fs::create_dir(sandbox.path("folder")).unwrap();
    let before = sandbox.files();
    sandbox.plan(&["-o", "folder"]).fails(1, &["cannot write folder: it is a folder"]);
    sandbox.plan(&["-o", "."]).fails(1, &["cannot write .: it is a folder"]);
    sandbox.plan(&["-o", "nowhere/x.elight"]).fails(1, &["cannot write nowhere/x.elight: its folder does not exist"]);
    sandbox.plan(&["-o", "file/x.elight"]).fails(1, &["cannot write file/x.elight: its folder does not exist"]);
    sandbox.plan(&["-o", ""]).fails(2, &["--output"]);
    sandbox.plan(&["-o", &"x".repeat(300)]).fails(1, &["cannot write"]);
    assert_eq!(sandbox.files(), before);
}

#[test]
fn weights_are_never_overwritten() {
    let sandbox = Sandbox::with_network();
    std::fs::create_dir(sandbox.path("sub")).unwrap();
    let weights = sandbox.read("net.safetensors");
    let absolute = sandbox.path("net.safetensors");
    for output in ["net.safetensors", "./net.safetensors", "sub/../net.safetensors", absolute.to_str().unwrap()] {
        sandbox.plan(&["-o", output]).fails(1, &["would overwrite the weights: name another with -o"]);
        assert!(sandbox.read("net.safetensors") == weights, "{output}");
    }
    let sandbox = sandbox.file("net.elight", &weights);
    sandbox.run(["net.elight", "--core", "9x9"]).fails(1, &["would overwrite the weights"]);
}

#[cfg(unix)]
mod unix {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn links_to_the_weights_do_not_fool_it() {
        let sandbox = Sandbox::with_network();
        std::os::unix::fs::symlink("net.safetensors", sandbox.path("link.elight")).unwrap();
        sandbox.plan(&["-o", "link.elight"]).fails(1, &["would overwrite the weights"]);
        assert!(sandbox.path("link.elight").is_symlink());
    }

    #[test]
    fn only_ordinary_files_are_replaced() {
        let sandbox = Sandbox::with_network();
        assert!(Command::new("mkfifo").arg(sandbox.path("pipe")).status().unwrap().success());
        sandbox.plan(&["-o", "pipe"]).fails(1, &["cannot write pipe", "not an ordinary file"]);
        assert_eq!(sandbox.files(), ["net.safetensors", "pipe"]);
    }

    #[test]
    fn schedules_are_readable_as_the_umask_allows() {
        let sandbox = Sandbox::with_network();
        sandbox.shell("umask 027; exec \"$PLAN\" net.safetensors --core 9x9").success();
        let mode = std::fs::metadata(sandbox.path("net.elight")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
    }

    #[test]
    fn a_full_disk_leaves_nothing_behind() {
        // A limit on the file size stands for the full disk: with its signal ignored, writing fails in the same way.
        for (blocks, rest) in [(0, ""), (2, ""), (4, "--json")] {
            let weights = Weights::new().random("a.weight", &[90, 400], 1).random("b.weight", &[90, 400], 2);
            let sandbox = Sandbox::with(&weights).file("net.elight", OLD);
            let limit = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$PLAN\" net.safetensors --core 9x9 {rest}");
            sandbox.shell(&limit).fails(1, &["cannot write net.elight", "an older file of that name is untouched"]);
            assert_eq!(sandbox.read("net.elight"), OLD);
            assert_eq!(sandbox.files(), ["net.elight", "net.safetensors"]);
        }
    }

    #[test]
    fn a_closed_stdout_is_no_panic() {
        let sandbox = Sandbox::with_network();
        for flag in ["-v", "--json", "--help", "--man", "--completions bash"] {
            let args = if flag.starts_with("--json") || flag == "-v" { "net.safetensors --core 9x9" } else { "" };
            let full = sandbox.shell(&format!("\"$PLAN\" {args} {flag} >/dev/full"));
            if flag != "--help" {
                full.fails(1, &["cannot print to stdout", "No space left"]);
            }
            sandbox.shell(&format!("set -o pipefail; \"$PLAN\" {args} {flag} | true")).success();
        }
    }

    #[test]
    fn an_interruption_leaves_nothing_behind() {
        for signal in ["INT", "TERM"] {
            let sandbox = Sandbox::with(&large()).file("net.elight", OLD);
            let mut child = start(&sandbox);
            wait_for_partial(&sandbox, &mut child);
            kill(&child, signal);
            let run = Run::new(child.wait_with_output().unwrap());
            run.fails(130, &["interrupted: no schedule was written"]);
            assert_eq!(sandbox.read("net.elight"), OLD);
            assert_eq!(sandbox.files(), ["net.elight", "net.safetensors"], "after SIG{signal}");
        }
    }

    #[test]
    fn a_second_interruption_ends_it_at_once_and_leaves_nothing_behind() {
        let sandbox = Sandbox::with(&large()).file("net.elight", OLD);
        let mut child = start(&sandbox);
        wait_for_partial(&sandbox, &mut child);
        kill(&child, "INT");
        std::thread::sleep(Duration::from_millis(20));
        kill(&child, "INT");
        let run = Run::new(child.wait_with_output().unwrap());
        assert_eq!(run.code, Some(130));
        assert_eq!(sandbox.read("net.elight"), OLD);
        assert_eq!(sandbox.files(), ["net.elight", "net.safetensors"]);
    }

    /// A network that takes a while: 3 million weights in layers that each take long enough for a second signal.
    fn large() -> Weights {
        let half = |seed: u64| -> Vec<u8> {
            let small = crate::support::weights::random(1 << 14, seed);
            let small: Vec<u8> = small.iter().flat_map(|w| half::bf16::from_f32(*w).to_le_bytes()).collect();
            small.repeat(1 << 6)
        };
        let layer = |weights: Weights, i: u64| weights.tensor(&format!("{i}.weight"), "BF16", &[1024, 1024], &half(i));
        (0..4).fold(Weights::new(), layer)
    }

    fn start(sandbox: &Sandbox) -> Child {
        let mut command = sandbox.command();
        command.args(["net.safetensors", "--core", "9x9"]).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    /// Planning has begun when its temporary file is there.
    fn wait_for_partial(sandbox: &Sandbox, child: &mut Child) {
        let begun = Instant::now();
        while !sandbox.files().iter().any(|name| name.ends_with(".partial")) {
            assert!(begun.elapsed() < Duration::from_secs(60), "no temporary file appears");
            assert!(child.try_wait().unwrap().is_none(), "it ended before it could be interrupted");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn kill(child: &Child, signal: &str) {
        Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status().unwrap();
    }

    impl Sandbox {
        /// Runs a shell script in the folder; `$PLAN` is the binary.
        fn shell(&self, script: &str) -> Run {
            let mut shell = Command::new("bash");
            shell.args(["-c", script]).current_dir(self.folder.path()).env("PLAN", env!("CARGO_BIN_EXE_elight-plan"));
            Run::new(shell.stdin(Stdio::null()).output().unwrap())
        }
    }
}
