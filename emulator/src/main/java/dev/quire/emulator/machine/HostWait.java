package dev.quire.emulator.machine;

/**
 * Waits on behalf of a vCPU whose access user space has to resolve (userfaultfd): the vCPU is
 * parked, and no other of its machine runs meanwhile, so that what the guest does never depends on
 * how long the handler takes. Called on the machine's thread, which serves the handler's calls on
 * the kernel while it waits.
 */
public interface HostWait {
  /** Where nobody handles userfaultfd: every wait is for ever. */
  HostWait NOBODY =
      (gpa, write) -> "gpa 0x%x waits for a userfaultfd that nobody handles".formatted(gpa);

  /**
   * Returns when the access may be tried again, at the latest when a deadline of the implementation
   * has passed.
   *
   * @param gpa what the vCPU accesses
   * @return null to try again; else why there is no hope (the run ends with {@link
   *     RunStatus#HANDLER_DEAD})
   */
  String await(long gpa, boolean write);
}
