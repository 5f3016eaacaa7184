package dev.quire.mmu.x86;

import dev.quire.mmu.MmuCounters;
import dev.quire.mmu.MmuEvent;
import java.util.Arrays;

/**
 * What writes the registers that decide a translation: each value is judged, stored, and the
 * translations that it makes wrong are dropped (SDM vol. 2, MOV to control registers, WRMSR; vol.
 * 3A 4.10.4). Owned by {@link X86Mmu}; the vCPU's thread.
 */
public final class MmuControl {
  /** The bits whose change reloads the PDPTE registers (SDM 4.4.1). */
  private static final long PDPTE_CR0 = Cr0.PG | Cr0.CD | Cr0.NW;

  private static final long PDPTE_CR4 = Cr4.PAE | Cr4.PGE | Cr4.PSE | Cr4.SMEP;

  private final X86Mmu mmu;
  private final ControlRegisters registers;
  private final Ia32eWalker walker;
  private final MmuCounters counters;
  private final long[] newPdptes = new long[ControlRegisters.PDPTES];

  MmuControl(X86Mmu mmu, ControlRegisters registers, Ia32eWalker walker, MmuCounters counters) {
    this.mmu = mmu;
    this.registers = registers;
    this.walker = walker;
    this.counters = counters;
  }

  /**
   * Enumerates features by their bits of CR4, beyond {@link Cr4#SUPPORTED}: {@link Cr4#PKE} and
   * {@link Cr4#PKS}. Off by default, since no CPU core here executes their instructions.
   */
  public void enumerate(long cr4Bits) {
    if ((cr4Bits & ~(Cr4.PKE | Cr4.PKS)) != 0) {
      throw new IllegalArgumentException(
          "CR4 bits 0x%x: only PKE and PKS can be added".formatted(cr4Bits));
    }
    registers.support(cr4Bits);
  }

  /** WRPKRU, or PKRU loaded by XRSTOR. That CR4.PKE allows it is the caller's to check. */
  public void writePkru(int value) {
    registers.setKeys(value, registers.pkrs());
    mmu.flushFills();
  }

  /** WRMSR to IA32_PKRS. */
  public RegisterWrite writePkrs(long value) {
    if (value >>> Integer.SIZE != 0) {
      return RegisterWrite.GENERAL_PROTECTION;
    }
    registers.setKeys(registers.pkru(), (int) value);
    mmu.flushFills();
    return RegisterWrite.DONE;
  }

  /** WRMSR to IA32_PAT. Entries in the TLB keep their types (SDM vol. 3A 12.12.4). */
  public RegisterWrite writePat(long value) {
    if (!MemoryType.isLegalPat(value)) {
      return RegisterWrite.GENERAL_PROTECTION;
    }
    registers.setPat(value);
    return RegisterWrite.DONE;
  }

  /** MOV to CR0. The privilege and the rules that need CS are the caller's to check. */
  public RegisterWrite writeCr0(long value) {
    if (!registers.isLegalCr0(value)) {
      return RegisterWrite.GENERAL_PROTECTION;
    }
    long cr0 = Cr0.stored(value);
    long changed = cr0 ^ registers.cr0();
    long efer = ControlRegisters.withLma(registers.efer(), cr0);
    if ((changed & PDPTE_CR0) != 0) {
      RegisterWrite loaded = loadPdptes(cr0, registers.cr3(), registers.cr4(), efer);
      if (loaded != RegisterWrite.DONE) {
        return loaded;
      }
    }
    registers.set(cr0, registers.cr3(), registers.cr4(), efer);
    if ((changed & Cr0.PG) != 0) {
      // 1 to 0 is required; 0 to 1 ends the identity entries, which are not linear translations.
      counters.increment(MmuEvent.INVALIDATION);
      mmu.dropAll();
    } else if ((changed & Cr0.WP) != 0) {
      mmu.flushFills();
    }
    return RegisterWrite.DONE;
  }

  /** MOV to CR3, with bit 63 of the operand where CR4.PCIDE gives it a meaning. */
  public RegisterWrite writeCr3(long value) {
    if (!registers.isLegalCr3(value)) {
      return RegisterWrite.GENERAL_PROTECTION;
    }
    RegisterWrite loaded = loadPdptes(registers.cr0(), value, registers.cr4(), registers.efer());
    if (loaded != RegisterWrite.DONE) {
      return loaded;
    }
    int before = registers.pcid();
    registers.set(registers.cr0(), value & ~Cr3.NO_FLUSH, registers.cr4(), registers.efer());
    if ((value & Cr3.NO_FLUSH) == 0 && registers.mode() != PagingMode.NONE) {
      counters.increment(MmuEvent.INVALIDATION);
      mmu.dropCurrentPcid();
    }
    // Whatever the TLB keeps, the fills are of the address space left.
    mmu.flushFills();
    mmu.tellAddressSpace(before);
    return RegisterWrite.DONE;
  }

