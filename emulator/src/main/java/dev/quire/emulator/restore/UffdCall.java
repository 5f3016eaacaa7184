package dev.quire.emulator.restore;

/** What a handler may ask the machine's thread to do. Bytes and the VMM's addresses. */
public sealed interface UffdCall {
  /** A page-aligned range of guest memory. */
  long address();

  long bytes();

  /** Where contents come from: the memory file from an offset on, or a buffer if there is one. */
  record Source(long fileOffset, byte[] buffer) {}

  /** UFFDIO_COPY. */
  record Copy(long address, long bytes, Source source) implements UffdCall {}

  /** Contents for the page cache behind the range. */
  record Fill(long address, long bytes, Source source) implements UffdCall {}

  /** Everything that needs a range alone. */
  record Plain(Op op, long address, long bytes) implements UffdCall {}

  /** Which of those. */
  enum Op {
    ZERO("UFFDIO_ZEROPAGE"),
    RESUME("UFFDIO_CONTINUE"),
    POISON("UFFDIO_POISON"),
    WAKE("UFFDIO_WAKE");

    private final String ioctl;

    Op(String ioctl) {
      this.ioctl = ioctl;
    }
  }

  /** As messages name it. */
  default String text() {
    String name =
        switch (this) {
          case Copy copy -> "UFFDIO_COPY";
          case Fill fill -> "filling the page cache";
          case Plain plain -> plain.op.ioctl;
        };
    return "%s of 0x%x bytes at 0x%x".formatted(name, bytes(), address());
  }
}
