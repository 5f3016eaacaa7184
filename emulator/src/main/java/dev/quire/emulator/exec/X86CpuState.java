package dev.quire.emulator.exec;

import dev.quire.emulator.decode.X86RegisterView;

/**
 * The architectural state of one x86 vCPU between two instructions. The engine implements it; used
 * on the vCPU's thread only.
 *
 * <p>Segment attributes have the layout of a descriptor's high doubleword with base and limit bits
 * left out or ignored: type 8-11, S 12, DPL 13-14, P 15, AVL 20, L 21, D/B 22, G 23. Limits are in
 * bytes, already scaled by G, as unsigned ints. Whatever the engine derives from these (QEMU's
 * hflags: CPL, CS32, CS64, SS32, ADDSEG, PE, LMA, VM) it brings up to date inside the setters.
 */
public interface X86CpuState extends X86RegisterView {
  void setGpr(int index, long value);

  /** The address of the current instruction, or of the next one at a boundary. */
  long rip();

  void setRip(long rip);

  /** RFLAGS with the arithmetic flags; bit 1 reads as one. */
  long rflags();

  /** RFLAGS for who asks neither for its status flags nor for DF, which may be anything here. */
  default long controlFlags() {
    return rflags();
  }

  /** Replaces all of RFLAGS, IOPL, VM, TF and the arithmetic flags included. */
  void setRflags(long rflags);

  int cpl();

  int segmentSelector(int segment);

  int segmentLimit(int segment);

  int segmentAttributes(int segment);

  /**
   * Loads a segment register other than CS as it stands, without checks or descriptor access. The
   * CPL does not change.
   */
  void loadSegment(int segment, int selector, long base, int limit, int attributes);

  /** Loads CS and with it the CPL and the code size. */
  void loadCodeSegment(int selector, long base, int limit, int attributes, int cpl);

  long gdtrBase();

  int gdtrLimit();

  long idtrBase();

  int idtrLimit();

  long ldtrBase();

  int ldtrLimit();

  int trSelector();

  long trBase();

  int trLimit();

  /** As for segments; the type may or may not show the busy bit (QEMU caches it clear). */
  int trAttributes();

  long cr0();

  long cr2();

  void setCr2(long linear);

  long cr3();

  long cr4();

  long cr8();

  long efer();

  /** Whether STI or a load of SS holds off interrupts until the next instruction is done. */
  boolean interruptShadow();

  void setInterruptShadow(boolean shadow);
}