  /** MOV to CR4. */
  public RegisterWrite writeCr4(long value) {
    if (!registers.isLegalCr4(value)) {
      return RegisterWrite.GENERAL_PROTECTION;
    }
    long changed = value ^ registers.cr4();
    if ((changed & PDPTE_CR4) != 0) {
      RegisterWrite loaded = loadPdptes(registers.cr0(), registers.cr3(), value, registers.efer());
      if (loaded != RegisterWrite.DONE) {
        return loaded;
      }
    }
    int before = registers.pcid();
    registers.set(registers.cr0(), registers.cr3(), value, registers.efer());
    boolean losesPcide = (changed & ~value & Cr4.PCIDE) != 0;
    boolean gainsSmep = (changed & value & Cr4.SMEP) != 0;
    if ((changed & (Cr4.PGE | Cr4.PAE)) != 0 || losesPcide || gainsSmep) {
      // For PAE and SMEP the current PCID would do; the processor may always drop more.
      counters.increment(MmuEvent.INVALIDATION);
      mmu.dropAll();
    } else if (changed != 0) {
      mmu.flushFills();
    }
    mmu.tellAddressSpace(before);
    return RegisterWrite.DONE;
  }

  /**
   * WRMSR to IA32_EFER. The manual asks for no invalidation; a change of NXE reaches the entries in
   * the TLB at their next denial.
   */
  public RegisterWrite writeEfer(long value) {
    if (!registers.isLegalEfer(value)) {
      return RegisterWrite.GENERAL_PROTECTION;
    }
    long efer = ControlRegisters.withLma(value, registers.cr0());
    registers.set(registers.cr0(), registers.cr3(), registers.cr4(), efer);
    return RegisterWrite.DONE;
  }

  /**
   * Loads all registers at once, as a boot protocol, a snapshot or KVM_SET_SREGS does, and drops
   * every translation. EFER.LMA must agree with LME and CR0.PG.
   */
  public RegisterWrite load(long cr0, long cr3, long cr4, long efer) {
    if (!registers.isConsistent(cr0, cr3, cr4, efer)) {
      return RegisterWrite.GENERAL_PROTECTION;
    }
    RegisterWrite loaded = loadPdptes(cr0, cr3, cr4, efer);
    if (loaded != RegisterWrite.DONE) {
      return loaded;
    }
    int before = registers.pcid();
    registers.set(Cr0.stored(cr0), cr3, cr4, efer);
    counters.increment(MmuEvent.INVALIDATION);
    mmu.dropAll();
    mmu.tellAddressSpace(before);
    return RegisterWrite.DONE;
  }

  /**
   * Puts back registers that were in use: unlike {@link #load}, the PDPTE registers are given and
   * no memory is read. Drops every translation.
   *
   * @return false, and nothing changed, if the values cannot stand together
   */
  public boolean restore(long cr0, long cr3, long cr4, long efer, long[] pdptes) {
    if (pdptes.length != ControlRegisters.PDPTES
        || !registers.isConsistent(cr0, cr3, cr4, efer)
        || !Arrays.stream(pdptes).allMatch(registers::isLegalPdpte)) {
      return false;
    }
    int before = registers.pcid();
    registers.set(Cr0.stored(cr0), cr3, cr4, efer);
    registers.setPdptes(pdptes);
    mmu.dropAll();
    mmu.tellAddressSpace(before);
    return true;
  }

  /**
   * Loads registers that a host has judged by its own rules (KVM_SET_SREGS) and drops every
   * translation. Bits there are not in this processor are left out, LMA follows LME and CR0.PG.
   *
   * @param pdptes null to keep the PDPTE registers
   */
  public void loadJudged(long cr0, long cr3, long cr4, long efer, long[] pdptes) {
    int before = registers.pcid();
    long stored = Cr0.stored(cr0);
    registers.set(
        stored,
        cr3,
        cr4 & registers.implementedCr4(),
        ControlRegisters.withLma(efer & Efer.SUPPORTED, stored));
    if (pdptes != null) {
      registers.setPdptes(pdptes);
    }
    mmu.dropAll();
    mmu.tellAddressSpace(before);
  }

  /** Of the bits of CR4 this processor has, MOV to CR4 may set only these (a KVM guest's CPUID). */
  public void restrictCr4(long cr4Bits) {
    registers.restrict(cr4Bits);
  }

  /** Reads the PDPTE registers if the new values mean PAE paging. */
  private RegisterWrite loadPdptes(long cr0, long cr3, long cr4, long efer) {
    if (PagingRegime.modeOf(cr0, cr4, efer) != PagingMode.PAE) {
      return RegisterWrite.DONE;
    }
    RegisterWrite loaded = walker.loadPdptes(registers, cr3, newPdptes);
    if (loaded == RegisterWrite.DONE) {
      registers.setPdptes(newPdptes);
    } else if (loaded == RegisterWrite.STAGE2_FAULT) {
      counters.increment(MmuEvent.STAGE2_FAULT);
    }
    return loaded;
  }
}
