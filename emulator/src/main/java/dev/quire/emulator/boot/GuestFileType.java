package dev.quire.emulator.boot;

import java.util.Map;

/** The kinds of files that can be booted. */
public enum GuestFileType {
  /** ELF64 for x86-64, entered in long mode by the Linux 64-bit boot protocol. */
  ELF64_X86_64("ELF64 x86-64", GuestArchitecture.X86_64),
  /** A file with a Multiboot 1 header, ELF32 or flat, entered in 32-bit protected mode. */
  MULTIBOOT1("Multiboot 1", GuestArchitecture.X86_64),
  /** A Linux bzImage, entered by the 64-bit boot protocol. */
  BZIMAGE("Linux bzImage", GuestArchitecture.X86_64),
  /** ELF64 for arm64, entered at EL1 with the MMU off. */
  ELF64_ARM64("ELF64 arm64", GuestArchitecture.ARM64),
  /** A flat Linux arm64 Image. */
  ARM64_IMAGE("arm64 Image", GuestArchitecture.ARM64);

  private static final String EXPECTED =
      "expected an ELF executable, a Multiboot 1 file, a Linux bzImage or an arm64 Image";

  private static final Map<Integer, String> MACHINES =
      Map.of(
          2,
          "SPARC",
          8,
          "MIPS",
          20,
          "PowerPC",
          21,
          "64-bit PowerPC",
          22,
          "S/390",
          40,
          "32-bit Arm",
          243,
          "RISC-V",
          258,
          "LoongArch");

  private final String label;
  private final GuestArchitecture architecture;

  GuestFileType(String label, GuestArchitecture architecture) {
    this.label = label;
    this.architecture = architecture;
  }

  public GuestArchitecture architecture() {
    return architecture;
  }

  @Override
  public String toString() {
    return label;
  }

  /** Tells by the content what a file is. */
  public static GuestFileType detect(GuestFile file) {
    if (file.length() == 0) {
      throw file.bad("is empty; " + EXPECTED);
    }
    if (ElfImage.isElf(file)) {
      return detectElf(file, ElfImage.read(file));
    }
    if (Arm64Loader.isImage(file)) {
      return ARM64_IMAGE;
    }
    if (BzImageLoader.isBzImage(file)) {
      return BZIMAGE;
    }
    if (Multiboot1Header.find(file) != null) {
      return MULTIBOOT1;
    }
    throw file.bad(unknown(file));
  }

  private static GuestFileType detectElf(GuestFile file, ElfImage elf) {
    if (elf.is64() && elf.machine() == ElfImage.MACHINE_X86_64) {
      return ELF64_X86_64;
    }
    if (elf.is64() && elf.machine() == ElfImage.MACHINE_AARCH64) {
      return ELF64_ARM64;
    }
    if (!elf.is64() && elf.machine() == ElfImage.MACHINE_386) {
      if (Multiboot1Header.find(file) == null) {
        throw file.bad(
            "is an ELF32 x86 executable without a Multiboot 1 header in its first %d bytes",
            Multiboot1Header.SEARCH_BYTES);
      }
      return MULTIBOOT1;
    }
    throw file.bad(
        "is an ELF%d file for %s; expected x86-64 or arm64",
        elf.is64() ? 64 : 32,
        switch (elf.machine()) {
          case ElfImage.MACHINE_X86_64 -> "x86-64 (the x32 format)";
          case ElfImage.MACHINE_AARCH64 -> "arm64 (the ILP32 format)";
          case ElfImage.MACHINE_386 -> "32-bit x86";
          default -> MACHINES.getOrDefault(elf.machine(), "ELF machine " + elf.machine());
        });
  }

  private static String unknown(GuestFile file) {
    int start = file.length() >= 4 ? file.i32(0) : file.u8(0);
    if ((start & 0xffff) == 0x8b1f) {
      return "is compressed with gzip; unpack it first";
    }
    if (start == 0xfd2fb528) {
      return "is compressed with zstd; unpack it first";
    }
    if ((start & 0xffff) == 0x2123) {
      return "is a script; " + EXPECTED;
    }
    if ((start & 0xffff) == 0x5a4d) {
      return "is an EFI or DOS program; " + EXPECTED;
    }
    return "is no guest that can be booted (it starts with bytes %s); %s"
        .formatted(firstBytes(file), EXPECTED);
  }

  private static String firstBytes(GuestFile file) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < Math.min(4, file.length()); i++) {
      text.append(i == 0 ? "" : " ").append("%02x".formatted(file.u8(i)));
    }
    return text.toString();
  }
}
