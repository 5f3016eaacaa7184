package dev.quire.kvm.x86;

import dev.quire.bindings.UcX86State;
import dev.quire.emulator.exec.X86Core;
import dev.quire.kernel.mm.Errno;
import dev.quire.kvm.abi.KvmSegment;
import dev.quire.kvm.abi.KvmSregs;
import dev.quire.kvm.abi.LittleEndian;
import dev.quire.mmu.x86.ControlRegisters;
import dev.quire.mmu.x86.Cr0;
import dev.quire.mmu.x86.Cr4;
import dev.quire.mmu.x86.Efer;
import dev.quire.mmu.x86.PagingMode;
import dev.quire.mmu.x86.X86Mmu;
import java.util.Arrays;

/**
 * KVM_GET_SREGS, KVM_SET_SREGS and their second forms (Linux v6.18 arch/x86/kvm/x86.c,
 * kvm_is_valid_sregs, __set_sregs_common). KVM takes combinations that no instruction can make, and
 * gives them back; they stay here, beside what the core was given, until the guest changes the
 * register. VM thread only.
 */
final class SpecialRegisters {
  private static final int SEGMENTS = 8;

  /** Where a segment is in the structure, by the core's number: ES, CS, SS, DS, FS, GS, LDT, TR. */
  private static final int[] SEGMENT_AT = {
    KvmSregs.ES,
    KvmSregs.CS,
    KvmSregs.SS,
    KvmSregs.DS,
    KvmSregs.FS,
    KvmSregs.GS,
    KvmSregs.LDT,
    KvmSregs.TR
  };

  private static final int TYPE_SHIFT = 8;
  private static final int S_SHIFT = 12;
  private static final int DPL_SHIFT = 13;
  private static final int P_SHIFT = 15;
  private static final int AVL_SHIFT = 20;
  private static final int L_SHIFT = 21;
  private static final int DB_SHIFT = 22;
  private static final int G_SHIFT = 23;

  private final X86VcpuState vcpu;
  private final X86Core core;
  private final X86Mmu mmu;

  /** Segments as set, and what the core was given for them. */
  private final byte[][] setSegments = new byte[SEGMENTS][];

  private final byte[][] givenSegments = new byte[SEGMENTS][];

  /** CR0, CR3, CR4, EFER as set, and as the core had them right after. */
  private final long[] setControls = new long[4];

  private final long[] givenControls = new long[4];

  SpecialRegisters(X86VcpuState vcpu) {
    this.vcpu = vcpu;
    this.core = vcpu.core();
    this.mmu = vcpu.mmu();
    rememberControls(core.cr0(), core.cr3(), core.cr4(), core.efer());
  }

  long cr0() {
    return control(0, core.cr0());
  }

  long cr4() {
    return control(2, core.cr4());
  }

  long efer() {
    return control(3, core.efer());
  }

  private long control(int index, long now) {
    return now == givenControls[index] ? setControls[index] : now;
  }

  private void rememberControls(long... wanted) {
    System.arraycopy(wanted, 0, setControls, 0, wanted.length);
    givenControls[0] = core.cr0();
    givenControls[1] = core.cr3();
    givenControls[2] = core.cr4();
    givenControls[3] = core.efer();
  }

  /** Writes EFER as KVM does for an MSR: judged before. */
  void setEfer(long value) {
    long cr0 = cr0();
    long cr4 = cr4();
    long cr3 = control(1, core.cr3());
    mmu.control().loadJudged(cr0, cr3, cr4, value, null);
    core.loadControlRegisters(mmu.registers());
    rememberControls(cr0, cr3, cr4, value);
  }

  /** The first part of both structures. */
  void get(byte[] target, int offset) {
    for (int index = 0; index < SEGMENTS; index++) {
      byte[] segment = segment(index);
      System.arraycopy(segment, 0, target, offset + SEGMENT_AT[index], segment.length);
    }
    putTable(target, offset + KvmSregs.GDT, core.gdtrBase(), core.gdtrLimit());
    putTable(target, offset + KvmSregs.IDT, core.idtrBase(), core.idtrLimit());
    LittleEndian.putLong(target, offset + KvmSregs.CR0, cr0());
    LittleEndian.putLong(target, offset + KvmSregs.CR2, core.cr2());
    LittleEndian.putLong(target, offset + KvmSregs.CR3, control(1, core.cr3()));
    LittleEndian.putLong(target, offset + KvmSregs.CR4, cr4());
    LittleEndian.putLong(target, offset + KvmSregs.CR8, core.cr8());
    LittleEndian.putLong(target, offset + KvmSregs.EFER, efer());
    LittleEndian.putLong(target, offset + KvmSregs.APIC_BASE, vcpu.apicBase());
  }

