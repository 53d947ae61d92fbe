//! The disk as `SQLite` sees it: a VFS in C's terms.
//!
//! **`SQLite` calls these functions with what they themselves have put into its hands**: a VFS that is
//! never freed, and a file that is an [`Open`] from `xOpen` until `xClose`. What they do is decided in
//! `state`; here arguments become values and failures become codes.

use std::{
    ffi::{CStr, CString, c_char, c_int, c_void},
    ptr,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use rusqlite::ffi;

use crate::{
    disk::Shared,
    fault::{Fault, Operation},
    lock::Level,
    memory::{Hold, REGION},
    state::{Absent, Failure, Opening, Reason},
};

/// The longest name of a file.
const LONGEST_NAME: c_int = 1024;

/// What the system's own VFS says of disks.
const SECTOR_SIZE: c_int = 4096;

/// An open file: `SQLite` gives the room for it, and looks at the first field.
#[repr(C)]
struct Open {
    base: ffi::sqlite3_file,
    /// Ours, from `xOpen` until `xClose`.
    file: *mut File,
}

struct File {
    shared: Arc<Shared>,
    opening: Opening,
}

/// Has `SQLite` know a disk, under the name that is returned.
///
/// The VFS itself is never freed, as nobody tells when its last connection is gone; it is a few hundred
/// bytes, and its disk is not kept by it.
pub(crate) fn register(shared: &Arc<Shared>) -> &'static str {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let number = LAST.fetch_add(1, Ordering::Relaxed);
    let name = CString::new(format!("faulty-disk-{number}")).expect("it has no zero in it");
    let name: &'static CStr = Box::leak(name.into_boxed_c_str());
    let vfs = Box::leak(Box::new(ffi::sqlite3_vfs {
        iVersion: 1,
        szOsFile: c_int::try_from(size_of::<Open>()).expect("it is small"),
        mxPathname: LONGEST_NAME,
        pNext: ptr::null_mut(),
        zName: name.as_ptr(),
        pAppData: Arc::downgrade(shared).into_raw().cast_mut().cast(),
        xOpen: Some(open),
        xDelete: Some(delete),
        xAccess: Some(access),
        xFullPathname: Some(full_pathname),
        xDlOpen: None,
        xDlError: None,
        xDlSym: None,
        xDlClose: None,
        xRandomness: Some(randomness),
        xSleep: Some(sleep),
        xCurrentTime: Some(current_time),
        xGetLastError: None,
        xCurrentTimeInt64: None,
        xSetSystemCall: None,
        xGetSystemCall: None,
        xNextSystemCall: None,
    }));
    // SAFETY: what is registered is complete and is never freed.
    let code = unsafe { ffi::sqlite3_vfs_register(vfs, 0) };
    assert_eq!(code, ffi::SQLITE_OK, "SQLite does not take a VFS");
    name.to_str().expect("it is ASCII")
}

static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

/// What `SQLite` is told of a failure.
fn code(failure: Failure) -> c_int {
    match (failure.operation, failure.reason) {
        (Operation::Delete, Reason::Missing) => ffi::SQLITE_IOERR_DELETE_NOENT,
        (Operation::Write, Reason::Fault(Fault::Full | Fault::ShortWrite)) => ffi::SQLITE_FULL,
        (Operation::Open, _) => ffi::SQLITE_CANTOPEN,
        (Operation::Read, _) => ffi::SQLITE_IOERR_READ,
        (Operation::Write, _) => ffi::SQLITE_IOERR_WRITE,
        (Operation::Truncate, _) => ffi::SQLITE_IOERR_TRUNCATE,
        (Operation::Sync, _) => ffi::SQLITE_IOERR_FSYNC,
        (Operation::Delete, _) => ffi::SQLITE_IOERR_DELETE,
    }
}

fn answer(result: Result<(), Failure>) -> c_int {
    result.map_or_else(code, |()| ffi::SQLITE_OK)
}

/// `granted`, or the other is to be tried again.
fn granted(granted: bool) -> c_int {
    if granted {
        ffi::SQLITE_OK
    } else {
        ffi::SQLITE_BUSY
    }
}

