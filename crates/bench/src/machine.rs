//! What the figures were taken on, as far as a Linux system tells.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
    process::Command,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use time::UtcDateTime;
use tokio::time::Instant;

use crate::statistic::Spread;

/// A machine on a day. What is not known is empty.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Machine {
    /// The day of the measurement, in UTC: `2026-01-31`.
    pub date: String,
    /// The model of the processor.
    pub cpu: String,
    /// Its cores.
    pub cores: usize,
    /// Memory, in GiB.
    pub memory_gib: f64,
    /// The kernel.
    pub kernel: String,
    /// The file system under the databases, and its device.
    pub disk: String,
    /// The median time of writing 4 KiB there and syncing them, in milliseconds.
    pub sync_ms: f64,
    /// The version of Node.js, which the peer runs on.
    pub node: String,
}

impl Machine {
    /// This machine today, with databases in that directory.
    pub fn look(directory: &Path) -> io::Result<Self> {
        let directory = directory.canonicalize()?;
        let cpu = fs::read_to_string("/proc/cpuinfo")?;
        let memory = fs::read_to_string("/proc/meminfo")?;
        let mounts = fs::read_to_string("/proc/mounts")?;
        Ok(Self {
            date: UtcDateTime::now().date().to_string(),
            cpu: value(&cpu, "model name").unwrap_or_default().into(),
            cores: cpu
                .lines()
                .filter(|line| line.starts_with("processor"))
                .count(),
            memory_gib: value(&memory, "MemTotal")
                .and_then(gibibytes)
                .unwrap_or_default(),
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")?
                .trim()
                .into(),
            disk: mount(&mounts, &directory).unwrap_or_default(),
            sync_ms: sync_ms(&directory)?,
            node: version_of_node().unwrap_or_default(),
        })
    }
}

/// What stands behind the first such name in `name : value` lines.
fn value<'a>(lines: &'a str, name: &str) -> Option<&'a str> {
    lines
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find_map(|(key, value)| (key.trim() == name).then(|| value.trim()))
}

/// From `24641380 kB`.
fn gibibytes(text: &str) -> Option<f64> {
    let kibibytes: f64 = text.strip_suffix(" kB")?.parse().ok()?;
    Some((kibibytes / 1024.0 / 1024.0 * 10.0).round() / 10.0)
}

/// The file system that holds this path: of all mount points above it the longest, of equals the last mounted.
fn mount(mounts: &str, path: &Path) -> Option<String> {
    mounts
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ');
            let (device, point, kind) = (words.next()?, words.next()?, words.next()?);
            path.starts_with(point)
                .then_some((point.len(), device, kind))
        })
        .max_by_key(|&(length, ..)| length)
        .map(|(_, device, kind)| match device.strip_prefix("/dev/") {
            Some(device) => format!("{kind} on {device}"),
            None => kind.into(),
        })
}

/// How long the disk takes for what a commit waits for.
fn sync_ms(directory: &Path) -> io::Result<f64> {
    const TIMES: usize = 100;
    let path = directory.join("sync.tmp");
    let mut file = File::create(&path)?;
    let mut times = Vec::with_capacity(TIMES);
    for _ in 0..TIMES {
        let start = Instant::now();
        file.write_all(&[0; 4096])?;
        file.sync_data()?;
        times.push(milliseconds(start.elapsed()));
    }
    fs::remove_file(path)?;
    Ok(Spread::of(times).map_or(0.0, |spread| spread.median))
}

fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e5).round() / 100.0
}

fn version_of_node() -> Option<String> {
    let output = Command::new("node").arg("--version").output().ok()?;
    Some(String::from_utf8(output.stdout).ok()?.trim().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_on_the_nearest_file_system_above_it() {
        let mounts = "/dev/sda1 / ext4 rw 0 0\n\
                      proc /proc proc rw 0 0\n\
                      tmpfs /srv/fast tmpfs rw 0 0\n\
                      /dev/sdb1 /srv xfs rw 0 0\n";
        let disk = |path| mount(mounts, Path::new(path));
        assert_eq!(disk("/home/data").as_deref(), Some("ext4 on sda1"));
        assert_eq!(disk("/srv/fast/data").as_deref(), Some("tmpfs"));
        assert_eq!(disk("/srv/faster").as_deref(), Some("xfs on sdb1"));
        assert_eq!(mount("", Path::new("/srv")), None);
    }

    #[test]
    fn names_and_units_of_the_kernel_are_understood() {
        let lines = "processor\t: 0\nmodel name\t: A chip: fast\nMemTotal:       24641380 kB\n";
        assert_eq!(value(lines, "model name"), Some("A chip: fast"));
        assert_eq!(value(lines, "model"), None);
        assert_eq!(value(lines, "MemTotal").and_then(gibibytes), Some(23.5));
    }

    #[test]
    fn this_machine_says_what_it_is() {
        let directory = tempfile::tempdir().expect("there is a place for it");
        let machine = Machine::look(directory.path()).expect("it is a Linux machine");
        assert!(machine.cores > 0 && machine.memory_gib > 0.0, "{machine:?}");
        assert!(
            !machine.disk.is_empty() && !machine.kernel.is_empty(),
            "{machine:?}"
        );
        assert_eq!(
            fs::read_dir(directory.path()).expect("it is there").count(),
            0
        );
    }
}
