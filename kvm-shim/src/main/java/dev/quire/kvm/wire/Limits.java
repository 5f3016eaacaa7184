package dev.quire.kvm.wire;

/**
 * What one process may have of the service.
 *
 * @param frameBytes of a frame, both directions
 * @param calls under way
 * @param vms at the same time
 * @param vcpus of all its VMs
 * @param memoryBytes of guest memory, shared or remote, and of guest_memfd
 * @param descriptors open at the same time
 */
public record Limits(
    int frameBytes, int calls, int vms, int vcpus, long memoryBytes, int descriptors) {
  /** Enough for any client known: tests that make hundreds of VMs, guests of many GiB. */
  public static final Limits DEFAULT =
      new Limits(Frames.DEFAULT_LIMIT_BYTES, 1024, 64, 256, 16L << 30, 4096);

  public Limits {
    if (frameBytes < 64 << 10
        || frameBytes > 64 << 20
        || calls < 1
        || vms < 1
        || vcpus < 1
        || memoryBytes < Frames.PAGE_BYTES
        || descriptors < 4) {
      throw new IllegalArgumentException(
          "limits out of range: a frame has 64 KiB to 64 MiB; at least 1 call, 1 VM, 1 vCPU,"
              + " a page of memory and 4 descriptors");
    }
  }
}
