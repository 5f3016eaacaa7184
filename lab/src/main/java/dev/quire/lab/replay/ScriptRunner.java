package dev.quire.lab.replay;

import dev.quire.kernel.filemap.ModelledFiles;
import dev.quire.kernel.mm.Errno;
import dev.quire.kernel.mm.FileKind;
import dev.quire.kernel.mm.HostArchitecture;
import dev.quire.kernel.mm.HostGranule;
import dev.quire.kernel.mm.Kernel;
import dev.quire.kernel.mm.KernelConfig;
import dev.quire.kernel.mm.Mman;
import dev.quire.kernel.mm.OpenFile;
import dev.quire.kernel.mm.Process;
import dev.quire.kernel.mm.ShmemThpMode;
import dev.quire.kernel.mm.ThpDefrag;
import dev.quire.kernel.mm.ThpMode;
import dev.quire.kernel.mm.ThpSettings;
import dev.quire.kernel.mm.UserSignal;
import dev.quire.kernel.stat.KernelCounters;
import dev.quire.kernel.stat.MthpStat;
import dev.quire.kernel.stat.VmEvent;
import dev.quire.mmu.x86.Ia32ePte;
import dev.quire.mmu.x86.LinuxX86Pte;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Runs the operations of one script on a modelled kernel of its own, and observes after each what a
 * recording observes. One thread.
 */
final class ScriptRunner {
  /** 16 GiB: more than what scripts can touch at once, less than what their addresses span. */
  private static final long MEMORY_PAGES = 4L << 20;

  private static final int PMD_ORDER = 9;
  private static final int SMALLEST_KIB = 4;
  private static final int FALLOC_FL_KEEP_SIZE = 1;
  private static final int FALLOC_FL_PUNCH_HOLE = 2;
  private static final int BYTE_MASK = 0xff;

  private final Kernel kernel;
  private final Actor parent;
  private Actor child;

  /** A process of the script, its files and what was last seen of it. */
  private static final class Actor {
    final Process process;
    OpenFile file;
    PageDump before = PageDump.EMPTY;

    /**
     * A PMD was write-protected: the recording host's shadow paging may count one minor fault too
     * many for a later write.
     */
    boolean spuriousFaults;

    Actor(Process process) {
      this.process = process;
    }
  }

  ScriptRunner(ReplayConfig config) {
    kernel = new Kernel(kernelConfig(config), new LinuxX86Pte(Ia32ePte.FOUR_LEVEL));
    kernel.setFileSystems(ModelledFiles.of(kernel));
    parent = new Actor(kernel.spawn());
  }

  private static KernelConfig kernelConfig(ReplayConfig config) {
    Map<Integer, ThpMode> anonymous = new HashMap<>();
    config
        .anonymous()
        .forEach((kib, mode) -> anonymous.put(order(kib), ThpMode.valueOf(big(mode))));
    Map<Integer, ShmemThpMode> shared = new HashMap<>();
    config
        .sharedMemory()
        .forEach((kib, mode) -> shared.put(order(kib), ShmemThpMode.valueOf(big(mode))));
    return KernelConfig.of(HostArchitecture.X86_64, HostGranule.BASE_4K, MEMORY_PAGES)
        .withThp(
            new ThpSettings(
                ThpMode.MADVISE,
                anonymous,
                ShmemThpMode.NEVER,
                shared,
                config.useZeroPage(),
                ThpDefrag.MADVISE));
  }

  private static int order(int kib) {
    return Integer.numberOfTrailingZeros(kib / SMALLEST_KIB);
  }

  private static String big(String mode) {
    return mode.toUpperCase(Locale.ROOT);
  }

  /** Whether the minor faults of the next operation may have been counted one too high. */
  boolean spuriousFaults(ScriptOp op) {
    Actor actor = op.child() ? child : parent;
    return actor.spuriousFaults;
  }

