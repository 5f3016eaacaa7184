package dev.quire.bindings;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.MemorySegment;
import java.util.HexFormat;

/**
 * Calls hooks as guest code inside Unicorn, so that those of every host can be tested on any, and
 * checks that they keep their host's calling convention. Memory is 4 MiB at 0; what the hooks call
 * are little routines that the test places.
 */
final class HookCaller implements AutoCloseable {
  static final int RETURN = 0x5000;
  static final int STACK = 0x30000;
  private static final int BYTES = 4 << 20;
  private static final int[] X86_ARGUMENTS = {
    X86Reg.RDI, X86Reg.RSI, X86Reg.RDX, X86Reg.RCX, X86Reg.R8, X86Reg.R9
  };
  private static final int[] X86_SAVED = {
    X86Reg.RBX, X86Reg.RBP, X86Reg.R12, X86Reg.R13, X86Reg.R14, X86Reg.R15
  };

  final NativeMemory memory = NativeMemory.reserve(BYTES);
  final boolean x86;
  private final Uc uc;

  HookCaller(NativeStub.Host host) {
    x86 = host == NativeStub.Host.X86_64;
    if (x86) {
      uc = Uc.open(UcConst.ARCH_X86, UcConst.MODE_64);
    } else {
      uc = Uc.open(UcConst.ARCH_ARM64, UcConst.MODE_ARM);
      uc.pageSize(4096);
    }
    uc.tlbTypeVirtual();
    uc.useExits(true);
    uc.memMapPtr(0, BYTES, UcConst.PERM_ALL, memory.segment());
    place(RETURN, x86 ? "f4" : "7f2003d5");
  }

  void place(int at, byte[] code) {
    MemorySegment.copy(code, 0, memory.segment(), JAVA_BYTE, at, code.length);
  }

  /** Places code given in hexadecimal; how long it is. */
  int place(int at, String code) {
    byte[] bytes = HexFormat.of().parseHex(code);
    place(at, bytes);
    return bytes.length;
  }

  /** Calls {@code entry} with up to six arguments. */
  void call(int entry, long... arguments) {
    if (x86) {
      for (int i = 0; i < arguments.length; i++) {
        uc.registers().write(X86_ARGUMENTS[i], arguments[i]);
      }
      // At a function's entry the stack pointer is 8 above a multiple of 16.
      RawMemory.putLong(memory.hva() + STACK - 8, RETURN);
      enterX86(entry, STACK - 8);
    } else {
      for (int i = 0; i < arguments.length; i++) {
        uc.registers().writeX(i, arguments[i]);
      }
      enterArm64(entry);
    }
  }

  /** Jumps to x86 code that leaves for {@link #RETURN} by itself. */
  void jump(int entry, long rax, long rcx) {
    uc.registers().write(X86Reg.RAX, rax);
    uc.registers().write(X86Reg.RCX, rcx);
    enterX86(entry, STACK);
  }

  private void enterX86(int entry, int stack) {
    for (int i = 0; i < X86_SAVED.length; i++) {
      uc.registers().write(X86_SAVED[i], 0x7700 + i);
    }
    uc.registers().write(X86Reg.RSP, stack);
    expect(uc.emuStart(entry, 0, 0, 0), 0);
    expect(uc.registers().read(X86Reg.RIP), RETURN + 1);
    expect(uc.registers().read(X86Reg.RSP), STACK);
    for (int i = 0; i < X86_SAVED.length; i++) {
      expect(uc.registers().read(X86_SAVED[i]), 0x7700 + i);
    }
  }

  private void enterArm64(int entry) {
    for (int i = 19; i < 30; i++) {
      uc.registers().writeX(i, 0x7700 + i);
    }
    uc.registers().writeX(30, RETURN);
    uc.registers().write(Arm64Reg.SP, STACK);
    expect(uc.emuStart(entry, 0, 0, 0), 0);
    expect(uc.registers().read(Arm64Reg.PC), RETURN + 4);
    expect(uc.registers().read(Arm64Reg.SP), STACK);
    for (int i = 19; i < 30; i++) {
      expect(uc.registers().readX(i), 0x7700 + i);
    }
  }

  private static void expect(long seen, long wanted) {
    if (seen != wanted) {
      throw new AssertionError(
          "the hook broke its calling convention: "
              + Long.toHexString(seen)
              + " for "
              + Long.toHexString(wanted));
    }
  }

  @Override
  public void close() {
    uc.close();
    memory.close();
  }
}
