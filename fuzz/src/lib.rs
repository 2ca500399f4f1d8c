//! Harnesses of the fuzz targets: functions that panic when a promise is broken, so that stable Rust replays what fuzzing found.

mod host_meta;
mod xml_split;

pub use host_meta::host_meta;
pub use xml_split::xml_split;