  /** struct kvm_sregs2 ends with the PDPTEs in use. */
  byte[] getSecond() {
    byte[] sregs = new byte[KvmSregs.SREGS2_BYTES];
    get(sregs, 0);
    if (mmu.registers().mode() == PagingMode.PAE) {
      LittleEndian.putLong(sregs, KvmSregs.FLAGS, KvmSregs.PDPTRS_VALID);
      for (int index = 0; index < ControlRegisters.PDPTES; index++) {
        int at = KvmSregs.PDPTRS + Long.BYTES * index;
        LittleEndian.putLong(sregs, at, mmu.registers().pdpte(index));
      }
    }
    return sregs;
  }

  private static void putTable(byte[] target, int at, long base, int limit) {
    LittleEndian.putLong(target, at, base);
    LittleEndian.putShort(target, at + Long.BYTES, limit);
  }

  /** A segment as the core has it, or as it was set if that is the same. */
  private byte[] segment(int index) {
    byte[] now = fromCore(index);
    boolean unchanged = givenSegments[index] != null && Arrays.equals(now, givenSegments[index]);
    return unchanged ? setSegments[index] : now;
  }

  private byte[] fromCore(int index) {
    byte[] segment = new byte[KvmSegment.BYTES];
    int attributes = core.segmentAttributes(index);
    LittleEndian.putLong(segment, KvmSegment.BASE, core.segmentBase(index));
    LittleEndian.putInt(segment, KvmSegment.LIMIT, core.segmentLimit(index));
    LittleEndian.putShort(segment, KvmSegment.SELECTOR, core.segmentSelector(index));
    int type = attributes >>> TYPE_SHIFT & 0xf;
    // The core caches a task register without its busy bit.
    segment[KvmSegment.TYPE] = (byte) (index == UcX86State.TR ? type | 2 : type);
    segment[KvmSegment.PRESENT] = (byte) (attributes >>> P_SHIFT & 1);
    segment[KvmSegment.DPL] = (byte) (attributes >>> DPL_SHIFT & 3);
    segment[KvmSegment.DB] = (byte) (attributes >>> DB_SHIFT & 1);
    segment[KvmSegment.S] = (byte) (attributes >>> S_SHIFT & 1);
    segment[KvmSegment.L] = (byte) (attributes >>> L_SHIFT & 1);
    segment[KvmSegment.G] = (byte) (attributes >>> G_SHIFT & 1);
    segment[KvmSegment.AVL] = (byte) (attributes >>> AVL_SHIFT & 1);
    segment[KvmSegment.UNUSABLE] = (byte) (attributes >>> P_SHIFT & 1 ^ 1);
    return segment;
  }

  /**
   * KVM_SET_SREGS but for the interrupt.
   *
   * @param pdptes given by the client, or null to read them from guest memory
   * @return 0 or -EINVAL
   */
  long set(byte[] source, int offset, long[] pdptes) {
    long cr0 = LittleEndian.getLong(source, offset + KvmSregs.CR0);
    long cr3 = LittleEndian.getLong(source, offset + KvmSregs.CR3);
    long cr4 = LittleEndian.getLong(source, offset + KvmSregs.CR4);
    long efer = LittleEndian.getLong(source, offset + KvmSregs.EFER);
    boolean longCode = source[offset + KvmSregs.CS + KvmSegment.L] != 0;
    if (!isValid(cr0, cr3, cr4, efer, longCode)
        || !vcpu.setApicBase(LittleEndian.getLong(source, offset + KvmSregs.APIC_BASE), true)) {
      return -Errno.EINVAL;
    }
    setTables(source, offset);
    core.setCr2(LittleEndian.getLong(source, offset + KvmSregs.CR2));
    mmu.control().loadJudged(cr0, cr3, cr4, efer, pdptes);
    if (pdptes == null && mmu.registers().mode() == PagingMode.PAE) {
      loadPdptes(cr0, cr3, cr4, efer);
    }
    core.loadControlRegisters(mmu.registers());
    rememberControls(cr0, cr3, cr4, efer);
    long cr8 = LittleEndian.getLong(source, offset + KvmSregs.CR8);
    if ((cr8 & ~0xfL) == 0) {
      core.setCr8(cr8);
    }
    boolean protectedMode = (cr0 & Cr0.PE) != 0;
    int cpl = protectedMode ? source[offset + KvmSregs.SS + KvmSegment.DPL] & 3 : 0;
    for (int index = 0; index < SEGMENTS; index++) {
      setSegment(index, source, offset + SEGMENT_AT[index], cpl);
    }
    if (isReset(source, offset + KvmSregs.CS, protectedMode)) {
      vcpu.setMpState(X86VcpuState.RUNNABLE);
    }
    return 0;
  }

