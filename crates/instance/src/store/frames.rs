//! The write-ahead log, read as a file: whether something that was committed cannot be read any more.
//!
//! The database takes the log's first damaged frame for its end, says nothing, and overwrites what is behind
//! it. **So the log is looked at before the database is opened.** Every commit is synced before the next one
//! begins, so a crash can tear the last one alone: where a whole frame follows a commit that cannot be
//! reached, the damage is no crash's. A commit that is the last one, and damaged, cannot be told from one
//! that a crash interrupted; and that frames were cut off at a commit cannot be seen at all. This only reads.
//!
//! The format is described at <https://sqlite.org/fileformat2.html#walformat>.

use std::{
    io::{self, BufReader, ErrorKind, Read},
    path::Path,
};

use super::{OpenError, disk::Disk};

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
const MAGIC: u32 = 0x377f_0682;
const VERSION: u32 = 3_007_000;
const PAGE_SIZE: u32 = 4096;

/// How often a log that somebody may be writing to is read until it shows the same damage twice.
const LOOKS: u32 = 4;

/// What a log holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frames {
    /// How many frames can be read from its beginning.
    pub(super) sound: u64,
    pub(super) end: End,
}

/// A log with nothing in it.
const NOTHING: Frames = Frames {
    sound: 0,
    end: End::Whole,
};

/// What is behind the frames that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Nothing of this log.
    Whole,
    /// Something that is not whole: what a crash interrupted, or a damaged last commit.
    Doubtful,
    /// At least one commit, which is lost.
    Lost,
}

/// Refuses a log that holds what was answered and cannot be read any more: whoever opens the database would
/// drop it in silence.
pub(super) fn require_all(disk: &dyn Disk, log: &Path) -> Result<(), OpenError> {
    let path = log.to_owned();
    match inspect(disk, log) {
        Err(source) => Err(OpenError::UnreadableLog { path, source }),
        Ok(Frames {
            sound,
            end: End::Lost,
        }) => Err(OpenError::DamagedLog { path, sound }),
        Ok(Frames {
            sound,
            end: End::Doubtful,
        }) => {
            tracing::warn!(
                log = %log.display(),
                pages = sound,
                "the log ends in a commit that is not whole: a crash interrupted it before it was answered, \
                 or it is damaged"
            );
            Ok(())
        }
        Ok(_) => Ok(()),
    }
}

/// Looks through the log at `path`, which others may be writing to.
pub(super) fn inspect(disk: &dyn Disk, path: &Path) -> io::Result<Frames> {
    let mut before = None;
    for _ in 0..LOOKS {
        let seen = look(disk, path)?;
        // Frames that are being written look damaged, but not for long.
        if seen.0.end == End::Whole || before == Some(seen) {
            return Ok(seen.0);
        }
        before = Some(seen);
    }
    Ok(NOTHING)
}

/// What the log holds, and which it is.
fn look(disk: &dyn Disk, path: &Path) -> io::Result<(Frames, [u8; 8])> {
    let mut log = match disk.open(path) {
        Ok(log) => BufReader::with_capacity(1 << 16, log),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok((NOTHING, [0; 8])),
        Err(error) => return Err(error),
    };
    let mut bytes = [0; HEADER];
    if !fill(&mut log, &mut bytes)? {
        return Ok((NOTHING, [0; 8]));
    }
    let header = Header::read(bytes);
    let mut walk = Walk::new(&header);
    let mut frame = vec![0; FRAME_HEADER + header.page_size];
    while walk.frames.end != End::Lost && fill(&mut log, &mut frame)? {
        walk.step(&frame);
    }
    Ok((walk.frames, header.salts))
}

