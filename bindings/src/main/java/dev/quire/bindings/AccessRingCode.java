package dev.quire.bindings;

import java.util.HexFormat;

/**
 * The assembled hooks of src/main/asm/access_hook_*.S and fetch_hook_*.S, one each for every host.
 * A test assembles the sources again and compares.
 */
final class AccessRingCode {
  private static final String ACCESS_ON_X86_64 =
      "49837920ff754f89c8488d4402ff4831d048c1e80c753f4889d048c1e80c4d8b1183e601493b4110"
          + "750641ff44b2f8c34d3b5108742049894110488d048649890249c742080000000041ff44b2084983"
          + "c2104d8911c341ff6128";
  private static final String ACCESS_ON_AARCH64 =
      "a91040f93f0500b1210300544940238b290500d1290102ca29fd4cd3890200b549fc4cd32a000012"
          + "ab3040a9ad0840f93f010deb610000546b2100d1080000147f010ceb40010054a90800f94d09098b"
          + "6d7d81a8ab0000f96b2100d16c596ab88c0500116c592ab8c0035fd6a91440f920011fd6";
  private static final String FETCH_ON_X86_64 =
      "515652488b4138488b4940ffd05a5e59488b4148833800752a4989f149c1e90c89d24c8d5416ff49"
          + "c1ea0c4c8b41204c8b59184983f8ff750b4d39d975064d39ca7701c3488b4108482b014883f82072"
          + "5f488b014983f8ff741f4d39d8741a4d89c34e8d0485020000004c890048c74008000000004883c0"
          + "104d39d974174e8d048d020000004c890048c74008000000004883c0104889014c8949184983c8ff"
          + "4c8941104d39ca4d0f47c24c894120c3ff6130";
  private static final String FETCH_ON_AARCH64 =
      "fd7bbda9fd030091e10b01a9e31300f9698c43a920013fd6e10b41a9e31340f9fd7bc3a8692440f9"
          + "290140b9890100352afc4cd32b40228b6b0500d16bfd4cd36cb441a9bf0500b1c10000545f010ceb"
          + "810000547f010aeb48000054c0035fd6693840a9cf0109cbff8100f1830200544f0080d2bf0500b1"
          + "c0000054bf010ceb80000054ec030daaee090d8b2e7d81a85f010ceb60000054ee090a8b2e7d81a8"
          + "0e008092690000f96e0800f97f010aeb6b818e9a6aac01a9c0035fd6691840f920011fd6";

  private AccessRingCode() {}

  /** The memory hook. */
  static byte[] accessHook(NativeStub.Host host) {
    return HexFormat.of()
        .parseHex(host == NativeStub.Host.X86_64 ? ACCESS_ON_X86_64 : ACCESS_ON_AARCH64);
  }

  /** The block hook. */
  static byte[] fetchHook(NativeStub.Host host) {
    return HexFormat.of()
        .parseHex(host == NativeStub.Host.X86_64 ? FETCH_ON_X86_64 : FETCH_ON_AARCH64);
  }
}
