package dev.quire.kvm.x86;

import dev.quire.kernel.mm.Errno;
import dev.quire.kvm.abi.LittleEndian;
import dev.quire.kvm.fd.Caller;

/**
 * KVM_SET_PMU_EVENT_FILTER: checked as Linux does (v6.18 arch/x86/kvm/pmu.c,
 * kvm_vm_ioctl_set_pmu_event_filter) and not kept, because no guest has counters.
 */
final class PmuEventFilter {
  private static final int HEADER_BYTES = 32;
  private static final int EVENTS = 4;
  private static final int FLAGS = 12;
  private static final int DENY = 1;
  private static final int MASKED_EVENTS = 1;

  /** KVM_PMU_EVENT_FILTER_MAX_EVENTS. */
  private static final int MOST_EVENTS = 300;

  /** Event select, unit mask match, exclusion, unit mask: the fields of a masked entry. */
  private static final long MASKED_ENTRY = 0xffL | 0xff00L | 1L << 55 | 0xffL << 56;

  private PmuEventFilter() {}

  static long check(Caller caller, long address) {
    byte[] header = UserStructs.copyIn(caller, address, HEADER_BYTES);
    if (header == null) {
      return -Errno.EFAULT;
    }
    int flags = LittleEndian.getInt(header, FLAGS);
    if (Integer.compareUnsigned(LittleEndian.getInt(header, 0), DENY) > 0
        || (flags & ~MASKED_EVENTS) != 0) {
      return -Errno.EINVAL;
    }
    int count = LittleEndian.getInt(header, EVENTS);
    if (Integer.compareUnsigned(count, MOST_EVENTS) > 0) {
      return -Errno.E2BIG;
    }
    byte[] events = UserStructs.copyIn(caller, address + HEADER_BYTES, count * Long.BYTES);
    if (events == null) {
      return -Errno.EFAULT;
    }
    for (int i = 0; i < count && flags == MASKED_EVENTS; i++) {
      if ((LittleEndian.getLong(events, i * Long.BYTES) & ~MASKED_ENTRY) != 0) {
        return -Errno.EINVAL;
      }
    }
    return 0;
  }
}
