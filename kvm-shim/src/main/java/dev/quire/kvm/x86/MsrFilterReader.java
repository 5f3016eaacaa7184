package dev.quire.kvm.x86;

import dev.quire.kernel.mm.Errno;
import dev.quire.kvm.abi.KvmMsrFilter;
import dev.quire.kvm.abi.LittleEndian;
import dev.quire.kvm.fd.Caller;
import java.util.ArrayList;
import java.util.List;

/** KVM_X86_SET_MSR_FILTER: struct kvm_msr_filter and its bitmaps, checked. */
final class MsrFilterReader {
  private static final int DEFAULT_DENY = 1;

  private MsrFilter filter;

  MsrFilter filter() {
    return filter;
  }

  /** Reads into {@link #filter}: 0 or -errno. */
  long read(Caller caller, long argument) {
    byte[] header = UserStructs.copyIn(caller, argument, KvmMsrFilter.BYTES);
    if (header == null) {
      return -Errno.EFAULT;
    }
    int flags = LittleEndian.getInt(header, KvmMsrFilter.FLAGS);
    boolean denies = (flags & DEFAULT_DENY) != 0;
    if ((flags & ~DEFAULT_DENY) != 0 || denies && isEmpty(header)) {
      return -Errno.EINVAL;
    }
    List<MsrFilter.Range> ranges = new ArrayList<>();
    for (int i = 0; i < KvmMsrFilter.MAX_RANGES; i++) {
      long result = addRange(caller, header, at(i), ranges);
      if (result != 0) {
        return result;
      }
    }
    filter = new MsrFilter(!denies, ranges.toArray(new MsrFilter.Range[0]));
    return 0;
  }

  private static int at(int range) {
    return KvmMsrFilter.RANGES + range * KvmMsrFilter.RANGE_BYTES;
  }

  private static boolean isEmpty(byte[] header) {
    for (int i = 0; i < KvmMsrFilter.MAX_RANGES; i++) {
      if (LittleEndian.getInt(header, at(i) + KvmMsrFilter.RANGE_NMSRS) != 0) {
        return false;
      }
    }
    return true;
  }

  private static long addRange(Caller caller, byte[] header, int at, List<MsrFilter.Range> ranges) {
    long count = Integer.toUnsignedLong(LittleEndian.getInt(header, at + KvmMsrFilter.RANGE_NMSRS));
    if (count == 0) {
      return 0;
    }
    int operations = LittleEndian.getInt(header, at + KvmMsrFilter.RANGE_FLAGS);
    long bytes = (count + Long.SIZE - 1) / Long.SIZE * Long.BYTES;
    if (operations == 0
        || (operations & ~(MsrFilter.READ | MsrFilter.WRITE)) != 0
        || bytes > KvmMsrFilter.MAX_BITMAP_BYTES) {
      return -Errno.EINVAL;
    }
    long bitmap = LittleEndian.getLong(header, at + KvmMsrFilter.RANGE_BITMAP);
    byte[] allowed = UserStructs.copyIn(caller, bitmap, (int) bytes);
    if (allowed == null) {
      return -Errno.EFAULT;
    }
    int base = LittleEndian.getInt(header, at + KvmMsrFilter.RANGE_BASE);
    ranges.add(new MsrFilter.Range(operations, base, (int) count, allowed));
    return 0;
  }
}
