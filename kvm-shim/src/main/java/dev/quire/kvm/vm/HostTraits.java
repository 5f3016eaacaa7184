package dev.quire.kvm.vm;

/**
 * What Linux's generic KVM code is told of an architecture when it is built (Linux v6.18
 * arch/x86/include/asm/kvm_host.h, arch/arm64/include/asm/kvm_host.h, Kconfig of both).
 *
 * @param runPages of a vCPU's mapping before the coalesced ring: KVM_COALESCED_MMIO_PAGE_OFFSET
 * @param memorySlots KVM_USER_MEM_SLOTS
 * @param userEnd the first address that no process has
 * @param totalStoreOrder whether a dirty ring needs no barriers (HAVE_KVM_DIRTY_RING_TSO)
 * @param ringWithBitmap whether a dirty ring can have bitmaps beside it, for what no vCPU wrote
 *     (NEED_KVM_DIRTY_RING_WITH_BITMAP)
 * @param outOfRangeError errno for a slot beyond what guest-physical addresses reach
 */
public record HostTraits(
    int runPages,
    int memorySlots,
    long userEnd,
    boolean totalStoreOrder,
    boolean ringWithBitmap,
    int outOfRangeError) {
  private static final int EFAULT = 14;
  private static final int EINVAL = 22;

  public static final HostTraits X86_64 =
      new HostTraits(2, 32764, 0x7fff_ffff_f000L, true, false, EINVAL);

  /** With 48-bit addresses of processes. */
  public static final HostTraits ARM64 = new HostTraits(1, 32767, 1L << 48, false, true, EFAULT);
}
