package dev.quire.bindings;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.MemorySegment;

/** An arm64 engine set up as a real machine does it, with 4 MiB of RAM at 0x40000000. */
final class Arm64Machine implements AutoCloseable {
  static final long RAM_BYTES = 4 << 20;
  static final long RAM = 0x4000_0000L;
  static final int WFI = 0xd503207f;

  final NativeMemory memory = NativeMemory.reserve(RAM_BYTES);
  final MemorySegment ram = memory.segment();
  final Uc uc = Uc.open(UcConst.ARCH_ARM64, UcConst.MODE_ARM);

  Arm64Machine() {
    uc.pageSize(4096);
    uc.cpuModel(UcConst.CPU_ARM64_MAX);
    uc.tlbTypeVirtual();
    uc.useExits(true);
    uc.registers().writeCp(1, 1, 3, 6, 0, 0x501);
    uc.registers().writeCp(1, 1, 3, 4, 0, 1L << 31);
    uc.memMapPtr(RAM, RAM_BYTES, UcConst.PERM_ALL, ram);
  }

  Arm64Machine code(int... words) {
    for (int i = 0; i < words.length; i++) {
      ram.set(JAVA_INT, 4L * i, words[i]);
    }
    return this;
  }

  int run() {
    return uc.emuStart(RAM, 0, 0, 0);
  }

  @Override
  public void close() {
    uc.close();
    memory.close();
  }
}