/// The disk of a VFS, unless it is gone.
///
/// # Safety
/// `vfs` is one that [`register`] has made.
unsafe fn disk(vfs: *mut ffi::sqlite3_vfs) -> Option<Arc<Shared>> {
    // SAFETY: it is never freed, and `pAppData` is the `Weak` that was put into it, which stays there.
    let weak = unsafe {
        std::mem::ManuallyDrop::new(Weak::from_raw(
            (*vfs).pAppData.cast_const().cast::<Shared>(),
        ))
    };
    weak.upgrade()
}

/// The file that is open.
///
/// # Safety
/// `file` was opened by [`open`] and is not closed, which nothing does before what is returned is dropped.
unsafe fn file<'a>(file: *mut ffi::sqlite3_file) -> &'a File {
    // SAFETY: it is an `Open`, whose pointer stays valid until `close`.
    unsafe { &*(*file.cast::<Open>()).file }
}

/// # Safety
/// `name` is null or a string of C's that outlives what is returned.
unsafe fn text<'a>(name: *const c_char) -> Option<&'a str> {
    if name.is_null() {
        return None;
    }
    // SAFETY: the caller's.
    unsafe { CStr::from_ptr(name) }.to_str().ok()
}

/// An offset or a length that `SQLite` gives, which is never negative.
fn size(number: impl TryInto<usize>) -> usize {
    number.try_into().unwrap_or_default()
}

unsafe extern "C" fn open(
    vfs: *mut ffi::sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    let absent = if flags & ffi::SQLITE_OPEN_CREATE != 0 {
        Absent::Create
    } else if flags & ffi::SQLITE_OPEN_MAIN_DB != 0 {
        Absent::Assume
    } else {
        Absent::Refuse
    };
    // SAFETY: SQLite calls with the VFS that was registered and with a name of its own, or none.
    let (disk, name) = unsafe { (disk(vfs), text(name)) };
    let opened = disk.ok_or(ffi::SQLITE_CANTOPEN).and_then(|shared| {
        let opening = shared.lock().open(name, absent).map_err(code)?;
        Ok(Box::new(File { shared, opening }))
    });
    let (methods, opened, code) = match opened {
        Ok(opened) => (&raw const METHODS, Box::into_raw(opened), ffi::SQLITE_OK),
        // Without methods SQLite does not close it.
        Err(code) => (ptr::null(), ptr::null_mut(), code),
    };
    // SAFETY: `file` has room for what `szOsFile` told the size of; `out_flags` is null or valid.
    unsafe {
        file.cast::<Open>().write(Open {
            base: ffi::sqlite3_file { pMethods: methods },
            file: opened,
        });
        if let Some(out_flags) = out_flags.as_mut() {
            *out_flags = flags;
        }
    }
    code
}

unsafe extern "C" fn delete(
    vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    sync_directory: c_int,
) -> c_int {
    // SAFETY: SQLite calls with the VFS that was registered and a name.
    let (Some(disk), Some(name)) = (unsafe { (disk(vfs), text(name)) }) else {
        return ffi::SQLITE_IOERR_DELETE;
    };
    answer(disk.lock().delete(name, sync_directory != 0))
}

unsafe extern "C" fn access(
    vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    _flags: c_int,
    result: *mut c_int,
) -> c_int {
    // SAFETY: SQLite calls with the VFS that was registered and a name.
    let (Some(disk), Some(name)) = (unsafe { (disk(vfs), text(name)) }) else {
        return ffi::SQLITE_IOERR_ACCESS;
    };
    let Ok(exists) = disk.lock().exists(name) else {
        return ffi::SQLITE_IOERR_ACCESS;
    };
    // SAFETY: SQLite gives a place for the answer.
    unsafe { *result = c_int::from(exists) };
    ffi::SQLITE_OK
}

