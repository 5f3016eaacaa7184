package dev.quire.kernel.mm;

import java.util.ArrayList;
import java.util.List;
import java.util.function.LongSupplier;
import java.util.function.Supplier;

/**
 * The events that one system call causes on userfaultfds: announced as the call finds them, sent
 * when it has done its work, one after the other, each after the one before was read (the lists of
 * userfaultfd_unmap_prep and dup_userfaultfd in Linux v6.18 fs/userfaultfd.c). Used on the kernel's
 * thread.
 */
final class UffdEvents {
  /** One event: on what, and how it is sent. */
  private record Pending(
      UffdContext context, UffdContext child, long start, long end, Supplier<UffdWait> send) {}

  private final List<Pending> pending = new ArrayList<>(0);

  private void add(Pending event) {
    event.context.announce();
    pending.add(event);
  }

  /** A mapping is about to go as part of a range (userfaultfd_unmap_prep). */
  void unmap(Vma vma, long start, long end) {
    UffdContext context = vma.uffd();
    if (context == null || !context.has(UffdFeature.EVENT_UNMAP)) {
      return;
    }
    for (Pending event : pending) {
      if (event.context == context && event.start == start && event.end == end) {
        return;
      }
    }
    add(new Pending(context, null, start, end, () -> context.unmapped(start, end)));
  }

  /** Pages of a mapping are about to go (userfaultfd_remove). */
  void remove(Vma vma, long start, long end) {
    UffdContext context = vma.uffd();
    add(new Pending(context, null, start, end, () -> context.removed(start, end)));
  }

  /** A mapping was moved (mremap_userfaultfd_prep): its registration goes with it, or ends. */
  void remap(Vma moved, long from, long to, long bytes) {
    UffdContext context = moved.uffd();
    if (context == null) {
      return;
    }
    if (context.has(UffdFeature.EVENT_REMAP)) {
      add(new Pending(context, null, 0, 0, () -> context.remapped(from, to, bytes)));
    } else {
      moved.setUffd(null, 0);
    }
  }

  /** A child got a mapping (dup_userfaultfd): its registration is copied, or ends. */
  void fork(Vma copied, Process child) {
    UffdContext context = copied.uffd();
    if (context == null) {
      return;
    }
    if (!context.has(UffdFeature.EVENT_FORK)) {
      copied.setUffd(null, 0);
      return;
    }
    copied.setUffd(childOf(context, child), copied.flags() & VmFlags.UFFD);
  }

  private UffdContext childOf(UffdContext context, Process child) {
    for (Pending event : pending) {
      if (event.context == context) {
        return event.child;
      }
    }
    UffdContext copy = context.forChild(child);
    add(new Pending(context, copy, 0, 0, () -> context.forked(copy)));
    return copy;
  }

  /** The events of {@code later} come after these. */
  void append(UffdEvents later) {
    pending.addAll(later.pending);
  }

  /** The call failed: nothing is sent. */
  void retract() {
    for (Pending event : pending) {
      event.context.retract();
    }
    pending.clear();
  }

  /**
   * Sends the events, and lets the call wait for each.
   *
   * @return what the call answers, or {@link Process#BLOCKED}
   */
  long complete(Process task, long result) {
    return pending.isEmpty() ? result : complete(task, 0, () -> result);
  }

  /** {@link #complete(Process, long)}, with something left to do afterwards. */
  long complete(Process task, LongSupplier rest) {
    return complete(task, 0, rest);
  }

  private long complete(Process task, int first, LongSupplier rest) {
    for (int i = first; i < pending.size(); i++) {
      UffdWait wait = pending.get(i).send.get();
      if (!wait.woken()) {
        int next = i + 1;
        return ContinuedCall.block(task, wait, () -> complete(task, next, rest));
      }
    }
    return rest.getAsLong();
  }
}
