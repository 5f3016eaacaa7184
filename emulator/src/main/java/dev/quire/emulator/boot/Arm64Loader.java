package dev.quire.emulator.boot;

/**
 * arm64 guests: a flat Linux Image (Documentation/arch/arm64/booting.rst, v6.18) or an ELF64 at its
 * physical addresses. Both start at EL1 with the MMU off and the device tree's address in X0.
 */
final class Arm64Loader {
  private static final int HEADER_BYTES = 64;
  private static final int TEXT_OFFSET = 8;
  private static final int IMAGE_BYTES = 16;
  private static final int FLAGS = 24;
  private static final int MAGIC_OFFSET = 56;
  private static final int MAGIC = 0x644d5241;
  private static final int BIG_ENDIAN = 1;

  /** Of images before Linux 3.17, whose image_size is 0. */
  private static final long OLD_TEXT_OFFSET = 0x80000;

  private static final long MAX_TEXT_OFFSET = 2L << 20;
  private static final long INITRD_OFFSET_LIMIT = 128L << 20;
  private static final long PAGE_BYTES = 4096;
  private static final long DTB_ALIGNMENT = 2L << 20;
  private static final long DTB_MIN_ALIGNMENT = 8;

  private Arm64Loader() {}

  static boolean isImage(GuestFile file) {
    return file.has(0, HEADER_BYTES) && file.i32(MAGIC_OFFSET) == MAGIC;
  }

  static EntryState loadImage(BootImage image, String commandLine) {
    GuestFile file = image.request().kernel();
    if ((file.i64(FLAGS) & BIG_ENDIAN) != 0) {
      throw file.bad("is a big-endian arm64 Image; only little-endian ones are supported");
    }
    long imageBytes = file.i64(IMAGE_BYTES);
    long textOffset = imageBytes == 0 ? OLD_TEXT_OFFSET : file.i64(TEXT_OFFSET);
    if (Long.compareUnsigned(textOffset, MAX_TEXT_OFFSET) >= 0 || textOffset % PAGE_BYTES != 0) {
      throw file.bad(
          "text offset 0x%x in the Image header is not a multiple of 4096 below 2 MiB", textOffset);
    }
    if (imageBytes < 0) {
      throw file.bad("image size 0x%x in the Image header is absurd", imageBytes);
    }
    long gpa = GuestRam.VIRT_BASE_GPA + textOffset;
    image.add(
        "the kernel", gpa, Math.max(imageBytes, file.length()), file.bytes(), 0, file.length());
    return enter(image, commandLine, gpa);
  }

  static EntryState loadElf(BootImage image, String commandLine) {
    GuestFile file = image.request().kernel();
    ElfImage elf = ElfImage.read(file);
    long entry = elf.entryGpa(file);
    if (entry % 4 != 0) {
      throw file.bad("entry point 0x%x is not aligned to an instruction", entry);
    }
    elf.loadInto(image, file);
    return enter(image, commandLine, entry);
  }

  private static EntryState enter(BootImage image, String commandLine, long pc) {
    GuestRam.Range ram = image.ram().low();
    long above = ram.gpa() + Math.min(ram.bytes() / 2, INITRD_OFFSET_LIMIT);
    long initrdGpa = up(Math.max(image.endGpa(), above), PAGE_BYTES);
    GuestFile initrd = image.request().initrd();
    long initrdBytes = initrd == null ? 0 : initrd.length();
    if (initrd != null) {
      if (!image.isFree(initrdGpa, initrdBytes)) {
        throw initrd.bad(
            "an initrd of %d bytes does not fit above 0x%x in RAM (%s); give the guest more"
                + " --memory",
            initrdBytes, initrdGpa, image.ram());
      }
      image.add("the initrd", initrdGpa, initrd.bytes());
    }
    byte[] tree =
        VirtDeviceTree.build(
            image.ram(), image.request().cpus(), commandLine, initrdGpa, initrdBytes);
    long treeGpa = treeGpa(image, initrdGpa + initrdBytes, tree.length);
    image.add("the device tree", treeGpa, tree);
    return new EntryState.Arm64Entry(pc, treeGpa);
  }

  /** Behind the initrd as QEMU has it, else at the top of RAM. */
  private static long treeGpa(BootImage image, long above, int bytes) {
    long usual = up(above, DTB_ALIGNMENT);
    long top = image.ram().low().endGpa() - bytes & -DTB_MIN_ALIGNMENT;
    // Linux maps the tree by one 2 MiB block, so it must not cross into a second.
    boolean crosses = top / DTB_ALIGNMENT != (top + bytes - 1) / DTB_ALIGNMENT;
    return image.isFree(usual, bytes) || crosses ? usual : top;
  }

  private static long up(long gpa, long alignment) {
    return gpa + alignment - 1 & -alignment;
  }
}
