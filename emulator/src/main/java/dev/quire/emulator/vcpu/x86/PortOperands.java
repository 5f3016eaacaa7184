package dev.quire.emulator.vcpu.x86;

import dev.quire.emulator.decode.X86Instruction;
import dev.quire.emulator.exec.X86Core;
import dev.quire.mmu.Access;

/**
 * What one IN, OUT, INS or OUTS works on: the port, the accumulator, and of a string instruction
 * the address register and the counter, at the address size of the instruction (Intel SDM volume 2,
 * INS, OUTS, REP). vCPU's thread.
 */
public final class PortOperands {
  private static final long LOW_16 = 0xffff;
  private static final long LOW_32 = 0xffff_ffffL;
  private static final long RFLAGS_DF = 1L << 10;

  private final X86Core core;
  private int port;
  private int bytes;
  private int addressBytes;
  private int instructionBytes;
  private boolean repeated;

  public PortOperands(X86Core core) {
    this.core = core;
  }

  /** Looks at an instruction, and at DX if that names the port. */
  public void decode(X86Instruction instruction) {
    int immediate = instruction.immediatePort();
    port = immediate >= 0 ? immediate : (int) (core.gpr(X86Core.RDX) & LOW_16);
    bytes = instruction.elementBytes();
    addressBytes = instruction.addressBytes();
    instructionBytes = instruction.length();
    repeated = instruction.isRepeated();
  }

  public int port() {
    return port;
  }

  /** Bytes of one element: 1, 2 or 4. */
  public int bytes() {
    return bytes;
  }

  public int instructionBytes() {
    return instructionBytes;
  }

  /** A string instruction with a repeat prefix. */
  public boolean isRepeated() {
    return repeated;
  }

  /** Elements that a repeated instruction has left. */
  public long counter() {
    return truncated(core.gpr(X86Core.RCX));
  }

  /** A repeated instruction whose counter is zero. */
  public boolean isUsedUp() {
    return repeated && counter() == 0;
  }

  /** Whether the address register counts down. */
  public boolean descends() {
    return (core.rflags() & RFLAGS_DF) != 0;
  }

  /** As what the instruction accesses memory: {@link Access#USER} or 0. */
  public int privilege() {
    return core.cpl() == 3 ? Access.USER : 0;
  }

  /** AL, AX or EAX. */
  public long accumulator() {
    return core.gpr(X86Core.RAX) & mask();
  }

  /** A 32-bit write clears the upper half of RAX, a narrower one leaves the rest. */
  public void setAccumulator(long value) {
    long old = core.gpr(X86Core.RAX);
    long read = value & mask();
    core.setGpr(X86Core.RAX, bytes == Integer.BYTES ? read : old & ~mask() | read);
  }

  /** RSI or RDI at the instruction's address size: where the element is in its segment. */
  public long address(int addressRegister) {
    return truncated(core.gpr(addressRegister));
  }

  /**
   * Some elements are done.
   *
   * @param addressRegister RSI or RDI
   * @param elements 1 without a repeat prefix
   */
  public void advance(int addressRegister, int elements) {
    long step = (long) elements * (descends() ? -bytes : bytes);
    setAtAddressSize(addressRegister, core.gpr(addressRegister) + step);
    if (repeated) {
      setAtAddressSize(X86Core.RCX, core.gpr(X86Core.RCX) - elements);
    }
  }

  private void setAtAddressSize(int index, long value) {
    long kept = addressBytes == Short.BYTES ? core.gpr(index) & ~LOW_16 : 0;
    core.setGpr(index, kept | truncated(value));
  }

  private long truncated(long value) {
    return switch (addressBytes) {
      case Short.BYTES -> value & LOW_16;
      case Integer.BYTES -> value & LOW_32;
      default -> value;
    };
  }

  private long mask() {
    return (1L << Byte.SIZE * bytes) - 1;
  }
}
