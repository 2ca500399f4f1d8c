//! Harnesses of the fuzz targets: functions that panic when a promise is broken, so that stable Rust replays what fuzzing found.

mod xml_split;

pub use xml_split::xml_split;