  /** Runs one operation; returns what there is to be observed, by the names of golden files. */
  Map<String, Object> run(ScriptOp op) {
    Actor actor = op.child() ? child : parent;
    Map<String, Object> seen = new LinkedHashMap<>();
    KernelCounters.Snapshot counters = kernel.counters().snapshot();
    long minor = actor.process.minorFaults();
    long major = actor.process.majorFaults();
    noteWriteProtection(actor, op);
    long result = call(actor, op, seen);
    seen.put(ObservedFields.MINFLT, actor.process.minorFaults() - minor);
    seen.put(ObservedFields.MAJFLT, actor.process.majorFaults() - major);
    seen.put(ObservedFields.RET, result < 0 ? -1L : result);
    seen.put(ObservedFields.ERRNO, result < 0 ? -result : 0L);
    KernelCounters.Snapshot counted = kernel.counters().snapshot().minus(counters);
    seen.put(ObservedFields.THP, thp(counted));
    seen.put(ObservedFields.VMSTAT, vmstat(counted));
    if (op.child() || op.call() instanceof ScriptOp.Fork) {
      seen.put(ObservedFields.WHO, op.child() ? "child" : "parent");
    }
    PageDump dump = PageDump.of(actor.process);
    PageDump.Change change = dump.since(actor.before);
    actor.before = dump;
    seen.put(ObservedFields.PFN_SAME, change.same());
    seen.put(ObservedFields.PFN_CHANGED, change.changed());
    seen.put(ObservedFields.NEWLY_PRESENT, change.newlyPresent());
    seen.put(ObservedFields.GONE, change.gone());
    seen.put(ObservedFields.SEGS, dump.segs());
    seen.put(ObservedFields.VMAS, dump.vmas());
    return seen;
  }

  private static void noteWriteProtection(Actor actor, ScriptOp op) {
    boolean protects =
        op.call() instanceof ScriptOp.Fork
            || op.call() instanceof ScriptOp.Protect(_, int protection)
                && (protection & OpParser.PROT_WRITE) == 0;
    if (protects && actor.before.hasAnonymousPmd()) {
      actor.spuriousFaults = true;
    }
  }

  private static Map<String, Object> thp(KernelCounters.Snapshot counted) {
    Map<String, Object> thp = new LinkedHashMap<>();
    for (int order = 1; order <= PMD_ORDER; order++) {
      for (MthpStat stat : MthpStat.values()) {
        long times = counted.of(order, stat);
        if (times != 0) {
          thp.put((SMALLEST_KIB << order) + "kB." + stat.fileName(), times);
        }
      }
    }
    return thp;
  }

  private static Map<String, Object> vmstat(KernelCounters.Snapshot counted) {
    Map<String, Object> vmstat = new LinkedHashMap<>();
    for (VmEvent event : VmEvent.values()) {
      long times = counted.of(event);
      if (times != 0) {
        vmstat.put(event.vmstatName(), times);
      }
    }
    return vmstat;
  }