unsafe extern "C" fn full_pathname(
    _vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    length: c_int,
    full: *mut c_char,
) -> c_int {
    // SAFETY: SQLite calls with a name.
    let name = unsafe { CStr::from_ptr(name) }.to_bytes_with_nul();
    if name.len() > size(length) {
        return ffi::SQLITE_CANTOPEN;
    }
    // SAFETY: there is room for `length` bytes, which are SQLite's and not part of the name.
    unsafe { ptr::copy_nonoverlapping(name.as_ptr().cast(), full, name.len()) };
    ffi::SQLITE_OK
}

unsafe extern "C" fn randomness(
    vfs: *mut ffi::sqlite3_vfs,
    length: c_int,
    bytes: *mut c_char,
) -> c_int {
    // SAFETY: SQLite calls with the VFS that was registered, and room for `length` bytes.
    let (disk, bytes) = unsafe {
        let bytes = std::slice::from_raw_parts_mut(bytes.cast::<u8>(), size(length));
        (disk(vfs), bytes)
    };
    if let Some(disk) = disk {
        disk.lock().fill_randomly(bytes);
    }
    length
}

#[expect(
    clippy::disallowed_methods,
    reason = "SQLite sleeps between two attempts at a lock, and nobody tells it when it is free"
)]
unsafe extern "C" fn sleep(_vfs: *mut ffi::sqlite3_vfs, microseconds: c_int) -> c_int {
    let micros = u64::try_from(microseconds).unwrap_or_default();
    thread::sleep(Duration::from_micros(micros));
    microseconds
}

/// A disk has no clock; SQL that asks for the time is told a fixed one.
unsafe extern "C" fn current_time(_vfs: *mut ffi::sqlite3_vfs, day: *mut f64) -> c_int {
    // SAFETY: SQLite gives a place for the answer.
    unsafe { *day = 2_461_000.5 };
    ffi::SQLITE_OK
}

unsafe extern "C" fn close(open: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: it was opened by `open`, is closed once, and nobody has a reference into it any more.
    let file = unsafe { Box::from_raw((*open.cast::<Open>()).file) };
    file.shared.lock().close(file.opening);
    ffi::SQLITE_OK
}

unsafe extern "C" fn read(
    open: *mut ffi::sqlite3_file,
    into: *mut c_void,
    length: c_int,
    at: ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: the file is open, and there is room for `length` bytes.
    let (file, into) = unsafe {
        let into = std::slice::from_raw_parts_mut(into.cast::<u8>(), size(length));
        (file(open), into)
    };
    match file.shared.lock().read(file.opening, size(at), into) {
        Ok(read) if read == into.len() => ffi::SQLITE_OK,
        Ok(_) => ffi::SQLITE_IOERR_SHORT_READ,
        Err(failure) => code(failure),
    }
}

unsafe extern "C" fn write(
    open: *mut ffi::sqlite3_file,
    bytes: *const c_void,
    length: c_int,
    at: ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: the file is open, and there are `length` bytes.
    let (file, bytes) = unsafe {
        let bytes = std::slice::from_raw_parts(bytes.cast::<u8>(), size(length));
        (file(open), bytes)
    };
    answer(file.shared.lock().write(file.opening, size(at), bytes))
}

unsafe extern "C" fn truncate(open: *mut ffi::sqlite3_file, length: ffi::sqlite3_int64) -> c_int {
    // SAFETY: the file is open.
    let file = unsafe { file(open) };
    answer(file.shared.lock().truncate(file.opening, size(length)))
}

unsafe extern "C" fn sync(open: *mut ffi::sqlite3_file, _flags: c_int) -> c_int {
    // SAFETY: the file is open.
    let file = unsafe { file(open) };
    answer(file.shared.lock().sync(file.opening))
}

unsafe extern "C" fn file_size(
    open: *mut ffi::sqlite3_file,
    length: *mut ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: the file is open.
    let file = unsafe { file(open) };
    match file.shared.lock().length(file.opening) {
        // SAFETY: SQLite gives a place for the answer.
        Ok(found) => unsafe { *length = ffi::sqlite3_int64::try_from(found).unwrap_or_default() },
        Err(_) => return ffi::SQLITE_IOERR_FSTAT,
    }
    ffi::SQLITE_OK
}

