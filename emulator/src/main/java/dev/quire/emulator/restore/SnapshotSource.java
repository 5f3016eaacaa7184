package dev.quire.emulator.restore;

import dev.quire.emulator.snapshot.MemoryImage;
import dev.quire.kernel.mm.FileKind;
import dev.quire.kernel.mm.Kernel;
import dev.quire.kernel.mm.Mman;
import dev.quire.kernel.mm.OpenFile;
import dev.quire.kernel.mm.Process;
import dev.quire.kernel.mm.UserSignal;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The snapshot's memory file on the modelled host: an ext4 file that holds all of guest memory, and
 * a private mapping of it in the process that reads it. That process is one of its own, so that
 * what reading costs can be told from what populating costs; the kernel does the same work.
 *
 * <p>Bytes are those of the snapshot: pages of the cache hold them where the guest maps the file
 * itself, else what is copied from the mapping comes from the snapshot directly. Machine thread
 * only.
 */
final class SnapshotSource {
  private static final long PAGE_BYTES = 4096;
  private static final int PAGE_SHIFT = 12;

  /** Beyond every address that the modelled kernel gives a mapping: the handler's buffer. */
  private static final long BUFFER_ADDRESS = 1L << 60;

  private final Kernel kernel;
  private final GuestLayout layout;
  private final MemoryImage image;
  private final Process reader;
  private final OpenFile file;
  private final long mapping;
  private final RestoreTally tally = new RestoreTally();
  private byte[] buffer = {};

  SnapshotSource(Kernel kernel, GuestLayout layout, MemoryImage image) {
    this.kernel = kernel;
    this.layout = layout;
    this.image = image;
    this.reader = kernel.spawn();
    this.file = reader.open(FileKind.EXT4, layout.bytes() >>> kernel.pageShift());
    mapping = reader.mmap(0, layout.bytes(), Mman.PROT_READ, Mman.MAP_PRIVATE, file, 0);
    if (mapping < 0) {
      throw new IllegalStateException("mmap of the memory file gives " + mapping);
    }
  }

  OpenFile file() {
    return file;
  }

  /** Reads the whole file into the page cache, as if it had been used lately. */
  void warm() {
    file.willNeed(0, layout.bytes());
    for (long at = 0; at < layout.bytes(); at += kernel.pageBytes()) {
      if (!file.cached(at >>> kernel.pageShift())) {
        touch(at, kernel.pageBytes());
      }
    }
  }

  /** The address in the reader's mapping of an offset. */
  long addressOf(long fileOffset) {
    return mapping + fileOffset;
  }

  /** The reader's address of contents of its own, until the next call. */
  long addressOf(byte[] contents) {
    buffer = contents;
    return BUFFER_ADDRESS;
  }

  /** A copy out of the mapping faults its pages in where they are not mapped yet. */
  void touch(long fileOffset, long bytes) {
    tally.add(kernel.counters(), -1);
    touchPages(fileOffset, bytes);
    tally.add(kernel.counters(), 1);
  }

  /** What the kernel counted while the memory file was read. */
  RestoreTally tally() {
    return tally;
  }

  private void touchPages(long fileOffset, long bytes) {
    for (long at = fileOffset; at < fileOffset + bytes; at += kernel.pageBytes()) {
      int signal = reader.touch(mapping + at, false);
      if (signal != UserSignal.NONE) {
        throw new IllegalStateException("reading the memory file ends with signal " + signal);
      }
    }
  }

  /** Whether a page of 4 KiB at a user address is known to hold zeros. */
  boolean isZero(long userAddress) {
    return userAddress < BUFFER_ADDRESS && !image.isStored(gfn(userAddress - mapping));
  }

  private long gfn(long fileOffset) {
    return layout.gpaAt(fileOffset) >>> PAGE_SHIFT;
  }

  /** What a system call copies from a user address: a whole page of 4 KiB. */
  void read(long userAddress, MemorySegment target) {
    if (userAddress >= BUFFER_ADDRESS) {
      long from = userAddress - BUFFER_ADDRESS;
      MemorySegment.copy(
          MemorySegment.ofArray(buffer),
          ValueLayout.JAVA_BYTE,
          from,
          target,
          ValueLayout.JAVA_BYTE,
          0,
          PAGE_BYTES);
    } else {
      image.read(gfn(userAddress - mapping), target);
    }
  }

  /** Whether a page of 4 KiB of the file holds zeros. */
  boolean isZeroInFile(long pgoff) {
    return !image.isStored(gfn(pgoff << PAGE_SHIFT));
  }

  /** What a page of 4 KiB of the file holds. */
  void readFile(long pgoff, MemorySegment target) {
    image.read(gfn(pgoff << PAGE_SHIFT), target);
  }
}
