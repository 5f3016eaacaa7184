package dev.quire.bindings;

import java.util.HexFormat;

/**
 * The assembled block hooks of src/main/asm/block_counter_*.S, one per guest and host. A test
 * assembles the sources again and compares.
 */
final class BlockCounterCode {
  private static final String X86_GUEST_ON_X86_64 = "c3";
  private static final String ARM64_GUEST_ON_X86_64 = "c3";
  private static final String X86_GUEST_ON_AARCH64 = "c0035fd6";
  private static final String ARM64_GUEST_ON_AARCH64 = "c0035fd6";

  private BlockCounterCode() {}

  static byte[] x86Guest(NativeStub.Host host) {
    return HexFormat.of()
        .parseHex(host == NativeStub.Host.X86_64 ? X86_GUEST_ON_X86_64 : X86_GUEST_ON_AARCH64);
  }

  static byte[] arm64Guest(NativeStub.Host host) {
    return HexFormat.of()
        .parseHex(host == NativeStub.Host.X86_64 ? ARM64_GUEST_ON_X86_64 : ARM64_GUEST_ON_AARCH64);
  }
}
