package dev.quire.kvm.vm;

import static dev.quire.kvm.abi.Capabilities.BINARY_STATS_FD;
import static dev.quire.kvm.abi.Capabilities.CHECK_EXTENSION_VM;
import static dev.quire.kvm.abi.Capabilities.COALESCED_MMIO;
import static dev.quire.kvm.abi.Capabilities.COALESCED_PIO;
import static dev.quire.kvm.abi.Capabilities.DESTROY_MEMORY_REGION_WORKS;
import static dev.quire.kvm.abi.Capabilities.DEVICE_CTRL;
import static dev.quire.kvm.abi.Capabilities.DIRTY_LOG_RING;
import static dev.quire.kvm.abi.Capabilities.DIRTY_LOG_RING_ACQ_REL;
import static dev.quire.kvm.abi.Capabilities.DIRTY_LOG_RING_WITH_BITMAP;
import static dev.quire.kvm.abi.Capabilities.ENABLE_CAP_VM;
import static dev.quire.kvm.abi.Capabilities.GUEST_MEMFD;
import static dev.quire.kvm.abi.Capabilities.GUEST_MEMFD_FLAGS;
import static dev.quire.kvm.abi.Capabilities.HALT_POLL;
import static dev.quire.kvm.abi.Capabilities.INTERNAL_ERROR_DATA;
import static dev.quire.kvm.abi.Capabilities.IOEVENTFD_ANY_LENGTH;
import static dev.quire.kvm.abi.Capabilities.IRQFD;
import static dev.quire.kvm.abi.Capabilities.IRQ_ROUTING;
import static dev.quire.kvm.abi.Capabilities.JOIN_MEMORY_REGIONS_WORKS;
import static dev.quire.kvm.abi.Capabilities.MANUAL_DIRTY_LOG_PROTECT2;
import static dev.quire.kvm.abi.Capabilities.MEMORY_ATTRIBUTES;
import static dev.quire.kvm.abi.Capabilities.NR_MEMSLOTS;
import static dev.quire.kvm.abi.Capabilities.SIGNAL_MSI;
import static dev.quire.kvm.abi.Capabilities.SYNC_MMU;
import static dev.quire.kvm.abi.Capabilities.SYSTEM_EVENT_DATA;
import static dev.quire.kvm.abi.Capabilities.USER_MEMORY;
import static dev.quire.kvm.abi.Capabilities.USER_MEMORY2;

import dev.quire.kernel.gmem.GuestMemfd;
import dev.quire.kernel.kvm.MemoryAttributes;
import dev.quire.kernel.mm.KernelProfile;

/**
 * Capabilities that need no architecture (Linux v6.18 virt/kvm/kvm_main.c,
 * kvm_vm_ioctl_check_extension_generic).
 */
final class GenericCapabilities {
  /** KVM_MAX_IRQ_ROUTES. */
  static final int IRQ_ROUTES = 4096;

  /** KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE and KVM_DIRTY_LOG_INITIALLY_SET. */
  static final int MANUAL_PROTECT = 1;

  static final int INITIALLY_SET = 2;

  private GenericCapabilities() {}

  /**
   * KVM_CHECK_EXTENSION.
   *
   * @param vm null on /dev/kvm
   * @return {@link ArchVcpu#UNKNOWN} for what the architecture has to answer
   */
  static long check(KernelProfile profile, HostTraits traits, Vm vm, long capability) {
    if (capability != (int) capability) {
      return 0;
    }
    boolean privateMemory = vm != null && vm.stage2().hasPrivateMemory();
    return switch ((int) capability) {
      case SYNC_MMU,
          USER_MEMORY,
          USER_MEMORY2,
          DESTROY_MEMORY_REGION_WORKS,
          JOIN_MEMORY_REGIONS_WORKS,
          INTERNAL_ERROR_DATA,
          SIGNAL_MSI,
          IRQFD,
          IOEVENTFD_ANY_LENGTH,
          CHECK_EXTENSION_VM,
          ENABLE_CAP_VM,
          HALT_POLL,
          COALESCED_PIO,
          BINARY_STATS_FD,
          SYSTEM_EVENT_DATA,
          DEVICE_CTRL,
          GUEST_MEMFD ->
          1;
      case COALESCED_MMIO -> traits.runPages();
      case MANUAL_DIRTY_LOG_PROTECT2 -> MANUAL_PROTECT | INITIALLY_SET;
      case IRQ_ROUTING -> IRQ_ROUTES;
      case NR_MEMSLOTS -> traits.memorySlots();
      case DIRTY_LOG_RING -> traits.totalStoreOrder() ? DirtyRing.MOST_BYTES : 0;
      case DIRTY_LOG_RING_ACQ_REL -> DirtyRing.MOST_BYTES;
      case DIRTY_LOG_RING_WITH_BITMAP -> traits.ringWithBitmap() ? 1 : 0;
      case MEMORY_ATTRIBUTES ->
          profile.memoryAttributes() && (vm == null || privateMemory)
              ? MemoryAttributes.PRIVATE
              : 0;
      case GUEST_MEMFD_FLAGS ->
          GuestMemfd.MMAP
              | (privateMemory ? 0 : GuestMemfd.INIT_SHARED)
              | (profile.guestMemfdNoDirectMap() ? GuestMemfd.NO_DIRECT_MAP : 0);
      default -> ArchVcpu.UNKNOWN;
    };
  }
}
