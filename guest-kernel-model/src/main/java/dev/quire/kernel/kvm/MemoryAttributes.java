package dev.quire.kernel.kvm;

import java.util.Arrays;

/**
 * Which guest pages are private to the guest: KVM_SET_MEMORY_ATTRIBUTES of a VM whose memory can be
 * (KVM_X86_SW_PROTECTED_VM, where the attribute alone makes an access private). All are shared at
 * first. Source: Linux v6.18 virt/kvm/kvm_main.c (kvm_vm_set_mem_attributes).
 */
public final class MemoryAttributes {
  /** KVM_MEMORY_ATTRIBUTE_PRIVATE, the only one there is. */
  public static final long PRIVATE = 8;

  /** First gfn and the one behind the last of each private range, rising and apart. */
  private long[] bounds = {};

  /** Allocation-free. */
  public boolean isPrivate(long gfn) {
    return (boundsUpTo(gfn) & 1) != 0;
  }

  /** Whether all pages from {@code first} to {@code last} are alike. */
  boolean isUniform(long first, long last) {
    return boundsUpTo(first) == boundsUpTo(last);
  }

  /** How many bounds are not above a gfn. */
  private int boundsUpTo(long gfn) {
    int place = Arrays.binarySearch(bounds, gfn);
    return place >= 0 ? place + 1 : -place - 1;
  }

  /** Sets the pages from {@code first} to below {@code end}. */
  void set(long first, long end, boolean isPrivate) {
    int from = Arrays.binarySearch(bounds, first);
    from = from >= 0 ? from : -from - 1;
    int to = boundsUpTo(end);
    long[] changed = new long[bounds.length + 2];
    System.arraycopy(bounds, 0, changed, 0, from);
    int length = from;
    if ((from & 1) != 0 != isPrivate) {
      changed[length++] = first;
    }
    if ((to & 1) != 0 != isPrivate) {
      changed[length++] = end;
    }
    System.arraycopy(bounds, to, changed, length, bounds.length - to);
    bounds = Arrays.copyOf(changed, length + bounds.length - to);
  }
}
