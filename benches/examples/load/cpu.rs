//! The CPU time of a process.

use std::{fs, io};

/// Seconds since the process started, all its threads together.
pub(crate) struct CpuTime {
    pub(crate) user: f64,
    pub(crate) system: f64,
}

impl CpuTime {
    /// Reads `/proc/<id>/stat`: its clock ticks a hundred times a second (`USER_HZ`).
    pub(crate) fn of(id: &str) -> io::Result<Self> {
        let stat = fs::read_to_string(format!("/proc/{id}/stat"))?;
        // The name, in parentheses, may hold spaces; utime and stime are fields 14 and 15, the name is field 2.
        let after_name = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
        let mut ticks = after_name.split(' ').skip(11).map(str::parse::<f64>);
        match (ticks.next(), ticks.next()) {
            (Some(Ok(user)), Some(Ok(system))) => Ok(Self {
                user: user / 100.0,
                system: system / 100.0,
            }),
            _ => Err(io::Error::other(stat)),
        }
    }
}