  private boolean isValid(long cr0, long cr3, long cr4, long efer, boolean longCode) {
    if ((efer & Efer.LME) != 0 && (cr0 & Cr0.PG) != 0) {
      if ((cr4 & Cr4.PAE) == 0
          || (efer & Efer.LMA) == 0
          || (cr3 & vcpu.cpuid().reservedGpaBits()) != 0) {
        return false;
      }
    } else if ((efer & Efer.LMA) != 0 || longCode) {
      return false;
    }
    boolean validCr0 =
        cr0 >>> Integer.SIZE == 0
            && (cr0 & (Cr0.NW | Cr0.CD)) != Cr0.NW
            && (cr0 & (Cr0.PG | Cr0.PE)) != Cr0.PG;
    return validCr0 && (cr4 & ~vcpu.cpuid().allowedCr4()) == 0;
  }

  /** "Older userspace won't unhalt the vcpu on reset." */
  private boolean isReset(byte[] source, int code, boolean protectedMode) {
    return vcpu.id() == vcpu.vm().bootCpu()
        && !protectedMode
        && core.rip() == 0xfff0
        && LittleEndian.getShort(source, code + KvmSegment.SELECTOR) == 0xf000
        && LittleEndian.getLong(source, code + KvmSegment.BASE) == 0xffff_0000L;
  }

  private void setTables(byte[] source, int offset) {
    int gdt = offset + KvmSregs.GDT;
    int idt = offset + KvmSregs.IDT;
    core.setIdtr(
        LittleEndian.getLong(source, idt), LittleEndian.getShort(source, idt + Long.BYTES));
    core.setGdtr(
        LittleEndian.getLong(source, gdt), LittleEndian.getShort(source, gdt + Long.BYTES));
  }

  /** load_pdptrs: entries that cannot be read or are illegal leave the registers as they are. */
  private void loadPdptes(long cr0, long cr3, long cr4, long efer) {
    long table = cr3 & 0xffff_ffe0L;
    if (!vcpu.vm().guestMemory().contains(table, ControlRegisters.PDPTES * (long) Long.BYTES)) {
      return;
    }
    long[] read = new long[ControlRegisters.PDPTES];
    for (int index = 0; index < read.length; index++) {
      read[index] =
          vcpu.vm().guestMemory().readValue(table + index * (long) Long.BYTES, Long.BYTES);
      if (!mmu.registers().isLegalPdpte(read[index])) {
        return;
      }
    }
    mmu.control().loadJudged(cr0, cr3, cr4, efer, read);
  }

  private void setSegment(int index, byte[] source, int at, int cpl) {
    int selector = LittleEndian.getShort(source, at + KvmSegment.SELECTOR);
    long base = LittleEndian.getLong(source, at + KvmSegment.BASE);
    int limit = LittleEndian.getInt(source, at + KvmSegment.LIMIT);
    boolean usable = source[at + KvmSegment.UNUSABLE] == 0;
    int attributes =
        (source[at + KvmSegment.TYPE] & 0xf) << TYPE_SHIFT
            | (source[at + KvmSegment.S] & 1) << S_SHIFT
            | (source[at + KvmSegment.DPL] & 3) << DPL_SHIFT
            | (usable ? source[at + KvmSegment.PRESENT] & 1 : 0) << P_SHIFT
            | (source[at + KvmSegment.AVL] & 1) << AVL_SHIFT
            | (source[at + KvmSegment.L] & 1) << L_SHIFT
            | (source[at + KvmSegment.DB] & 1) << DB_SHIFT
            | (source[at + KvmSegment.G] & 1) << G_SHIFT;
    if (index == X86Core.CS) {
      core.loadCodeSegment(selector, base, limit, attributes, cpl);
    } else if (index >= UcX86State.LDT) {
      core.loadSystemSegment(index, selector, base, limit, attributes);
    } else {
      core.loadSegment(index, selector, base, limit, attributes);
    }
    setSegments[index] = Arrays.copyOfRange(source, at, at + KvmSegment.BYTES);
    LittleEndian.putByte(setSegments[index], KvmSegment.BYTES - 1, 0);
    givenSegments[index] = fromCore(index);
  }
}