/// Reads as much as there is room for; `false` when there is less.
fn fill(from: &mut impl Read, room: &mut [u8]) -> io::Result<bool> {
    match from.read_exact(room) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

type Sum = (u32, u32);

struct Header {
    is_sound: bool,
    is_big_endian: bool,
    page_size: usize,
    salts: [u8; 8],
    sum: Sum,
    computed: Sum,
}

impl Header {
    /// What is unsound is taken for what this program writes on this machine.
    fn read(bytes: [u8; HEADER]) -> Self {
        let (magic, page_size) = (word(&bytes, 0), word(&bytes, 8));
        let is_big_endian = magic & 1 == 1;
        let computed = checksum((0, 0), &bytes[..24], is_big_endian);
        let sum = (word(&bytes, 24), word(&bytes, 28));
        let is_sound = magic & !1 == MAGIC
            && word(&bytes, 4) == VERSION
            && (512..=65536).contains(&page_size)
            && page_size.is_power_of_two()
            && computed == sum;
        Self {
            is_sound,
            is_big_endian: if is_sound {
                is_big_endian
            } else {
                cfg!(target_endian = "big")
            },
            page_size: if is_sound { page_size } else { PAGE_SIZE } as usize,
            salts: eight(&bytes, 16),
            sum,
            computed,
        }
    }
}

/// Goes through the frames, one after another.
struct Walk {
    frames: Frames,
    /// Whether the frames are still those that the database would read.
    is_sound: bool,
    is_big_endian: bool,
    /// What marks the frames of this log, and not of the one that was here before. `None`: what the next
    /// frame has.
    salts: Option<[u8; 8]>,
    /// What the sum of the next frame begins with: what the last one says, and what it should say. Where
    /// these differ, the damage is in the one or in what the other was made from.
    sums: [Sum; 2],
    /// Whether the last frame cannot be reached, and ended a commit.
    is_behind_commit: bool,
}

impl Walk {
    fn new(header: &Header) -> Self {
        Self {
            frames: NOTHING,
            is_sound: header.is_sound,
            is_big_endian: header.is_big_endian,
            salts: header.is_sound.then_some(header.salts),
            sums: [header.sum, header.computed],
            is_behind_commit: false,
        }
    }

    fn step(&mut self, frame: &[u8]) {
        let (header, page) = frame.split_at(FRAME_HEADER);
        let found = eight(header, 8);
        let salts = *self.salts.get_or_insert(found);
        let going_on = |sum| {
            let sum = checksum(sum, &header[..8], self.is_big_endian);
            checksum(sum, page, self.is_big_endian)
        };
        let [said, meant] = self.sums;
        let stored = (word(header, 16), word(header, 20));
        let computed = going_on(said);
        let fits = computed == stored || (said != meant && going_on(meant) == stored);
        let follows = found == salts && fits;
        self.is_sound &= follows;
        if self.is_sound {
            self.frames.sound += 1;
        } else if follows && self.is_behind_commit {
            self.frames.end = End::Lost;
        } else if found[..4] == salts[..4] || found[4..] == salts[4..] {
            self.frames.end = End::Doubtful;
        }
        let ends_commit = word(header, 4) != 0;
        self.is_behind_commit = !self.is_sound && found == salts && ends_commit;
        self.sums = [stored, computed];
    }
}

/// The log's own sum over `bytes`, whose number is a multiple of eight, going on from `sum`.
fn checksum((mut a, mut b): Sum, bytes: &[u8], is_big_endian: bool) -> Sum {
    let word = |bytes: [u8; 4]| {
        if is_big_endian {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        }
    };
    for &[c, d, e, f, g, h, i, j] in bytes.as_chunks().0 {
        a = a.wrapping_add(word([c, d, e, f])).wrapping_add(b);
        b = b.wrapping_add(word([g, h, i, j])).wrapping_add(a);
    }
    (a, b)
}

fn word(bytes: &[u8], at: usize) -> u32 {
    let bytes = bytes[at..].first_chunk();
    u32::from_be_bytes(*bytes.expect("headers are longer than the places read from them"))
}

fn eight(bytes: &[u8], at: usize) -> [u8; 8] {
    let bytes = bytes[at..].first_chunk();
    *bytes.expect("headers are longer than the places read from them")
}

#[cfg(test)]
mod tests {
    use std::{collections::VecDeque, fs::File, io::Cursor, sync::Mutex};

    use rusqlite::Connection;

    use super::{
        super::disk::{DiskFile, System},
        *,
    };

    const FRAME: usize = FRAME_HEADER + PAGE_SIZE as usize;

    const SALTS: [u8; 8] = [1, 2, 3, 4, 5, 6, 7, 8];

    /// Which frames end a commit.
    const COMMITS: [bool; 7] = [false, true, false, true, true, false, true];

    /// A disk with one file, which is another one each time.
    #[derive(Debug)]
    struct Changing(Mutex<VecDeque<Vec<u8>>>);

    impl Changing {
        fn new<const N: usize>(contents: [&[u8]; N]) -> Self {
            Self(Mutex::new(contents.map(<[u8]>::to_vec).into()))
        }

        fn inspect(&self) -> Frames {
            inspect(self, Path::new("log")).unwrap()
        }

        fn left(&self) -> usize {
            self.0.lock().unwrap().len()
        }
    }

    impl Disk for Changing {
        fn vfs(&self) -> Option<&str> {
            None
        }

        fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
            self.open(path)
        }

        fn open(&self, _: &Path) -> io::Result<Box<dyn DiskFile>> {
            let content = self.0.lock().unwrap().pop_front();
            Ok(Box::new(Cursor::new(content.ok_or(ErrorKind::NotFound)?)))
        }
    }

    impl DiskFile for Cursor<Vec<u8>> {
        fn sync(&self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What a log shows that does not change.
    fn shown(log: &[u8]) -> Frames {
        Changing::new([log, log]).inspect()
    }

    fn with_sum(mut header: Vec<u8>, sum: Sum) -> Vec<u8> {
        header.extend(sum.0.to_be_bytes());
        header.extend(sum.1.to_be_bytes());
        header
    }

    fn log(is_big_endian: bool, salts: [u8; 8]) -> Vec<u8> {
        let magic = MAGIC | u32::from(is_big_endian);
        let fields = [magic, VERSION, PAGE_SIZE, 0].map(u32::to_be_bytes);
        let header = [fields.as_flattened(), &salts].concat();
        let mut sum = checksum((0, 0), &header, is_big_endian);
        let mut log = with_sum(header, sum);
        for (number, ends_commit) in (1_u8..).zip(COMMITS) {
            let pages = if ends_commit { 9 } else { 0 };
            let page: Vec<u8> = (0..=255)
                .cycle()
                .step_by(number.into())
                .take(FRAME - FRAME_HEADER)
                .collect();
            let fields = [number.into(), pages].map(u32::to_be_bytes).concat();
            sum = checksum(sum, &fields, is_big_endian);
            sum = checksum(sum, &page, is_big_endian);
            log.extend(with_sum([fields, salts.to_vec()].concat(), sum));
            log.extend(page);
        }
        log
    }

    fn native() -> Vec<u8> {
        log(cfg!(target_endian = "big"), SALTS)
    }

    fn damaged(at: usize, bit: u8) -> Frames {
        let mut log = native();
        log[at] ^= 1 << bit;
        shown(&log)
    }

    const fn frames(sound: usize, end: End) -> Frames {
        Frames {
            sound: sound as u64,
            end,
        }
    }

    #[test]
    fn a_whole_log_is_whole_in_either_order_of_bytes() {
        for is_big_endian in [false, true] {
            let log = log(is_big_endian, SALTS);
            assert_eq!(shown(&log), frames(COMMITS.len(), End::Whole));
        }
    }

    #[test]
    fn a_log_of_sqlite_is_whole() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("db");
        let connection = Connection::open(&path).unwrap();
        let statements = "PRAGMA journal_mode = WAL; CREATE TABLE t (x); INSERT INTO t VALUES (1)";
        connection.execute_batch(statements).unwrap();
        let log = path.with_file_name("db-wal");
        let length = usize::try_from(log.metadata().unwrap().len()).unwrap();
        let whole = frames((length - HEADER) / FRAME, End::Whole);
        assert_eq!(inspect(&System, &log).unwrap(), whole);
    }

    #[test]
    fn behind_a_damaged_header_commits_are_lost() {
        for at in 0..HEADER {
            for bit in 0..8 {
                assert_eq!(damaged(at, bit), frames(0, End::Lost), "{at}");
            }
        }
    }

    #[test]
    fn behind_a_damaged_frame_a_commit_is_lost_unless_it_is_in_the_last() {
        for damage in 0..COMMITS.len() {
            for at in (0..FRAME_HEADER).chain([FRAME_HEADER, FRAME_HEADER + 2000, FRAME - 1]) {
                // What it says of itself then.
                let is_marked = |frame| frame != damage || !(8..16).contains(&at);
                let ends =
                    |frame: &usize| COMMITS[*frame] || (*frame == damage && (4..8).contains(&at));
                let mut behind = (damage..COMMITS.len() - 1).filter(ends);
                let end = if behind.any(is_marked) {
                    End::Lost
                } else {
                    End::Doubtful
                };
                let seen = damaged(HEADER + damage * FRAME + at, 1);
                assert_eq!(seen, frames(damage, end), "frame {damage}, byte {at}");
            }
        }
    }

    #[test]
    fn a_frame_that_is_damaged_too_does_not_follow() {
        let mut log = native();
        log.truncate(HEADER + 6 * FRAME);
        for frame in [4, 5] {
            log[HEADER + frame * FRAME + FRAME_HEADER] ^= 1;
        }
        assert_eq!(shown(&log), frames(4, End::Doubtful));
    }

    #[test]
    fn what_was_cut_off_is_not_missed() {
        let log = native();
        for length in [0, 1, HEADER - 1, HEADER, HEADER + 1] {
            assert_eq!(shown(&log[..length]), frames(0, End::Whole), "{length}");
        }
        for frame in 1..COMMITS.len() {
            for more in [0, 1, FRAME_HEADER, FRAME - 1] {
                let seen = shown(&log[..HEADER + frame * FRAME + more]);
                assert_eq!(seen, frames(frame, End::Whole), "{frame} and {more}");
            }
        }
    }

    #[test]
    fn frames_of_the_log_that_was_there_before_are_not_of_this_one() {
        let whole = HEADER + 4 * FRAME;
        let before = log(cfg!(target_endian = "big"), [9; 8]);
        let log = [&native()[..whole], &before[whole..]].concat();
        assert_eq!(shown(&log), frames(4, End::Whole));
    }

    #[test]
    fn what_is_being_written_is_looked_at_again() {
        let whole = native();
        let written = |at: usize| {
            let mut log = native();
            log[at] ^= 1;
            log
        };
        let last = written(whole.len() - 1);
        let disk = Changing::new([&whole, &last]);
        assert_eq!(disk.inspect(), frames(7, End::Whole));
        assert_eq!(disk.left(), 1);

        let disk = Changing::new([&last, &whole]);
        assert_eq!(disk.inspect(), frames(7, End::Whole));

        let disk = Changing::new([&last, &last, &whole]);
        assert_eq!(disk.inspect(), frames(6, End::Doubtful));

        let logs = [0, 1, 2, 3].map(|frame| written(HEADER + frame * FRAME + FRAME_HEADER));
        let [a, b, c, d] = &logs;
        let disk = Changing::new([a, b, c, d]);
        assert_eq!(disk.inspect(), frames(0, End::Whole));
    }

    #[test]
    fn a_log_is_required_to_be_readable_and_to_hold_what_was_committed() {
        let path = Path::new("log");
        let none = Changing::new([]);
        assert!(require_all(&none, path).is_ok());

        let mut log = native();
        log[HEADER + FRAME] ^= 1;
        let refused = require_all(&Changing::new([&log, &log]), path);
        assert!(matches!(
            refused,
            Err(OpenError::DamagedLog { sound: 1, .. })
        ));

        log = native();
        *log.last_mut().unwrap() ^= 1;
        assert!(require_all(&Changing::new([&log, &log]), path).is_ok());

        // A directory can neither be opened to be written to, nor be read.
        let directory = tempfile::tempdir().unwrap();
        let refused = require_all(&System, directory.path());
        assert!(matches!(refused, Err(OpenError::UnreadableLog { .. })));
        assert!(fill(&mut File::open(directory.path()).unwrap(), &mut [0]).is_err());
    }
}
