package dev.quire.kvm.x86;

import dev.quire.emulator.exec.X86Core;
import dev.quire.emulator.exec.X86FxState;
import dev.quire.kernel.mm.Errno;
import dev.quire.kvm.abi.KvmFpu;
import dev.quire.kvm.abi.KvmXcrs;
import dev.quire.kvm.abi.KvmXsave;
import dev.quire.kvm.abi.LittleEndian;
import java.util.Arrays;

/**
 * x87, SSE and XCR0 as KVM keeps them while a vCPU is not in KVM_RUN: an XSAVE area with the
 * components of which XSTATE_BV says they are in use; the others are in their initial state,
 * whatever their bytes hold (Linux v6.18 arch/x86/kernel/fpu/xstate.c). KVM_SET_FPU writes bytes
 * only. VM thread only.
 */
final class FloatingPoint {
  /** What the host's XCR0 has: x87 and SSE. */
  static final long SUPPORTED = 3;

  private static final long X87 = 1;
  private static final long SSE = 2;
  private static final int MXCSR_BITS = 0xffff;
  private static final int CONTROL_RESET = 0x37f;
  private static final int MXCSR_RESET = 0x1f80;
  private static final int ST_BYTES = 128;
  private static final int XMM_BYTES = 256;
  private static final byte[] INITIAL = initial();

  private final X86FxState core;
  private final byte[] image = INITIAL.clone();
  private final byte[] scratch = new byte[X86FxState.BYTES];
  private long inUse;
  private long xcr0 = X87;
  private boolean coreIsNewer;
  private boolean imageIsNewer = true;

  FloatingPoint(X86Core core) {
    this.core = new X86FxState(core);
  }

  private static byte[] initial() {
    byte[] image = new byte[X86FxState.BYTES];
    LittleEndian.putShort(image, KvmXsave.FCW, CONTROL_RESET);
    LittleEndian.putInt(image, KvmXsave.MXCSR, MXCSR_RESET);
    LittleEndian.putInt(image, KvmXsave.MXCSR_MASK, MXCSR_BITS);
    return image;
  }

  /** XRSTORS at the start of KVM_RUN. */
  void load() {
    if (imageIsNewer) {
      System.arraycopy(INITIAL, 0, scratch, 0, scratch.length);
      if ((inUse & X87) != 0) {
        copyX87(image, scratch);
      }
      if ((inUse & SSE) != 0) {
        copySse(image, scratch);
      }
      core.load(scratch);
      imageIsNewer = false;
    }
    coreIsNewer = true;
  }

  /** XSAVES at the end: components in their initial state are not written. */
  private void save() {
    if (!coreIsNewer) {
      return;
    }
    core.save(scratch);
    inUse = 0;
    if (!isInitial(KvmXsave.FCW, KvmXsave.MXCSR) || !isInitial(KvmXsave.ST, KvmXsave.XMM)) {
      inUse |= X87;
      copyX87(scratch, image);
    }
    if (!isInitial(KvmXsave.MXCSR, KvmXsave.MXCSR_MASK)
        || !isInitial(KvmXsave.XMM, KvmXsave.XMM + XMM_BYTES)) {
      inUse |= SSE;
      copySse(scratch, image);
    }
    coreIsNewer = false;
  }

  private boolean isInitial(int from, int to) {
    return Arrays.equals(scratch, from, to, INITIAL, from, to);
  }

  private static void copyX87(byte[] from, byte[] to) {
    System.arraycopy(from, 0, to, 0, KvmXsave.MXCSR);
    System.arraycopy(from, KvmXsave.ST, to, KvmXsave.ST, ST_BYTES);
  }

  private static void copySse(byte[] from, byte[] to) {
    System.arraycopy(from, KvmXsave.MXCSR, to, KvmXsave.MXCSR, Long.BYTES);
    System.arraycopy(from, KvmXsave.XMM, to, KvmXsave.XMM, XMM_BYTES);
  }

  /** KVM_GET_FPU: the bytes, in use or not; MXCSR stays zero. */
  byte[] getFpu() {
    save();
    byte[] fpu = new byte[KvmFpu.BYTES];
    System.arraycopy(image, KvmXsave.ST, fpu, KvmFpu.FPR, ST_BYTES);
    System.arraycopy(image, KvmXsave.FCW, fpu, KvmFpu.FCW, 2);
    System.arraycopy(image, KvmXsave.FSW, fpu, KvmFpu.FSW, 2);
    fpu[KvmFpu.FTWX] = image[KvmXsave.FTW];
    System.arraycopy(image, KvmXsave.FOP, fpu, KvmFpu.LAST_OPCODE, 2);
    System.arraycopy(image, KvmXsave.FIP, fpu, KvmFpu.LAST_IP, Long.BYTES);
    System.arraycopy(image, KvmXsave.FDP, fpu, KvmFpu.LAST_DP, Long.BYTES);
    System.arraycopy(image, KvmXsave.XMM, fpu, KvmFpu.XMM, XMM_BYTES);
    return fpu;
  }

