package dev.quire.bindings;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.MemorySegment;
import java.util.HexFormat;

/** A 64-bit x86 engine with 4 MiB of RAM at 0, in the state it has when opened. */
final class X86Machine implements AutoCloseable {
  static final long RAM_BYTES = 4 << 20;
  static final long CODE = 0x1000;

  final NativeMemory memory = NativeMemory.reserve(RAM_BYTES);
  final MemorySegment ram = memory.segment();
  final Uc uc = Uc.open(UcConst.ARCH_X86, UcConst.MODE_64);

  X86Machine() {
    uc.cpuModel(UcConst.CPU_X86_SKYLAKE_SERVER);
    uc.tlbTypeVirtual();
    uc.useExits(true);
    uc.memMapPtr(0, RAM_BYTES, UcConst.PERM_ALL, ram);
  }

  /** Places code given in hexadecimal. */
  X86Machine code(String hex) {
    byte[] bytes = HexFormat.of().parseHex(hex.replace(" ", ""));
    MemorySegment.copy(bytes, 0, ram, JAVA_BYTE, CODE, bytes.length);
    return this;
  }

  int run() {
    return uc.emuStart(CODE, 0, 0, 0);
  }

  @Override
  public void close() {
    uc.close();
    memory.close();
  }
}
