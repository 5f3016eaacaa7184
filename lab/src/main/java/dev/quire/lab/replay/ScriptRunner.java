package dev.quire.lab.replay;

import dev.quire.kernel.files.ModelledFiles;
import dev.quire.kernel.mm.Kernel;
import dev.quire.kernel.mm.OpenFile;
import dev.quire.kernel.mm.Process;
import dev.quire.kernel.mm.UserSignal;
import dev.quire.kernel.stat.KernelCounters;
import dev.quire.kernel.stat.MthpStat;
import dev.quire.kernel.stat.VmEvent;
import dev.quire.mmu.x86.Ia32ePte;
import dev.quire.mmu.x86.LinuxX86Pte;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Runs the operations of one script on a modelled kernel of its own, and observes after each what a
 * recording observes. One thread.
 */
final class ScriptRunner {
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
    kernel = new Kernel(ReplayMachine.of(config), new LinuxX86Pte(Ia32ePte.FOUR_LEVEL));
    kernel.setFileSystems(ModelledFiles.of(kernel));
    parent = new Actor(kernel.spawn());
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
    for (int order = 1; order <= ReplayMachine.PMD_ORDER; order++) {
      for (MthpStat stat : MthpStat.values()) {
        long times = counted.of(order, stat);
        if (times != 0) {
          thp.put((ReplayMachine.SMALLEST_KIB << order) + "kB." + stat.fileName(), times);
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
      case ScriptOp.InCore(PageRange range) -> inCore(process, range, seen);
      case ScriptOp.Touch touch -> touch(process, touch, seen);
      case ScriptOp.Fork _ -> fork(actor);
      case ScriptOp.ChildExit _ -> exitChild();
      case ScriptOp.State _ -> 0;
      case ScriptOp.Open(FileType type, long bytes) -> open(actor, type, bytes);
      case ScriptOp.Call memoryOrFile -> ProcessCalls.make(process, actor.file, memoryOrFile);
    };
  }

  private static long open(Actor actor, FileType type, long bytes) {
    OpenFile file = actor.process.open(type.kind(), bytes / PageRange.PAGE_BYTES);
    if (file == null) {
      throw new UnsupportedOperationException("the modelled kernel has no files of kind " + type);
    }
    actor.file = file;
    return 0;
  }

  private static long inCore(Process process, PageRange range, Map<String, Object> seen) {
    InCore pages = InCore.of(process, range);
    seen.put(ObservedFields.INCORE, pages.runs());
    seen.put(ObservedFields.MINCORE_RET, pages.result() < 0 ? -1L : pages.result());
    seen.put(ObservedFields.MINCORE_ERRNO, pages.result() < 0 ? -pages.result() : 0L);
    return pages.result();
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
