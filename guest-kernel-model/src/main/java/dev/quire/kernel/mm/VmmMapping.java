package dev.quire.kernel.mm;

/**
 * A mapping of guest memory in a VMM: readable and writable.
 *
 * @param sharing MAP_PRIVATE or MAP_SHARED, with MAP_ANONYMOUS if there is no file
 * @param file null for anonymous memory
 * @param offset of the file's first byte in it
 */
record VmmMapping(long hva, long bytes, int sharing, OpenFile file, long offset) {
  static final int READ_WRITE = Mman.PROT_READ | Mman.PROT_WRITE;

  boolean contains(long address) {
    return address >= hva && address - hva < bytes;
  }

  boolean covers(VmmMapping other) {
    return hva <= other.hva && other.hva + other.bytes <= hva + bytes;
  }

  boolean isShared() {
    return (sharing & Mman.MAP_TYPE) == Mman.MAP_SHARED;
  }

  /** Where in the file an address lies. */
  long offsetOf(long address) {
    return offset + (address - hva);
  }

  /** Maps all of it: the address, or -errno. */
  long mapAt(Process vmm) {
    return mapAt(vmm, hva, bytes);
  }

  /** Maps a part of it, anew if it is mapped. */
  long mapAt(Process vmm, long first, long length) {
    int flags = sharing | Mman.MAP_NORESERVE | Mman.MAP_FIXED;
    return vmm.mmap(first, length, READ_WRITE, flags, file, file == null ? 0 : offsetOf(first));
  }

  @Override
  public String toString() {
    return "0x%x bytes of %s at 0x%x"
        .formatted(bytes, file == null ? "anonymous memory" : file.kind(), hva);
  }
}
