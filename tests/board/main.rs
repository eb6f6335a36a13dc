//! The controller on an emulated board. Run by `.ci/board.sh`, which builds the images and installs the emulator.

#[path = "../../firmware-model/board/src/map.rs"]
#[expect(dead_code, reason = "the firmware uses the rest")]
mod map;
#[path = "../support/mod.rs"]
mod support;

mod figures;
mod plan;
mod power;
mod qemu;
mod thumb;
mod whole_path;
