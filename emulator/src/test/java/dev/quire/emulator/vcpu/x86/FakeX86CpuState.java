package dev.quire.emulator.vcpu.x86;

import dev.quire.emulator.exec.X86CpuState;
import dev.quire.mmu.x86.Cr0;
import dev.quire.mmu.x86.Cr4;
import dev.quire.mmu.x86.Efer;
import java.util.Arrays;

/** Plain fields; starts in 64-bit mode at CPL 0 with empty tables. */
final class FakeX86CpuState implements X86CpuState {
  static final int CODE_64 = 0x00a0_9b00;
  static final int CODE_32 = 0x00c0_9b00;
  static final int DATA_32 = 0x00c0_9300;

  final long[] gpr = new long[16];
  final int[] selectors = new int[6];
  final long[] bases = new long[6];
  final int[] limits = new int[6];
  final int[] attributes = new int[6];
  long rip;
  long rflags = 2;
  int cpl;
  long gdtBase;
  int gdtLimit;
  long idtBase;
  int idtLimit;
  long ldtBase;
  int ldtLimit;
  int trSelector;
  long trBase;
  int trLimit;
  int trAttributes = 0x8900;
  long cr0 = Cr0.PE | Cr0.ET | Cr0.PG;
  long cr2;
  long cr3;
  long cr4 = Cr4.PAE;
  long cr8;
  long efer = Efer.LME | Efer.LMA | Efer.SCE;
  boolean shadow;

  FakeX86CpuState() {
    Arrays.fill(limits, -1);
    Arrays.fill(attributes, DATA_32);
    attributes[CS] = CODE_64;
    selectors[CS] = 8;
    selectors[SS] = 16;
  }

  /** Everything a guest can see, to compare states. */
  String snapshot() {
    return "rip=%x rflags=%x cpl=%d cr2=%x gpr=%s sel=%s base=%s limit=%s attr=%s shadow=%s"
        .formatted(
            rip,
            rflags,
            cpl,
            cr2,
            Arrays.toString(gpr),
            Arrays.toString(selectors),
            Arrays.toString(bases),
            Arrays.toString(limits),
            Arrays.toString(attributes),
            shadow);
  }

  @Override
  public long gpr(int index) {
    return gpr[index];
  }

  @Override
  public void setGpr(int index, long value) {
    gpr[index] = value;
  }

  @Override
  public long rip() {
    return rip;
  }

  @Override
  public void setRip(long value) {
    rip = value;
  }

  @Override
  public long rflags() {
    return rflags;
  }

  @Override
  public void setRflags(long value) {
    rflags = value;
  }

  @Override
  public int cpl() {
    return cpl;
  }

  @Override
  public int segmentSelector(int segment) {
    return selectors[segment];
  }

  @Override
  public long segmentBase(int segment) {
    return bases[segment];
  }

  @Override
  public int segmentLimit(int segment) {
    return limits[segment];
  }

  @Override
  public int segmentAttributes(int segment) {
    return attributes[segment];
  }

  @Override
  public void loadSegment(int segment, int selector, long base, int limit, int attribute) {
    selectors[segment] = selector;
    bases[segment] = base;
    limits[segment] = limit;
    attributes[segment] = attribute;
  }

  @Override
  public void loadCodeSegment(int selector, long base, int limit, int attribute, int newCpl) {
    loadSegment(CS, selector, base, limit, attribute);
    cpl = newCpl;
  }

  @Override
  public long gdtrBase() {
    return gdtBase;
  }

  @Override
  public int gdtrLimit() {
    return gdtLimit;
  }

  @Override
  public long idtrBase() {
    return idtBase;
  }

  @Override
  public int idtrLimit() {
    return idtLimit;
  }

  @Override
  public long ldtrBase() {
    return ldtBase;
  }

  @Override
  public int ldtrLimit() {
    return ldtLimit;
  }

  @Override
  public int trSelector() {
    return trSelector;
  }

  @Override
  public long trBase() {
    return trBase;
  }

  @Override
  public int trLimit() {
    return trLimit;
  }

  @Override
  public int trAttributes() {
    return trAttributes;
  }

  @Override
  public long cr0() {
    return cr0;
  }

  @Override
  public long cr2() {
    return cr2;
  }

  @Override
  public void setCr2(long value) {
    cr2 = value;
  }

  @Override
  public long cr3() {
    return cr3;
  }

  @Override
  public long cr4() {
    return cr4;
  }

  @Override
  public long cr8() {
    return cr8;
  }

  @Override
  public long efer() {
    return efer;
  }

  @Override
  public boolean interruptShadow() {
    return shadow;
  }

  @Override
  public void setInterruptShadow(boolean value) {
    shadow = value;
  }
}