  /** KVM_SET_FPU. */
  void setFpu(byte[] fpu) {
    save();
    System.arraycopy(fpu, KvmFpu.FPR, image, KvmXsave.ST, ST_BYTES);
    System.arraycopy(fpu, KvmFpu.FCW, image, KvmXsave.FCW, 2);
    System.arraycopy(fpu, KvmFpu.FSW, image, KvmXsave.FSW, 2);
    image[KvmXsave.FTW] = fpu[KvmFpu.FTWX];
    System.arraycopy(fpu, KvmFpu.LAST_OPCODE, image, KvmXsave.FOP, 2);
    System.arraycopy(fpu, KvmFpu.LAST_IP, image, KvmXsave.FIP, Long.BYTES);
    System.arraycopy(fpu, KvmFpu.LAST_DP, image, KvmXsave.FDP, Long.BYTES);
    System.arraycopy(fpu, KvmFpu.XMM, image, KvmXsave.XMM, XMM_BYTES);
    imageIsNewer = true;
  }

  /** KVM_GET_XSAVE: components not in use show their initial state. */
  byte[] getXsave() {
    save();
    byte[] area = new byte[KvmXsave.BYTES];
    System.arraycopy(INITIAL, 0, area, 0, INITIAL.length);
    if ((inUse & X87) != 0) {
      copyX87(image, area);
    }
    if ((inUse & SSE) != 0) {
      copySse(image, area);
    }
    LittleEndian.putLong(area, KvmXsave.XSTATE_BV, inUse);
    return area;
  }

  /**
   * KVM_SET_XSAVE.
   *
   * @return 0 or -EINVAL
   */
  long setXsave(byte[] area) {
    long wanted = LittleEndian.getLong(area, KvmXsave.XSTATE_BV);
    if ((wanted & ~SUPPORTED) != 0 || LittleEndian.getLong(area, KvmXsave.XCOMP_BV) != 0) {
      return -Errno.EINVAL;
    }
    for (int at = KvmXsave.HEADER_RESERVED; at < KvmXsave.HEADER_END; at++) {
      if (area[at] != 0) {
        return -Errno.EINVAL;
      }
    }
    if (wanted != 0 && (LittleEndian.getInt(area, KvmXsave.MXCSR) & ~MXCSR_BITS) != 0) {
      return -Errno.EINVAL;
    }
    save();
    if ((wanted & X87) != 0) {
      copyX87(area, image);
    }
    if (wanted != 0) {
      System.arraycopy(area, KvmXsave.MXCSR, image, KvmXsave.MXCSR, Long.BYTES);
    }
    if ((wanted & SSE) != 0) {
      copySse(area, image);
    }
    inUse = wanted;
    imageIsNewer = true;
    return 0;
  }

  long xcr0() {
    return xcr0;
  }

  /** KVM_GET_XCRS. */
  byte[] getXcrs() {
    byte[] xcrs = new byte[KvmXcrs.BYTES];
    LittleEndian.putInt(xcrs, KvmXcrs.NR_XCRS, 1);
    LittleEndian.putLong(xcrs, KvmXcrs.XCRS + Long.BYTES, xcr0);
    return xcrs;
  }

  /**
   * KVM_SET_XCRS: the first XCR0 counts.
   *
   * @param guestXcr0 what the guest's CPUID lets it set
   * @return 0 or -EINVAL
   */
  long setXcrs(byte[] xcrs, long guestXcr0) {
    int count = LittleEndian.getInt(xcrs, KvmXcrs.NR_XCRS);
    if (Integer.compareUnsigned(count, KvmXcrs.MAX_XCRS) > 0
        || LittleEndian.getInt(xcrs, KvmXcrs.FLAGS) != 0) {
      return -Errno.EINVAL;
    }
    for (int i = 0; i < count; i++) {
      int at = KvmXcrs.XCRS + KvmXcrs.XCR_BYTES * i;
      if (LittleEndian.getInt(xcrs, at) == 0) {
        long value = LittleEndian.getLong(xcrs, at + Long.BYTES);
        if ((value & X87) == 0 || (value & ~(guestXcr0 | X87)) != 0) {
          return -Errno.EINVAL;
        }
        xcr0 = value;
        return 0;
      }
    }
    return 0;
  }
}
