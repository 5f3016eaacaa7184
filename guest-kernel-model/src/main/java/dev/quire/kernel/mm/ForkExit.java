package dev.quire.kernel.mm;

import dev.quire.kernel.stat.Primitive;

/** fork(2) and _exit(2) of an address space (Linux v6.18 mm/mmap.c, dup_mmap, exit_mmap). */
final class ForkExit {
  private final Kernel kernel;
  private final ForkCopy copy;
  private final MapCalls maps;

  ForkExit(Kernel kernel, ForkCopy copy, MapCalls maps) {
    this.kernel = kernel;
    this.copy = copy;
    this.maps = maps;
  }

  /** The child, or null if memory ran out; the parent may have to wait for events. */
  Process fork(Process task) {
    kernel.counters().count(Primitive.PROCESS_FORK);
    MmStruct parent = task.mm();
    MmStruct child = kernel.newMm();
    if (child == null) {
      return null;
    }
    Process childTask = new Process(kernel, child);
    UffdEvents events = new UffdEvents();
    int error = 0;
    for (int i = 0; i < parent.vmas().size() && error == 0; i++) {
      Vma vma = parent.vmas().get(i);
      if (!vma.is(VmFlags.DONTCOPY)) {
        error = copyVma(childTask, vma, events);
      }
    }
    kernel.flushAll(parent);
    if (error != 0) {
      events.retract();
      exit(child);
      return null;
    }
    events.complete(task, 0);
    return childTask;
  }

  private int copyVma(Process childTask, Vma vma, UffdEvents events) {
    MmStruct child = childTask.mm();
    kernel.counters().count(Primitive.VMA_COPY);
    Vma copied = vma.copy(child, vma.start(), vma.end(), vma.pgoff());
    boolean wiped = vma.is(VmFlags.WIPEONFORK);
    if (!wiped) {
      AnonVma.fork(copied, vma);
    }
    events.fork(copied, childTask);
    copied.setFlags(copied.flags() & ~(VmFlags.LOCKED | VmFlags.LOCKONFAULT));
    child.vmas().insert(copied);
    return wiped ? 0 : copy.copy(copied, vma);
  }

  void exit(MmStruct mm) {
    kernel.counters().count(Primitive.PROCESS_EXIT);
    maps.unmapAll(mm);
    kernel.hugeZero().put(mm);
  }
}
