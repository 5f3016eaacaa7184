package dev.quire.emulator.boot;

/**
 * ELF64 for x86-64 by the Linux 64-bit boot protocol (Documentation/arch/x86/boot.rst, "64-bit Boot
 * Protocol"), as Firecracker boots a vmlinux.
 */
final class LinuxBoot64Loader {
  /** The boot page tables reach this far. */
  private static final long MAPPED_GPA = 0x1_0000_0000L;

  private LinuxBoot64Loader() {}

  static EntryState load(BootImage image, String commandLine) {
    GuestFile file = image.request().kernel();
    ElfImage elf = ElfImage.read(file);
    long entry = elf.entryGpa(file);
    if (Long.compareUnsigned(entry, MAPPED_GPA) >= 0) {
      throw file.bad("entry point 0x%x is above the 4 GiB that are mapped at the start", entry);
    }
    EntryState state = PcLayout.enter64(image, entry, PcLayout.BOOT_INFO_GPA);
    elf.loadInto(image, file);
    new LinuxBootParams().addTo(image, commandLine);
    return state;
  }
}
