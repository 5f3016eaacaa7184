package dev.quire.kvm.x86;

import dev.quire.emulator.vcpu.x86.X86Msr;
import dev.quire.kernel.mm.Errno;
import dev.quire.kvm.abi.KvmMsrs;
import dev.quire.kvm.abi.LittleEndian;
import dev.quire.kvm.fd.Caller;

/** Lists of registers and lists of their values in user memory. */
final class MsrLists {
  /** MAX_IO_MSRS. */
  private static final int MAX_ENTRIES = 256;

  /** KVM_GET_MSR_INDEX_LIST: what a client saves and restores to move a vCPU. */
  private static final int[] SAVED = {
    X86Msr.SYSENTER_CS,
    X86Msr.SYSENTER_ESP,
    X86Msr.SYSENTER_EIP,
    X86Msr.STAR,
    X86Msr.CSTAR,
    X86Msr.KERNEL_GS_BASE,
    X86Msr.FMASK,
    X86Msr.LSTAR,
    X86Msr.TSC,
    X86Msr.PAT,
    X86Msr.FEATURE_CONTROL,
    X86Msr.TSC_AUX,
    ParavirtualMsrs.SYSTEM_TIME,
    ParavirtualMsrs.WALL_CLOCK,
    ParavirtualMsrs.SYSTEM_TIME_NEW,
    ParavirtualMsrs.WALL_CLOCK_NEW,
    ParavirtualMsrs.ASYNC_PF_EN,
    ParavirtualMsrs.STEAL_TIME,
    ParavirtualMsrs.PV_EOI_EN,
    ParavirtualMsrs.ASYNC_PF_INT,
    ParavirtualMsrs.ASYNC_PF_ACK,
    MsrNumbers.TSC_ADJUST,
    X86Msr.TSC_DEADLINE,
    MsrNumbers.ARCH_CAPABILITIES,
    MsrNumbers.PERF_CAPABILITIES,
    X86Msr.MISC_ENABLE,
    X86Msr.MCG_STATUS,
    MsrNumbers.MCG_CTL,
    MsrNumbers.SMI_COUNT,
    X86Msr.PLATFORM_INFO,
    MsrNumbers.MISC_FEATURES_ENABLES,
    MsrNumbers.POWER_CTL,
    X86Msr.BIOS_UPDATE_ID,
    ParavirtualMsrs.POLL_CONTROL
  };

  private MsrLists() {}

  /** One entry of KVM_GET_MSRS or KVM_SET_MSRS. */
  interface Access {
    /** False ends the list here; a read leaves its value to {@link #value}. */
    boolean perform(int msr, long data);

    long value();
  }

  static int[] saved() {
    return SAVED.clone();
  }

  /** kvm_is_advertised_msr. */
  static boolean isAdvertised(int msr) {
    for (int each : SAVED) {
      if (each == msr) {
        return true;
      }
    }
    return false;
  }

  /** KVM_GET_MSR_INDEX_LIST and KVM_GET_MSR_FEATURE_INDEX_LIST: the number, then the registers. */
  static long copyOut(Caller caller, long argument, int[] msrs) {
    byte[] header = UserStructs.copyIn(caller, argument, Integer.BYTES);
    if (header == null) {
      return -Errno.EFAULT;
    }
    int room = LittleEndian.getInt(header, 0);
    LittleEndian.putInt(header, 0, msrs.length);
    if (UserStructs.copyOut(caller, argument, header) != 0) {
      return -Errno.EFAULT;
    }
    if (Integer.compareUnsigned(room, msrs.length) < 0) {
      return -Errno.E2BIG;
    }
    byte[] list = new byte[Integer.BYTES * msrs.length];
    for (int i = 0; i < msrs.length; i++) {
      LittleEndian.putInt(list, Integer.BYTES * i, msrs[i]);
    }
    return UserStructs.copyOut(caller, argument + Integer.BYTES, list);
  }

  /**
   * KVM_GET_MSRS and KVM_SET_MSRS (msr_io).
   *
   * @return how many were done, or -errno
   */
  static long perform(Caller caller, long argument, boolean reads, Access access) {
    byte[] header = UserStructs.copyIn(caller, argument, KvmMsrs.BYTES);
    if (header == null) {
      return -Errno.EFAULT;
    }
    int count = LittleEndian.getInt(header, KvmMsrs.NMSRS);
    if (Integer.compareUnsigned(count, MAX_ENTRIES) >= 0) {
      return -Errno.E2BIG;
    }
    long at = argument + KvmMsrs.BYTES;
    byte[] entries = UserStructs.copyIn(caller, at, count * KvmMsrs.ENTRY_BYTES);
    if (entries == null) {
      return -Errno.EFAULT;
    }
    int done = 0;
    boolean goesOn = true;
    while (done < count && goesOn) {
      int entry = done * KvmMsrs.ENTRY_BYTES;
      int msr = LittleEndian.getInt(entries, entry + KvmMsrs.ENTRY_INDEX);
      int data = entry + KvmMsrs.ENTRY_DATA;
      goesOn = access.perform(msr, LittleEndian.getLong(entries, data));
      if (reads) {
        LittleEndian.putLong(entries, data, access.value());
      }
      done += goesOn ? 1 : 0;
    }
    if (reads && UserStructs.copyOut(caller, at, entries) != 0) {
      return -Errno.EFAULT;
    }
    return done;
  }
}
