package dev.quire.lab.replay;

import dev.quire.kernel.mm.Errno;
import dev.quire.kernel.mm.FileKind;
import dev.quire.kernel.mm.Mman;
import dev.quire.kernel.mm.OpenFile;
import dev.quire.kernel.mm.Process;

/** The system calls on memory and files that all scripts make. */
final class ProcessCalls {
  private static final int FALLOC_FL_KEEP_SIZE = 1;
  private static final int FALLOC_FL_PUNCH_HOLE = 2;

  private ProcessCalls() {}

  /**
   * Makes a system call.
   *
   * @param file that is mapped, or that the call is on; null for calls without one
   * @return what it answers, calls that return an address 0
   */
  static long make(Process process, OpenFile file, ScriptOp.Call call) {
    return switch (call) {
      case ScriptOp.Map(PageRange range, int protection, ScriptOp.Backing backing) ->
          map(process, range, protection, backing);
      case ScriptOp.MapFile(PageRange range, int protection, boolean shared, long offset) ->
          done(
              process.mmap(
                  range.address(),
                  range.bytes(),
                  protection,
                  Mman.MAP_FIXED | (shared ? Mman.MAP_SHARED : Mman.MAP_PRIVATE),
                  file,
                  offset));
      case ScriptOp.Unmap(PageRange range) -> process.munmap(range.address(), range.bytes());
      case ScriptOp.Protect(PageRange range, int protection) ->
          process.mprotect(range.address(), range.bytes(), protection);
      case ScriptOp.Remap(PageRange from, PageRange to, boolean dontUnmap) ->
          done(
              process.mremap(
                  from.address(),
                  from.bytes(),
                  to.bytes(),
                  Mman.MREMAP_MAYMOVE | Mman.MREMAP_FIXED | (dontUnmap ? Mman.MREMAP_DONTUNMAP : 0),
                  to.address()));
      case ScriptOp.Advise(PageRange range, Advice advice) ->
          process.madvise(range.address(), range.bytes(), advice.number());
      case ScriptOp.Lock(PageRange range) -> process.mlock(range.address(), range.bytes());
      case ScriptOp.Unlock(PageRange range) -> process.munlock(range.address(), range.bytes());
      default -> file(file, call);
    };
  }

  static long file(OpenFile file, ScriptOp.Call call) {
    return switch (call) {
      case ScriptOp.WriteFile(long offset, long bytes, boolean atOnce) ->
          file.hasPwrite()
              ? inPieces(
                  offset,
                  bytes,
                  atOnce ? Math.max(1, bytes) : PageRange.PAGE_BYTES,
                  (at, count) -> file.write(at, count, PageRange.SOURCE + at - offset))
              : -Errno.ESPIPE;
      case ScriptOp.ReadFile(long offset, long bytes) ->
          file.hasPread()
              ? inPieces(offset, bytes, PageRange.PAGE_BYTES, file::read)
              : -Errno.ESPIPE;
      case ScriptOp.SyncFile _ -> file.fsync();
      case ScriptOp.DropCache(long offset, long bytes) -> {
        long synced = file.fsync();
        yield synced < 0 ? synced : file.dropCache(offset, bytes);
      }
      case ScriptOp.PunchHole(long offset, long bytes) ->
          file.fallocate(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, offset, bytes);
      case ScriptOp.AllocateFile(long offset, long bytes) ->
          file.fallocate(
              file.kind() == FileKind.GUEST_MEMFD ? FALLOC_FL_KEEP_SIZE : 0, offset, bytes);
      case ScriptOp.Truncate(long bytes) -> file.truncate(bytes);
      default -> throw new IllegalArgumentException("no call on memory or a file: " + call);
    };
  }

  /** A call on a part of a file. */
  private interface Transfer {
    long move(long offset, long bytes);
  }

  /** Bytes moved until the end or the first error; the error if it was the first piece. */
  private static long inPieces(long offset, long bytes, long piece, Transfer transfer) {
    long moved = 0;
    while (moved < bytes) {
      long wanted = Math.min(piece, bytes - moved);
      long result = transfer.move(offset + moved, wanted);
      if (result < 0 && moved == 0) {
        return result;
      }
      moved += Math.max(0, result);
      if (result < wanted) {
        return moved;
      }
    }
    return moved;
  }

  private static long map(
      Process process, PageRange range, int protection, ScriptOp.Backing backing) {
    int flags =
        Mman.MAP_FIXED
            | Mman.MAP_ANONYMOUS
            | switch (backing) {
              case PRIVATE -> Mman.MAP_PRIVATE;
              case PRIVATE_POPULATED -> Mman.MAP_PRIVATE | Mman.MAP_POPULATE;
              case SHARED -> Mman.MAP_SHARED;
            };
    return done(process.mmap(range.address(), range.bytes(), protection, flags, null, 0));
  }

  /** Calls that return an address count as 0. */
  private static long done(long result) {
    return Math.min(0, result);
  }
}
