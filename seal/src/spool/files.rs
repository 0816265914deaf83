//! The seam below the spool: real files, or the power-loss test's.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use nix::fcntl::{FallocateFlags, fallocate};
use nix::sys::statvfs::statvfs;

/// A folder of segments.
pub trait SpoolFiles: Send + Sync + 'static {
    /// An open segment.
    type File: SpoolFile;

    /// The numbers of the segments that are there, in order.
    fn segments(&self) -> io::Result<Vec<u64>>;

    /// Creates segment `number`, filled with `bytes` zeros. It is durable only after
    /// [`SpoolFiles::sync_directory`].
    fn create(&self, number: u64, bytes: u64) -> io::Result<Self::File>;

    /// All bytes of segment `number`.
    fn read(&self, number: u64) -> io::Result<Vec<u8>>;

    /// Some bytes of segment `number`.
    fn read_at(&self, number: u64, offset: u64, length: usize) -> io::Result<Vec<u8>>;

    /// Ends segment `number` at `length`, durably. With `keep`, what stood behind is kept beside it
    /// first.
    fn cut(&self, number: u64, length: u64, keep: Option<&[u8]>) -> io::Result<()>;

    /// Makes created segments durable.
    fn sync_directory(&self) -> io::Result<()>;

    /// Bytes that may still be written on this disk.
    fn free_bytes(&self) -> io::Result<u64>;
}

/// An open segment.
pub trait SpoolFile: Send + 'static {
    /// Writes all of `bytes` at `offset`.
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Makes everything written durable.
    fn sync(&mut self) -> io::Result<()>;

    /// Gives back what was preallocated behind `length`.
    fn finish(&mut self, length: u64) -> io::Result<()>;
}

/// Segments as files `00000001.spool` in a folder, which belongs to one process at a time.
#[derive(Debug)]
pub struct Disk {
    directory: PathBuf,
    /// Held while this lives; the system lets go of it when the process dies.
    _lock: File,
}

impl Disk {
    /// The folder, which is made if it is missing. Its files are never for everyone; whether they
    /// are for the group, where the recorder may run as another user, the umask says. Fails with
    /// [`io::ErrorKind::WouldBlock`] if another process writes it.
    pub fn open(directory: &Path) -> io::Result<Self> {
        use std::os::unix::fs::DirBuilderExt as _;
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o770)
            .create(directory)?;
        if let Some(parent) = directory.parent() {
            let parent = if parent.as_os_str().is_empty() {
                Path::new(".")
            } else {
                parent
            };
            File::open(parent)?.sync_all()?;
        }
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o660)
            .open(directory.join("lock"))?;
        lock.try_lock()?;
        Ok(Self {
            directory: directory.to_owned(),
            _lock: lock,
        })
    }

    /// Where segment `number` stands.
    pub fn path(&self, number: u64) -> PathBuf {
        segment_path(&self.directory, number)
    }
}

impl SpoolFiles for Disk {
    type File = File;

    fn segments(&self) -> io::Result<Vec<u64>> {
        segments(&self.directory)
    }

    fn create(&self, number: u64, bytes: u64) -> io::Result<File> {
        let path = self.path(number);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o660)
            .open(&path)?;
        let length = i64::try_from(bytes).map_err(io::Error::other)?;
        let allocated = match fallocate(&file, FallocateFlags::empty(), 0, length) {
            // A file system without it: the zeros are then a hole, and space is not promised.
            Err(nix::errno::Errno::EOPNOTSUPP) => file.set_len(bytes),
            done => done.map_err(io::Error::from),
        };
        if let Err(error) = allocated {
            // An empty file of ours, never part of the spool.
            let _ = std::fs::remove_file(&path);
            return Err(error);
        }
        Ok(file)
    }

    fn read(&self, number: u64) -> io::Result<Vec<u8>> {
        std::fs::read(self.path(number))
    }

    fn read_at(&self, number: u64, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut out = vec![0; length];
        File::open(self.path(number))?.read_exact_at(&mut out, offset)?;
        Ok(out)
    }

    fn cut(&self, number: u64, length: u64, keep: Option<&[u8]>) -> io::Result<()> {
        if let Some(bytes) = keep {
            let mut options = OpenOptions::new();
            let file = options
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o660)
                .open(cut_path(&self.directory, number))?;
            file.write_all_at(bytes, 0)?;
            file.sync_all()?;
            self.sync_directory()?;
        }
        let file = OpenOptions::new().write(true).open(self.path(number))?;
        file.set_len(length)?;
        file.sync_all()
    }

    fn sync_directory(&self) -> io::Result<()> {
        File::open(&self.directory)?.sync_all()
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let stat = statvfs(&self.directory)?;
        Ok(stat.blocks_available().saturating_mul(stat.fragment_size()))
    }
}

impl SpoolFile for File {
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn finish(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }
}

/// Where segment `number` stands below `directory`.
pub(crate) fn segment_path(directory: &Path, number: u64) -> PathBuf {
    directory.join(format!("{number:08}.spool"))
}

/// Where what was cut off segment `number` is kept.
pub(crate) fn cut_path(directory: &Path, number: u64) -> PathBuf {
    directory.join(format!("{number:08}.cut"))
}

/// The numbers of the segments below `directory`, in order.
pub(crate) fn segments(directory: &Path) -> io::Result<Vec<u64>> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let name = entry?.file_name();
        let number = name
            .to_str()
            .and_then(|name| name.strip_suffix(".spool"))
            .and_then(|number| number.parse::<u64>().ok());
        out.extend(number);
    }
    out.sort_unstable();
    Ok(out)
}