  private long call(Actor actor, ScriptOp op, Map<String, Object> seen) {
    Process process = actor.process;
    return switch (op.call()) {
      case ScriptOp.Map(PageRange range, int protection, ScriptOp.Backing backing) ->
          map(process, range, protection, backing);
      case ScriptOp.MapFile(PageRange range, int protection, boolean shared, long offset) ->
          done(
              process.mmap(
                  range.address(),
                  range.bytes(),
                  protection,
                  Mman.MAP_FIXED | (shared ? Mman.MAP_SHARED : Mman.MAP_PRIVATE),
                  actor.file,
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
      case ScriptOp.InCore(PageRange range) -> inCore(process, range, seen);
      case ScriptOp.Touch touch -> touch(process, touch, seen);
      case ScriptOp.Fork _ -> fork(actor);
      case ScriptOp.ChildExit _ -> exitChild();
      case ScriptOp.State _ -> 0;
      case ScriptOp.Open(FileType type, long bytes) -> open(actor, type, bytes);
      case ScriptOp.Unsupported(String name) ->
          throw new IllegalArgumentException("'" + name + "' cannot be run");
      case ScriptOp.Call fileCall -> fileCall(actor.file, fileCall);
    };
  }

  private static long fileCall(OpenFile file, ScriptOp.Call call) {
    return switch (call) {
      case ScriptOp.WriteFile(long offset, long bytes, boolean atOnce) ->
          hasPosition(file)
              ? inPieces(
                  offset, bytes, atOnce ? Math.max(1, bytes) : PageRange.PAGE_BYTES, file::write)
              : -Errno.ESPIPE;
      case ScriptOp.ReadFile(long offset, long bytes) ->
          hasPosition(file)
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
      default -> throw new IllegalArgumentException("no operation on a file: " + call);
    };
  }

  /** Scripts name offsets: pwrite and pread, which a file without a position refuses. */
  private static boolean hasPosition(OpenFile file) {
    return file.kind() != FileKind.GUEST_MEMFD;
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

  private static long open(Actor actor, FileType type, long bytes) {
    FileKind kind =
        switch (type) {
          case MEMFD -> FileKind.MEMFD;
          case TMPFS -> FileKind.TMPFS;
          case EXT4 -> FileKind.EXT4;
          case GMEM -> FileKind.GUEST_MEMFD;
        };
    OpenFile file = actor.process.open(kind, bytes / PageRange.PAGE_BYTES);
    if (file == null) {
      throw new UnsupportedOperationException("the modelled kernel has no files of kind " + kind);
    }
    actor.file = file;
    return 0;
  }

  /** Runs of pages counted from the range's first; after an error, those before it. */
  private static long inCore(Process process, PageRange range, Map<String, Object> seen) {
    byte[] vector =
        new byte
            [Math.toIntExact((range.bytes() + PageRange.PAGE_BYTES - 1) / PageRange.PAGE_BYTES)];
    long result = process.mincore(range.address(), range.bytes(), vector);
    List<Object> runs = new ArrayList<>();
    int start = -1;
    for (int i = 0; i <= vector.length; i++) {
      boolean in = i < vector.length && (vector[i] & 1) != 0;
      if (in && start < 0) {
        start = i;
      } else if (!in && start >= 0) {
        runs.add(List.of((long) start, (long) i - start));
        start = -1;
      }
    }
    seen.put(ObservedFields.INCORE, runs);
    seen.put(ObservedFields.MINCORE_RET, result < 0 ? -1L : result);
    seen.put(ObservedFields.MINCORE_ERRNO, result < 0 ? -result : 0L);
    return result;
  }

  private static long touch(Process process, ScriptOp.Touch touch, Map<String, Object> seen) {
    long touched = 0;
    for (int i : TouchOrder.of(touch.count(), touch.direction(), touch.seed())) {
      long address = touch.address() + i * touch.stride() * PageRange.PAGE_BYTES;
      int signal = process.touch(address, touch.write(), (i + 1) & BYTE_MASK);
      if (signal == UserSignal.OOM_KILLED) {
        throw outOfMemory();
      }
      if (signal != UserSignal.NONE) {
        seen.put(ObservedFields.SIGNAL, (long) UserSignal.signal(signal));
        seen.put(ObservedFields.SI_CODE, (long) UserSignal.code(signal));
        seen.put(ObservedFields.SI_PAGE, PageRange.page(address));
        break;
      }
      touched++;
    }
    seen.put(ObservedFields.TOUCHED, touched);
    return 0;
  }

  private static IllegalStateException outOfMemory() {
    return new IllegalStateException(
        "the modelled machine, of 16 GiB, is out of memory (OOM): the script needs more");
  }

  private long fork(Actor actor) {
    Process forked = actor.process.fork();
    if (forked == null) {
      throw outOfMemory();
    }
    child = new Actor(forked);
    child.file = actor.file;
    child.spuriousFaults = actor.spuriousFaults;
    child.before = PageDump.of(child.process);
    return 0;
  }

  private long exitChild() {
    child.process.exit();
    child = null;
    return 0;
  }

  /** Ends the processes. */
  void end() {
    if (child != null) {
      exitChild();
    }
    parent.process.exit();
  }
}
