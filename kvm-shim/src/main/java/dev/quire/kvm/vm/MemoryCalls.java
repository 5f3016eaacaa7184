package dev.quire.kvm.vm;

import dev.quire.kernel.gmem.GuestMemfd;
import dev.quire.kernel.kvm.MemSlot;
import dev.quire.kernel.kvm.MemSlots;
import dev.quire.kernel.mm.Errno;
import dev.quire.kvm.abi.LittleEndian;
import dev.quire.kvm.fd.Caller;
import dev.quire.kvm.fd.Descriptor;
import dev.quire.kvm.vm.VmStructs.ClearDirtyLog;
import dev.quire.kvm.vm.VmStructs.DirtyLog;
import dev.quire.kvm.vm.VmStructs.MemoryRegion;

/**
 * Memory slots and their dirty pages (Linux v6.18 virt/kvm/kvm_main.c, kvm_set_memory_region,
 * kvm_get_dirty_log_protect, kvm_clear_dirty_log_protect). On the VM's thread.
 */
final class MemoryCalls {
  private static final int SPACE_SHIFT = 16;
  private static final int ID_MASK = 0xffff;

  /**
   * Pages that all slots together may log: bitmaps of 32 MiB, for a guest of 1 TiB. Linux charges
   * the client for them instead.
   */
  private static final long MOST_LOGGED_PAGES = 1L << 28;

  private final Vm vm;

  MemoryCalls(Vm vm) {
    this.vm = vm;
  }

  /** KVM_SET_USER_MEMORY_REGION. */
  long setRegion(Caller caller, long argument) {
    MemoryRegion region = MemoryRegion.read(caller, argument);
    if (region == null) {
      return -Errno.EFAULT;
    }
    if ((region.flags() & ~(MemSlots.LOG_DIRTY_PAGES | MemSlots.READONLY)) != 0) {
      return -Errno.EINVAL;
    }
    return set(caller, region);
  }

  /** KVM_SET_USER_MEMORY_REGION2. */
  long setRegion2(Caller caller, long argument) {
    MemoryRegion region = MemoryRegion.read2(caller, argument);
    return region == null ? -Errno.EFAULT : set(caller, region);
  }

  private long set(Caller caller, MemoryRegion region) {
    // One address space; what does not fit an id is refused with it.
    if (region.slot() >>> SPACE_SHIFT != 0 || !isUserRange(region.hva(), region.bytes())) {
      return -Errno.EINVAL;
    }
    if (logsTooMuch(region)) {
      return -Errno.ENOMEM;
    }
    boolean bound = (region.flags() & MemSlots.GUEST_MEMFD) != 0;
    Descriptor file = bound ? caller.descriptors().find(region.file()) : null;
    GuestMemfd memory = file instanceof GuestMemfdFile found ? found.file() : null;
    MemSlots.Outcome outcome =
        vm.stage2()
            .setRegion(
                region.slot(),
                region.flags(),
                region.gpa(),
                region.bytes(),
                region.hva(),
                memory,
                region.fileOffset());
    return switch (outcome) {
      case CREATED -> {
        if (memory == null || !memory.isMappable()) {
          vm.host().prepare(region.hva(), region.bytes());
        }
        yield 0;
      }
      case DELETED, MOVED, FLAGS_CHANGED, UNCHANGED -> 0;
      case INVALID -> -Errno.EINVAL;
      case OUT_OF_RANGE -> -vm.traits().outOfRangeError();
      case OVERLAP -> -Errno.EEXIST;
      case NO_FILE -> file == null ? -Errno.EBADF : -Errno.EINVAL;
    };
  }

  /** access_ok. */
  private boolean isUserRange(long hva, long bytes) {
    long end = hva + bytes;
    return Long.compareUnsigned(end, hva) >= 0
        && Long.compareUnsigned(end, vm.traits().userEnd()) <= 0;
  }

  private boolean logsTooMuch(MemoryRegion region) {
    if ((region.flags() & MemSlots.LOG_DIRTY_PAGES) == 0) {
      return false;
    }
    MemSlots slots = vm.slots();
    long pages = region.bytes() / Vm.PAGE_BYTES;
    for (int i = 0; i < slots.count(); i++) {
      MemSlot slot = slots.at(i);
      pages += slot.logsDirtyPages() && slot.id() != region.slot() ? slot.pages() : 0;
    }
    return pages > MOST_LOGGED_PAGES;
  }

  /** KVM_GET_DIRTY_LOG. */
  long getDirtyLog(Caller caller, long argument) {
    DirtyLog request = DirtyLog.read(caller, argument);
    if (request == null) {
      return -Errno.EFAULT;
    }
    long error = error(request.slot());
    if (error == 0 && !hasBitmap(request.slot())) {
      error = -Errno.ENOENT;
    }
    if (error != 0) {
      return error;
    }
    long[] bitmap =
        vm.manualProtect() != 0
            ? vm.stage2().dirtyLogs().read(request.slot())
            : vm.stage2().dirtyLogs().take(request.slot());
    byte[] bytes = new byte[bitmap.length * Long.BYTES];
    for (int i = 0; i < bitmap.length; i++) {
      LittleEndian.putLong(bytes, i * Long.BYTES, bitmap[i]);
    }
    return VmStructs.write(caller, request.bitmap(), bytes) ? 0 : -Errno.EFAULT;
  }

  private long error(int slot) {
    if (!vm.usesDirtyBitmaps()) {
      return -Errno.ENXIO;
    }
    boolean legal = slot >>> SPACE_SHIFT == 0 && (slot & ID_MASK) < vm.traits().memorySlots();
    return legal ? 0 : -Errno.EINVAL;
  }

  private boolean hasBitmap(int slot) {
    MemSlot found = vm.slots().byId(slot);
    return found != null && found.hasDirtyBitmap();
  }

  /** KVM_CLEAR_DIRTY_LOG. */
  long clearDirtyLog(Caller caller, long argument) {
    ClearDirtyLog request = ClearDirtyLog.read(caller, argument);
    if (request == null) {
      return -Errno.EFAULT;
    }
    long error = error(request.slot());
    if (error != 0) {
      return error;
    }
    long first = request.firstPage();
    if ((first & Long.SIZE - 1) != 0) {
      return -Errno.EINVAL;
    }
    if (!hasBitmap(request.slot())) {
      return -Errno.ENOENT;
    }
    long left = vm.slots().byId(request.slot()).pages() - first;
    if (first < 0
        || left < 0
        || request.pages() > left
        || request.pages() < left && (request.pages() & Long.SIZE - 1) != 0) {
      return -Errno.EINVAL;
    }
    int words = (int) (request.pages() + Long.SIZE - 1 >>> 6);
    byte[] bytes = VmStructs.read(caller, request.bitmap(), words * Long.BYTES);
    if (bytes == null) {
      return -Errno.EFAULT;
    }
    long[] bits = new long[words];
    for (int i = 0; i < words; i++) {
      bits[i] = LittleEndian.getLong(bytes, i * Long.BYTES);
    }
    vm.stage2().dirtyLogs().clear(request.slot(), first, bits);
    return 0;
  }
}
