package dev.quire.emulator.restore;

import dev.quire.emulator.machine.RunResult;
import dev.quire.emulator.machine.RunStatus;

/**
 * What came of one restore, as plain data. Only what is called wall time differs between two
 * identical ones.
 *
 * @param handler name of the handler; null if there was none
 * @param status how it ended: the machine's, unless the handler died after it
 * @param reason why, in one line
 * @param memoryHash of guest memory at the end
 * @param restored what the kernel counted until the guest could run, reading the snapshot apart
 * @param total the same until the end
 * @param source what the kernel counted for reading the snapshot's memory file
 * @param userPageCopies pages of 4 KiB copied by user space itself
 * @param messages of the userfaultfd
 * @param uffdIoctls that handlers made
 * @param costModel name of the prices behind modelled time
 */
public record RestoreResult(
    String strategy,
    String handler,
    RunStatus status,
    String reason,
    RunResult run,
    String memoryHash,
    RestoreTally restored,
    RestoreTally total,
    RestoreTally source,
    long userPageCopies,
    long messages,
    long uffdIoctls,
    RestoreLatencies latencies,
    RestoreTimeline timeline,
    String costModel) {

  /** Pages of 4 KiB copied, by whomever. */
  public long copies() {
    return total.of(RestoreTally.Item.USER_COPIES)
        + total.of(RestoreTally.Item.KERNEL_COPIES)
        + userPageCopies;
  }
}
