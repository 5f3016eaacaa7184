package dev.quire.emulator.restore;

import dev.quire.kernel.mm.HostPagePolicy;
import dev.quire.kernel.mm.KernelProfile;

/** A way to populate the memory of a restored guest. Without state: one restores any number. */
public interface RestoreStrategy {
  /** As the command line has it. */
  String name();

  /** What backs guest memory if nobody says otherwise. */
  HostPagePolicy usualPages();

  /** The first kernel that can do it, on these pages. */
  default KernelProfile usualKernel(HostPagePolicy pages) {
    return KernelProfile.LINUX_6_18;
  }

  /**
   * Refuses what Linux refuses.
   *
   * @throws RestoreRefusedException saying what would do
   */
  void check(HostPagePolicy pages, KernelProfile kernel);

  /** Whether all of memory is read before the guest runs, and so every block of it verified. */
  boolean readsAll();

  /**
   * Does what comes before the guest's first instruction.
   *
   * @return the userfaultfd that goes on while it runs; null if there is none
   */
  UffdService load(RestoreHost host);
}
