package dev.quire.emulator.restore;

/**
 * A page fault that a vCPU waits on, as the handler of a userfaultfd reads it.
 *
 * @param address in the VMM's address space, rounded down to the page
 * @param gpa the guest physical address of it
 * @param write whether the access writes
 */
public record PageFault(Kind kind, long address, long gpa, boolean write) {
  /** What is wrong with the page. */
  public enum Kind {
    /** Nothing is there. */
    MISSING,
    /** The page cache has it, no entry maps it. */
    MINOR,
    /** It is write-protected. */
    WRITE_PROTECTED
  }

  @Override
  public String toString() {
    return "%s fault at gpa 0x%x (%s)"
        .formatted(
            kind.name().toLowerCase(java.util.Locale.ROOT).replace('_', '-'),
            gpa,
            write ? "write" : "read");
  }
}
