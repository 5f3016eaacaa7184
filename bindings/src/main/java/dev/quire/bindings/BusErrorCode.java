package dev.quire.bindings;

import java.util.HexFormat;

/**
 * The assembled SIGBUS handlers of src/main/asm/bus_error_*.S, one per host. A test assembles the
 * sources again and compares.
 */
final class BusErrorCode {
  private static final String ON_X86_64 =
      "837e08027574488b4610488b0d6f0000004c8b0149ffc878614883c1204c8b094c39c872ef483b41"
          + "0873e948ff411048817910000800007712488b35480000004889f748f7df4821c7eb1248c7411801"
          + "0000004c89cf488b71084829feba0300000041ba3240000049c7c0ffffffff4531c9b8090000000f"
          + "05c3ff2510000000000000000000000000000000000000000000000000000000";
  private static final String ON_AARCH64 =
      "290840b93f090071010400542a0840f90b0400586c0140f98c0300b48c0500d16b8100916d3940a9"
          + "5f010deb63ffff545f010eeb22ffff54690940f929050091690900f93f0120f1a800005461020058"
          + "e90301cb4001098a05000014290080d2690d00f9e0030daac1010dcb620080d2430688d204008092"
          + "050080d2c81b80d2010000d4c0035fd6d000005800021fd600000000000000000000000000000000"
          + "0000000000000000";

  private BusErrorCode() {}

  static byte[] of(NativeStub.Host host) {
    return HexFormat.of().parseHex(host == NativeStub.Host.X86_64 ? ON_X86_64 : ON_AARCH64);
  }
}
