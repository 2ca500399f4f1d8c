//! The gateway.
mod demo;
fn main() {
    let demo = demo::Demo::new("x");
    drop(demo.connect());
}
