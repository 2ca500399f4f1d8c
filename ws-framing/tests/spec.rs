//! The scenarios, one file for each section of the standards.
#![cfg(test)]

mod spec_control_close;
mod spec_frames;
mod support;
