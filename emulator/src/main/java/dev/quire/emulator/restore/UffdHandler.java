package dev.quire.emulator.restore;

/**
 * Answers the page faults of a restored guest, as the process behind a userfaultfd does.
 *
 * <p>A fault must be answered when {@link #fault} returns: the vCPU that waits is then looked at
 * again. One that is not, or a call that throws or does not return by the deadline, ends the run
 * with status {@code handler_dead}. What else the handler does before it returns (populating a
 * neighbourhood, the rest of memory) is done before the guest goes on, so that a run never depends
 * on how fast a handler is; its time is told apart from the fault's.
 *
 * <p>Several handler threads take turns, message by message: one handler is never called by two at
 * once.
 */
public interface UffdHandler {
  /** As reports name it. */
  String name();

  /** Once, before the guest's first instruction; counts as part of the restore. */
  default void open(UffdOps ops) throws Exception {}

  /** A vCPU waits for a page. */
  void fault(PageFault fault, UffdOps ops) throws Exception;

  /** The fault is answered and the vCPU could go on: population that nobody waits for. */
  default void idle(UffdOps ops) throws Exception {}

  /** Once, when the guest has ended well. */
  default void close() throws Exception {}
}