fn level(number: c_int) -> Level {
    match number {
        ffi::SQLITE_LOCK_NONE => Level::None,
        ffi::SQLITE_LOCK_SHARED => Level::Shared,
        ffi::SQLITE_LOCK_RESERVED => Level::Reserved,
        ffi::SQLITE_LOCK_PENDING => Level::Pending,
        _ => Level::Exclusive,
    }
}

unsafe extern "C" fn lock(open: *mut ffi::sqlite3_file, wanted: c_int) -> c_int {
    // SAFETY: the file is open.
    let file = unsafe { file(open) };
    let mut state = file.shared.lock();
    let Some(locks) = state.locks(file.opening) else {
        return ffi::SQLITE_IOERR_LOCK;
    };
    granted(locks.raise(file.opening.holder, level(wanted)))
}

unsafe extern "C" fn unlock(open: *mut ffi::sqlite3_file, wanted: c_int) -> c_int {
    // SAFETY: the file is open.
    let file = unsafe { file(open) };
    if let Some(locks) = file.shared.lock().locks(file.opening) {
        locks.lower(file.opening.holder, level(wanted));
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn check_reserved_lock(open: *mut ffi::sqlite3_file, out: *mut c_int) -> c_int {
    // SAFETY: the file is open.
    let file = unsafe { file(open) };
    let mut state = file.shared.lock();
    let Some(locks) = state.locks(file.opening) else {
        return ffi::SQLITE_IOERR_CHECKRESERVEDLOCK;
    };
    // SAFETY: SQLite gives a place for the answer.
    unsafe { *out = c_int::from(locks.is_reserved()) };
    ffi::SQLITE_OK
}

unsafe extern "C" fn file_control(
    _open: *mut ffi::sqlite3_file,
    _operation: c_int,
    _argument: *mut c_void,
) -> c_int {
    ffi::SQLITE_NOTFOUND
}

unsafe extern "C" fn sector_size(_open: *mut ffi::sqlite3_file) -> c_int {
    SECTOR_SIZE
}

unsafe extern "C" fn device_characteristics(_open: *mut ffi::sqlite3_file) -> c_int {
    ffi::SQLITE_IOCAP_POWERSAFE_OVERWRITE
}

unsafe extern "C" fn shm_map(
    open: *mut ffi::sqlite3_file,
    number: c_int,
    length: c_int,
    make: c_int,
    region: *mut *mut c_void,
) -> c_int {
    if size(length) != REGION {
        return ffi::SQLITE_IOERR_SHMSIZE;
    }
    // SAFETY: the file is open.
    let file = unsafe { file(open) };
    let mut state = file.shared.lock();
    let memory = state.memory(file.opening);
    let found = memory.region(file.opening.holder, size(number), make != 0);
    // SAFETY: SQLite gives a place for the answer.
    unsafe { *region = found.map_or(ptr::null_mut(), <*mut u8>::cast) };
    ffi::SQLITE_OK
}

unsafe extern "C" fn shm_lock(
    open: *mut ffi::sqlite3_file,
    first: c_int,
    count: c_int,
    flags: c_int,
) -> c_int {
    let hold = if flags & ffi::SQLITE_SHM_UNLOCK != 0 {
        Hold::Nothing
    } else if flags & ffi::SQLITE_SHM_SHARED != 0 {
        Hold::Shared
    } else {
        Hold::Exclusive
    };
    // SAFETY: the file is open.
    let file = unsafe { file(open) };
    let mut state = file.shared.lock();
    let memory = state.memory(file.opening);
    let locks = size(first)..size(first) + size(count);
    granted(memory.lock(file.opening.holder, locks, hold))
}

unsafe extern "C" fn shm_barrier(_open: *mut ffi::sqlite3_file) {
    std::sync::atomic::fence(Ordering::SeqCst);
}

unsafe extern "C" fn shm_unmap(open: *mut ffi::sqlite3_file, _delete: c_int) -> c_int {
    // SAFETY: the file is open.
    let file = unsafe { file(open) };
    file.shared.lock().leave_memory(file.opening);
    ffi::SQLITE_OK
}
