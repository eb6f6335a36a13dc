//! The controller on an emulated board. Run by `.ci/board.sh`, which builds the images and installs the emulator.

#[path = "../../firmware-model/board/src/map.rs"]
#[expect(dead_code, reason = "the firmware uses the rest")]
mod map;
mod qemu;
mod thumb;
#[test]
fn smoke() {
    use std::io::{Read,Write};
    let dir = tempfile::tempdir().unwrap();
    let w = qemu::Window::new(dir.path());
    let out = dir.path().join("counts");
    let t = std::time::Instant::now();
    let mut b = qemu::Board::start(&qemu::built("core-9x9"), &w, &qemu::Watch{lo:0,hi:1024,cut:0,out:Some(out.clone())});
    let mut x=[0;5]; b.line.read_exact(&mut x).unwrap(); assert_eq!(&x, b"ready");
    println!("{:?}", t.elapsed());
    b.line.write_all(b"hello").unwrap();
    b.line.read_exact(&mut x).unwrap(); assert_eq!(&x, b"hello");
    println!("{:?}", t.elapsed());
    b.shut_down();
    println!("{:?}", t.elapsed());
    println!("{} {}", qemu::Counts::read(&out).instructions(), qemu::Counts::read(&out).stores);
    let image = std::fs::read(qemu::built("core-9x9")).unwrap();
    let elf = object::File::parse(&*image).unwrap();
    let g = thumb::CallGraph::read(&elf);
    for (a,f) in &g.functions { println!("{a:#x} {f:?}"); }
    println!("{:?}", g.depth(g.named("main").unwrap()));
}
